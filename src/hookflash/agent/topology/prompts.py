"""Our words where the carrier says them."""

from collections.abc import Callable

from hookflash.agent.speech import Speech
from hookflash.calls.room import Prompt
from hookflash.carriers.base import PlaySound, SayWords
from hookflash.errors import HookflashError

__all__ = ["prompt_of"]


async def prompt_of(text: str, speech: Speech, offer: Callable[[bytes, int], PlaySound]) -> Prompt:
    """Return a text in the session's voice, as a sound that the carrier can fetch.

    Where there is no synthesiser, or it fails, the carrier says it in a voice of its own.

    Args:
        text: what to say.
        speech: whose voice.
        offer: lets the carrier fetch PCM16 of a rate in Hz.
    """
    try:
        return offer(await speech.render(text), speech.sample_rate)
    except HookflashError:
        return SayWords(text=text)
