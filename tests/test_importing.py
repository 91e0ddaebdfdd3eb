"""What `import hookflash` loads. The time it takes is measured by `./scripts/bench import`."""

import subprocess
import sys
from functools import cache

# What every program needs, and what these bring along.
_PACKAGES = {"msgspec", "numpy", "pydantic", "starlette"}
_BROUGHT_ALONG = {
    *("pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"),
    *("anyio", "sniffio", "idna", "exceptiongroup", "multipart", "python_multipart"),
}
# Behind these names stand those who were chosen.
_BEFORE_A_CHOICE = {
    *("hookflash.providers.base", "hookflash.providers.chat", "hookflash.providers.realtime"),
    *("hookflash.providers.tool_server", "hookflash.carriers.base"),
}


@cache
def _loaded() -> frozenset[str]:
    # What site-packages load at every start of Python is none of ours.
    program = "import sys; at_start = set(sys.modules); import hookflash; "
    program += "print(*sorted(set(sys.modules) - at_start))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return frozenset(done.stdout.split())


def test_importing_loads_no_package_that_a_program_may_do_without() -> None:
    packages = {name.partition(".")[0] for name in _loaded()} - sys.stdlib_module_names
    assert packages >= _PACKAGES
    assert packages - _PACKAGES - _BROUGHT_ALONG == {"hookflash"}


def test_importing_leaves_most_of_pydantic_for_the_first_tool() -> None:
    assert not _loaded() & {"pydantic.fields", "pydantic.json_schema", "pydantic.main"}


def test_importing_loads_no_room_that_a_program_may_do_without() -> None:
    rooms = {".".join(name.split(".")[:2]) for name in _loaded() if name.startswith("hookflash.")}
    assert not rooms & {"hookflash.cli", "hookflash.emulator", "hookflash.testing"}


def test_importing_loads_no_provider_and_no_carrier_before_it_is_chosen() -> None:
    chosen = {
        name
        for name in _loaded()
        if name.startswith(("hookflash.providers.", "hookflash.carriers."))
    }
    assert chosen - _BEFORE_A_CHOICE == set()
    assert not _loaded() & {"hookflash.runtime.serve", "hookflash.wire.twiml"}
