"""From results to a table, and to the files that keep it."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.runs import ROOT, Result

__all__ = ["machine", "put_in_docs", "save", "table"]

_RESULTS = ROOT / "bench" / "results"
_DOCS = ROOT / "docs" / "reference" / "capacity.md"
_BEGIN = "<!-- measured: begin -->\n"
_END = "<!-- measured: end -->\n"
_PACKAGES = ("hookflash", "numpy", "uvloop", "uvicorn", "websockets", "msgspec", "onnxruntime")
_HEAD = (
    "calls",
    "system",
    "CPU ms per call-second",
    "of the floor",
    "of Pipecat",
    "MB per call",
    "late p99, most (ms)",
    "turn p50, p99 (ms)",
    "hush p50, p99 (ms)",
    "missed",
)


def table(results: Sequence[Result]) -> str:
    """Return a Markdown table, a row for each result; ratios are at equal numbers of calls."""
    by_load = {(result.system, result.calls): result for result in results}
    rows: list[Sequence[str]] = [_HEAD, ["---:", "---", *["---:"] * (len(_HEAD) - 2)]]
    for result in results:
        missed = result.missed_turns + result.missed_barge_ins + result.lost_calls
        rows.append(
            (
                str(result.calls),
                result.system,
                f"{result.cpu_ms:.1f}",
                _share(result, by_load.get(("floor", result.calls))),
                _share(result, by_load.get(("pipecat", result.calls))),
                f"{result.mb:.2f}",
                f"{result.late_ms[1]:.0f}, {result.late_ms[2]:.0f}",
                f"{result.turn_ms[0]:.0f}, {result.turn_ms[1]:.0f}",
                f"{result.barge_in_ms[0]:.0f}, {result.barge_in_ms[1]:.0f}",
                str(missed),
            )
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _share(result: Result, other: Result | None) -> str:
    return "" if other is None or other is result else f"{result.cpu_ms / other.cpu_ms:.2f}"


def machine() -> dict[str, str]:
    """Say on what it was measured."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
    found = {
        "processor": f"{len(os.sched_getaffinity(0))} cores, {model}",
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


def save(results: Sequence[Result], about: Mapping[str, str]) -> None:
    """Write `bench/results/latest.json` and `latest.md`."""
    _RESULTS.mkdir(parents=True, exist_ok=True)
    body = {"about": dict(about), "results": [result.as_json() for result in results]}
    (_RESULTS / "latest.json").write_text(json.dumps(body, indent=1) + "\n", "utf-8")
    (_RESULTS / "latest.md").write_text(_page(results, about), "utf-8")


def put_in_docs(results: Sequence[Result], about: Mapping[str, str]) -> None:
    """Replace the table in `docs/reference/capacity.md`."""
    head, _, rest = _DOCS.read_text("utf-8").partition(_BEGIN)
    _, _, tail = rest.partition(_END)
    _DOCS.write_text(f"{head}{_BEGIN}\n{_page(results, about)}\n{_END}{tail}", "utf-8")


def _page(results: Sequence[Result], about: Mapping[str, str]) -> str:
    said = "; ".join(f"{name} {value}" for name, value in about.items() if name != "command")
    return f"`{about['command']}`\n\n{table(results)}\nMeasured with {said}.\n"
