import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from tests.runtime.test_replay import record
from typer.testing import CliRunner

from hookflash.cli import main
from hookflash.errors import ConfigError, UsageError
from hookflash.server import App, Settings

runner = CliRunner()

APP = """
from hookflash import App, Call

app = App()

@app.on_call
async def answer(call: Call) -> None:
    await call.answer()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def hookflash(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hookflash.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def test_help_names_the_commands() -> None:
    result = runner.invoke(main._cli, ["--help"])
    assert result.exit_code == 0
    for command in ("demo", "run", "replay"):
        assert command in result.output


def test_the_version_is_the_packages() -> None:
    result = runner.invoke(main._cli, ["--version"])
    assert result.output.startswith("hookflash 0.")


def test_replay_says_that_all_is_as_recorded(tmp_path: Path) -> None:
    tape = tmp_path / "call.tape.jsonl"
    record(tape)
    result = runner.invoke(main._cli, ["replay", str(tape)])
    assert result.exit_code == 0
    assert "decisions are as recorded" in result.output


def test_replay_shows_what_differs(tmp_path: Path) -> None:
    tape = tmp_path / "call.tape.jsonl"
    record(tape)
    changed = tape.read_text().replace('"reason":"silence"', '"reason":"limit"')
    tape.write_text(changed)
    result = runner.invoke(main._cli, ["replay", str(tape)])
    assert result.exit_code == 1
    assert "recorded" in result.output
    assert "decisions differ" in result.output


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, "there is no file"),
        ("x = 1", "has no App"),
        ("from hookflash import App\na, b = App(), App()", "has 2 Apps"),
    ],
)
def test_a_file_without_an_app_is_said_to_have_none(
    tmp_path: Path, text: str | None, why: str
) -> None:
    file = tmp_path / "desk.py"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=why):
        main.load_app(file)


def test_the_app_of_a_file_is_found_by_its_name_or_alone(tmp_path: Path) -> None:
    file = tmp_path / "first_desk.py"
    file.write_text("from hookflash import App\nother, app = App(), App()")
    assert isinstance(main.load_app(file), App)
    file = tmp_path / "second_desk.py"
    file.write_text("from hookflash import App\ndesk = App()")
    assert isinstance(main.load_app(file), App)


def test_a_missing_setting_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    file = tmp_path / "desk.py"
    file.write_text(APP)
    result = hookflash("run", str(file), HOOKFLASH_PUBLIC_URL="")
    assert result.returncode == 2
    assert "set HOOKFLASH_PUBLIC_URL" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_taken_port_is_said_to_be_taken(tmp_path: Path) -> None:
    file = tmp_path / "desk.py"
    file.write_text(APP)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = hookflash("run", str(file), "--port", port, **_SETTINGS)
    assert result.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr
    assert "--port" in result.stderr


_SETTINGS = {
    "HOOKFLASH_PUBLIC_URL": "https://phone.example.com",
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "secret",
}


@pytest.mark.real_time
def test_a_file_is_served_until_it_is_told_to_stop(tmp_path: Path) -> None:
    file = tmp_path / "desk.py"
    file.write_text(APP)
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "hookflash.cli", "run", str(file), "--port", str(port)],
        env={**os.environ, **_SETTINGS},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for _ in range(200):
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        else:
            process.kill()
            pytest.fail("it did not start")
        assert answer.json() == {"status": "ready", "calls": 0, "max_calls": 200}
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "serving http://127.0.0.1" in log
    assert "secret" not in log


def test_bad_settings_are_named() -> None:
    for given, why in (
        ({"max_calls": "many"}, "max_calls"),
        ({"decide_within": 20}, "decide_within"),
        ({"check_signatures": "no"}, "check_signatures"),
        ({"public_url": "phone.example.com"}, "public_url"),
        ({"colour": "red"}, "unknown setting 'colour'"),
    ):
        with pytest.raises(ConfigError, match=why):
            Settings.load(environment={}, **given)


def test_settings_come_from_arguments_then_environment_then_file(tmp_path: Path) -> None:
    file = tmp_path / "hookflash.toml"
    file.write_text('max_calls = 5\npublic_url = "https://file.example"\nrecord_dir = "calls"\n')
    environment = {
        "HOOKFLASH_PUBLIC_URL": "https://environment.example",
        "HOOKFLASH_MAX_CALLS": "7",
    }
    settings = Settings.load(environment=environment, file=file, max_calls=9)
    assert settings.max_calls == 9
    assert settings.public_url == "https://environment.example"
    assert settings.record_dir == Path("calls")
    file.write_text("max_calls = ")
    with pytest.raises(ConfigError, match="not valid TOML"):
        Settings.load(environment={}, file=file)
