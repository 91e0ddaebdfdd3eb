"""What `import hookflash` costs, beside what it cannot do without."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.runs import ROOT, pipecat_python

__all__ = ["print_imports"]

_TIMES = 7
_PROGRAM = """
import json, sys, time
began = time.perf_counter()
{imports}
took = time.perf_counter() - began
pages = int(open("/proc/self/statm").read().split()[1])
import resource
print(json.dumps([1000 * took, pages * resource.getpagesize() / 2**20, len(sys.modules)]))
"""
_CASES = {
    "nothing": "",
    "numpy, starlette": "import numpy, starlette.applications",
    "numpy, starlette, uvicorn, websockets, pydantic, msgspec": (
        "import numpy, starlette.applications, uvicorn, websockets.protocol, pydantic, msgspec"
    ),
    "hookflash": "import hookflash",
}
_PIPECAT = """
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.pipeline.worker import PipelineWorker
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.llm_service import LLMService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketTransport
"""


def print_imports() -> None:
    """Import each in fresh interpreters; print the medians."""
    python = pipecat_python()
    cases: list[tuple[str, Path, str]] = [
        (name, Path(sys.executable), imports) for name, imports in _CASES.items()
    ]
    if python is not None:
        cases.append(("pipecat, a minimal agent's imports", python, _PIPECAT))
    print(f"{'ms':>6} {'MB':>6} {'modules':>8}")
    with TemporaryDirectory() as bytecode:
        for name, interpreter, imports in cases:
            ms, mb, modules = _measure(interpreter, imports, bytecode)
            print(f"{ms:6.0f} {mb:6.1f} {modules:8.0f}  {name}")


def _measure(interpreter: Path, imports: str, bytecode: str) -> Sequence[float]:
    program = _PROGRAM.format(imports=imports)
    # The first run compiles and does not count, whether or not this machine may keep bytecode.
    kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": bytecode}
    runs = [
        json.loads(
            subprocess.run(
                [str(interpreter), "-c", program],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=True,
                cwd=ROOT,
                env=os.environ | kept,
            ).stdout.splitlines()[-1]
        )
        for _ in range(_TIMES + 1)
    ][1:]
    return [statistics.median(each) for each in zip(*runs, strict=True)]
