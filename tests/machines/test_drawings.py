"""The machines' pages show the tables that drive the machines."""

import runpy
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from unittest import mock

ROOT = Path(__file__).parents[2]


class Drawn(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


def draw(*arguments: str) -> Drawn:
    out, err = StringIO(), StringIO()
    argv = ["draw_machines", *arguments]
    with mock.patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            runpy.run_path(str(ROOT / "scripts/draw_machines"), run_name="__main__")
        except SystemExit as ended:
            code = ended.code
    assert isinstance(code, int)
    return Drawn(code, out.getvalue(), err.getvalue())


def test_each_page_shows_its_machines_table_as_it_is() -> None:
    checked = draw("--check")
    assert checked.stderr == ""
    assert checked.returncode == 0


def test_a_stale_page_fails_the_check_and_is_redrawn_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "idle.md"
    page.write_text("above\n<!-- table:begin -->\nold\n<!-- table:end -->\nbelow\n")
    asked = ("--pages", str(tmp_path), "idle")
    checked = draw("--check", *asked)
    assert (checked.returncode, checked.stderr) == (
        1,
        f"{page} is out of date; run scripts/draw_machines\n",
    )
    drawn = draw(*asked)
    assert (drawn.returncode, drawn.stdout) == (0, f"{page}\n")
    lines = page.read_text().splitlines()
    assert lines[:3] == [
        "above",
        "<!-- table:begin -->",
        "| | **waiting** | **counting** | **paused** | **stopped** |",
    ]
    assert "    waiting --> counting : idle.activity" in lines
    assert "old" not in lines
    assert lines[-2:] == ["<!-- table:end -->", "below"]
    assert draw("--check", *asked).returncode == 0


def test_a_page_without_the_markers_is_left_alone_and_named(tmp_path: Path) -> None:
    (tmp_path / "idle.md").write_text("words\n")
    drawn = draw("--pages", str(tmp_path), "idle", "call")
    assert drawn.returncode == 1
    assert f"{tmp_path / 'idle.md'} needs the lines" in drawn.stderr
    assert f"{tmp_path / 'call.md'} needs the lines" in drawn.stderr
    assert (tmp_path / "idle.md").read_text() == "words\n"


def test_a_machine_that_does_not_exist_is_named() -> None:
    refused = draw("--check", "perpetuum")
    assert refused.returncode == 2
    assert "no machine named perpetuum" in refused.stderr
