"""What tests of agents need: fakes that pass the contract kits of the real things, and time.

- `MemoryLeg`: a leg whose far side is in memory.
- `ScriptedSTT`, `ScriptedLLM`, `ScriptedTTS`, `ScriptedVAD`: providers that do as they are told.
- `check_leg`: what every leg must do; also for legs of your own.
- The pytest plugin (loaded by itself) fails a test that leaks a task or an exception, and has the
  fixture `virtual_time`.
"""

from hookflash.testing.check_leg import FarSide, check_leg
from hookflash.testing.memory_leg import MemoryLeg
from hookflash.testing.scripted import (
    Calls,
    Fails,
    Says,
    ScriptedLLM,
    ScriptedSTT,
    ScriptedTTS,
    ScriptedVAD,
)

__all__ = [
    "Calls",
    "Fails",
    "FarSide",
    "MemoryLeg",
    "Says",
    "ScriptedLLM",
    "ScriptedSTT",
    "ScriptedTTS",
    "ScriptedVAD",
    "check_leg",
]
