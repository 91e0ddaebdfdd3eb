"""The commands. Each loads what it needs when it is called, so that `--help` answers at once."""

import importlib.util
import logging
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from hookflash import __version__
from hookflash.errors import HookflashError, UsageError
from hookflash.runtime import clock
from hookflash.runtime.log import set_up
from hookflash.runtime.replay import replay as replay_tape
from hookflash.server import App

__all__ = ["run"]

_USAGE = 2

_cli = typer.Typer(
    name="hookflash",
    help="AI phone agents for real phone lines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def run() -> None:
    """Run the command line; errors of ours become one line and exit code 2."""
    try:
        _cli()
    except HookflashError as exc:
        typer.echo(f"hookflash: {exc}", err=True)
        raise SystemExit(_USAGE) from exc


@_cli.callback(invoke_without_command=True)
def _front(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show log lines.")] = False,
) -> None:
    if version:
        typer.echo(f"hookflash {__version__}")
        raise typer.Exit
    if verbose:
        set_up(logging.INFO)


class _DemoCommand(TyperCommand):
    """Lets `--transfer` stand alone: Typer has no options whose value may be left out."""

    # The type of `ctx` that Typer itself names here is private to it.
    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Give `--transfer` its usual value where none follows it."""
        followed = zip(args, [*args[1:], "--"], strict=True)
        return super().parse_args(
            ctx,
            [
                "--transfer=accepts" if each == "--transfer" and after.startswith("-") else each
                for each, after in followed
            ],
        )


@_cli.command(cls=_DemoCommand)
def demo(
    *,
    fast: Annotated[
        bool, typer.Option("--fast", help="The same call on virtual time: done in seconds.")
    ] = False,
    text: Annotated[
        bool, typer.Option("--text", help="Type to the agent yourself instead of listening.")
    ] = False,
    llm: Annotated[
        str | None,
        typer.Option("--llm", metavar="URL", help="Use an OpenAI-compatible model server."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The model at --llm.")
    ] = None,
    record: Annotated[
        Path, typer.Option("--record", metavar="DIR", help="Where recording and tape go.")
    ] = Path("hookflash-demo"),
    port: Annotated[
        int, typer.Option("--port", help="Port of the agent's server; 0 takes a free one.")
    ] = 0,
    task: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="NAME",
            help="Watch an agent collect something: email, digits, card or survey.",
        ),
    ] = None,
    transfer: Annotated[
        str | None,
        typer.Option(
            "--transfer",
            metavar="[=WAY]",
            help="Watch an agent hand its caller to a person, who accepts; or the way back: "
            "voicemail, declines, no-answer or caller-hangs-up.",
        ),
    ] = None,
) -> None:
    """Hold a phone call with a front-desk agent, on this machine, with no account and no key."""
    from hookflash.cli.demo import DemoOptions, run_demo, run_text_demo
    from hookflash.cli.demo_tasks import run_task_demo
    from hookflash.cli.demo_transfer import run_transfer_demo

    options = DemoOptions(fast=fast, llm=llm, model=model, record=record, port=port)
    plain = not text and llm is None and model is None
    if transfer is not None:
        served = run_transfer_demo(transfer, options, alone=plain and task is None)
    elif task is not None:
        served = run_task_demo(task, options, alone=plain)
    else:
        served = run_text_demo(options) if text else run_demo(options)
    raise typer.Exit(0 if served else 1)


@_cli.command(name="run")
def run_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A Python file with an App.")],
    *,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="On which port.")] = 8000,
) -> None:
    """Serve the App in FILE: webhooks, media, health."""
    set_up(logging.INFO)
    app = load_app(file)
    clock.run(app.serve(host, port))


@_cli.command()
def replay(
    tape: Annotated[Path, typer.Argument(metavar="TAPE", help="A call's .tape.jsonl file.")],
) -> None:
    """Feed a call's tape to fresh machines and compare every decision."""
    try:
        lines = tape.read_bytes().splitlines()
    except OSError as exc:
        msg = f"cannot read {tape}: {exc.strerror}"
        raise UsageError(msg) from exc
    result = replay_tape(lines)
    for difference in result.differences:
        typer.echo(f"line {difference.line}, {difference.machine}:")
        typer.echo(f"  recorded {difference.recorded}")
        typer.echo(f"  replayed {difference.replayed}")
    names = ", ".join(result.machines)
    if result.differences:
        typer.echo(f"{len(result.differences)} of {result.decisions} decisions differ ({names}).")
        raise typer.Exit(1)
    typer.echo(f"All {result.decisions} decisions are as recorded ({names}).")


@_cli.command()
def record(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A session's .record.json or .journal.jsonl.")
    ],
) -> None:
    """Show a session's record; of a journal that a dead process left, make the record first."""
    from rich.console import Console

    from hookflash.cli.record import show_record

    show_record(file, Console())


def load_app(file: Path) -> App:
    """Run a Python file and return its App.

    Raises:
        UsageError: there is no such file, or not exactly one App in it (unless one is `app`).
    """
    if not file.is_file():
        msg = f"there is no file {file}"
        raise UsageError(msg)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        msg = f"{file} is not a Python file"
        raise UsageError(msg)
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    sys.path.insert(0, str(file.parent.resolve()))
    spec.loader.exec_module(module)
    named = getattr(module, "app", None)
    if isinstance(named, App):
        return named
    apps = [value for value in vars(module).values() if isinstance(value, App)]
    if len(apps) != 1:
        msg = f"{file} has {len(apps) or 'no'} App{'s' if len(apps) > 1 else ''}; name one `app`"
        raise UsageError(msg)
    return apps[0]
