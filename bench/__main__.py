"""The bench's command line; see `bench/README.md`."""

import argparse
import os
import shlex
import sys
from datetime import UTC, datetime

from bench.report import machine, put_in_docs, save, table
from bench.runs import SYSTEMS, Result, cores, pipecat_python, run

_QUIET = 0.5


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="What calls cost, beside others in the same run."
    )
    parser.add_argument(
        "what",
        nargs="?",
        default="calls",
        choices=(
            "bridge",
            "calls",
            "import",
            "demo",
            "vad",
            "resample",
            "recogniser",
            "session",
            "sound",
            "spoken",
            "voicemail",
            "wording",
        ),
        help="calls under load (the default), the import, the fast demo, or a part by itself",
    )
    parser.add_argument("--calls", type=_numbers, default=[1, 10, 25, 50, 100, 200])
    parser.add_argument("--seconds", type=float, default=20.0, help="measured, for each load")
    parser.add_argument("--only", type=_names, default=list(SYSTEMS), help="which systems")
    parser.add_argument("--docs", action="store_true", help="put the table into the docs, too")
    options = parser.parse_args()
    match options.what:
        case "bridge":
            from bench.bridge import print_bridges

            print_bridges()
        case "import":
            from bench.imports import print_imports

            print_imports()
        case "demo":
            from bench.demo import print_demo

            print_demo()
        case "vad":
            from bench.vad import print_vad

            print_vad()
        case "resample":
            from bench.resample import print_resampling

            print_resampling()
        case "voicemail":
            from bench.voicemail import print_voicemail

            print_voicemail()
        case "session":
            from bench.session import print_session

            print_session(docs=options.docs)
        case "recogniser":
            from bench.recogniser import print_recogniser

            print_recogniser()
        case "wording":
            from bench.wording import print_wording

            print_wording()
        case "spoken":
            from bench.spoken import print_spoken

            print_spoken()
        case "sound":
            from bench.sound import print_sound

            print_sound()
        case _:
            _measure_calls(options)


def _measure_calls(options: argparse.Namespace) -> None:
    about = {
        "command": f"./scripts/bench {shlex.join(sys.argv[1:])}".rstrip(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        **machine(),
    }
    busy = os.getloadavg()[0]
    if busy > _QUIET:
        print(f"this machine is busy (load {busy:.1f}): figures will be too high", file=sys.stderr)
    if None in cores():
        print("one core for server and load: figures will be too high", file=sys.stderr)
    python = dict.fromkeys(SYSTEMS)
    names = [name for name in SYSTEMS if name in options.only]
    if "pipecat" in names:
        found = pipecat_python()
        if found is None:
            names.remove("pipecat")
        python["pipecat"] = found
    results: list[Result] = []
    full: set[str] = set()
    for calls in options.calls:
        for name in names:
            if name in full:
                continue
            print(f"{name}, {calls} calls ...", file=sys.stderr, flush=True)
            result = run(SYSTEMS[name], calls, options.seconds, python=python[name])
            results.append(result)
            if result.saturated and name != "hookflash":
                print(f"{name} is saturated; no more calls for it", file=sys.stderr)
                full.add(name)
    print(table(results))
    load = max(result.load_cpu for result in results)
    print(f"The load generator took at most {load:.0%} of its core.")
    about["load generator"] = f"at most {load:.0%} of its core"
    save(results, about)
    if options.docs:
        put_in_docs(results, about)


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _names(text: str) -> list[str]:
    names = text.split(",")
    unknown = sorted(set(names) - set(SYSTEMS))
    if unknown:
        msg = f"unknown system {unknown[0]}; known are {', '.join(SYSTEMS)}"
        raise argparse.ArgumentTypeError(msg)
    return names


if __name__ == "__main__":
    main()
