"""Two calls that hear each other."""

import asyncio
from contextlib import ExitStack
from typing import Any

from hookflash.emulator.call import EmulatedCall
from hookflash.emulator.sound import Relay
from hookflash.emulator.waiting import first_of

__all__ = ["bridge"]


async def bridge(
    caller: EmulatedCall,
    other: EmulatedCall,
    *signals: "asyncio.Future[Any]",
    hangup_on_star: bool,
) -> None:
    """Connect two calls.

    Args:
        caller: one.
        other: the other.
        signals: the first of them that is done ends it.
        hangup_on_star: so does a star that the caller presses.
    """
    star: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def key_pressed(digit: str) -> None:
        if digit == "*" and hangup_on_star and not star.done():
            star.set_result(None)

    to_caller, to_other = Relay(), Relay()
    with ExitStack() as stack:
        for call, tap in ((other, to_caller), (caller, to_other)):
            call.add_tap(tap)
            stack.callback(call.remove_tap, tap)
        stack.enter_context(caller.playing(to_caller))
        stack.enter_context(other.playing(to_other))
        stack.enter_context(caller.keys_to(key_pressed))
        await first_of(star, *signals)
