"""What a measured server tells the bench, and how it ends: lines on its standard streams.

It prints `{"ready": "http://127.0.0.1:PORT"}` once it can be called, answers each line on its
standard input with what it has used so far, and stops when its standard input ends. Imported by
servers of other virtual environments, so it needs nothing but Python.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Mapping

__all__ = ["serve_until_done", "tell", "usage"]


def usage() -> dict[str, float]:
    """Return the CPU seconds of all threads, the resident megabytes, and when that was."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # no imports to spare
        pages = int(statm.read().split()[1])
    return {
        "cpu": used.ru_utime + used.ru_stime,
        "rss_mb": pages * resource.getpagesize() / 2**20,
        "at": time.monotonic(),
    }


def tell(line: Mapping[str, object]) -> None:
    """Print one line to the bench."""
    print(json.dumps(line), flush=True)


async def serve_until_done(url: str) -> None:
    """Say that the server is ready; answer questions until there are no more."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def asked() -> None:
        if sys.stdin.readline():
            tell(usage())
        elif not done.done():
            done.set_result(None)

    loop.add_reader(sys.stdin, asked)
    tell({"ready": url})
    try:
        await done
    finally:
        loop.remove_reader(sys.stdin)
