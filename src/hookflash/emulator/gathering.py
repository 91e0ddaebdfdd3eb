"""`<Gather>`: collecting keys and words while prompts play.

Words are those that a far end's script says as text (`Line.say`), or gives with its sound: no
recogniser listens. When speech begins and ends is heard in the sound.

Source: https://www.twilio.com/docs/voice/twiml/gather
"""

import asyncio
from collections.abc import Awaitable
from contextlib import ExitStack
from typing import Final, Literal, TypeAlias

from hookflash.audio.levels import rms_dbfs
from hookflash.emulator.call import EmulatedCall
from hookflash.emulator.line import FRAME_SECONDS, LOUD_DBFS, SILENCE
from hookflash.emulator.waiting import cut_short
from hookflash.wire.twiml import Gather

__all__ = ["gather"]

_SPEECH_FRAMES: Final = 3
# What `auto` comes to, which the vendor leaves open; and how sure it always is.
_AUTO_SECONDS: Final = 1.0
_CONFIDENCE: Final = "0.95"

_Heard: TypeAlias = tuple[Literal["key", "speech", "words", "quiet"], str]


class _Ear:
    """A tap that says when the far end begins and ends to speak."""

    def __init__(self, heard: "asyncio.Queue[_Heard]", *, pause: float) -> None:
        self._heard = heard
        self._pause_frames = max(1, round(pause / FRAME_SECONDS))
        self._loud_run = 0
        self._quiet_run = 0
        self._is_speaking = False

    def frame(self, spoken: bytes, heard: bytes, deadline: float) -> None:
        """Listen to 20 ms."""
        if spoken is not SILENCE and rms_dbfs(spoken) > LOUD_DBFS:
            self._loud_run, self._quiet_run = self._loud_run + 1, 0
        else:
            self._loud_run, self._quiet_run = 0, self._quiet_run + 1
        if not self._is_speaking and self._loud_run >= _SPEECH_FRAMES:
            self._is_speaking = True
            self._heard.put_nowait(("speech", ""))
        elif self._is_speaking and self._quiet_run >= self._pause_frames:
            self._is_speaking = False
            self._heard.put_nowait(("quiet", ""))


async def gather(
    call: EmulatedCall, verb: Gather, prompts: Awaitable[None]
) -> dict[str, str] | None:
    """Collect what `verb` asks for.

    Args:
        call: whose party presses and speaks.
        verb: what ends it.
        prompts: plays meanwhile; the first key, or speech, stops it.

    Returns:
        The fields for the `action`; None if there was nothing.
    """
    heard: asyncio.Queue[_Heard] = asyncio.Queue()
    timeout = float(verb.timeout)
    match verb.speech_timeout:
        case None:
            pause = timeout
        case "auto":
            pause = _AUTO_SECONDS
        case seconds:
            pause = float(seconds)
    ear = _Ear(heard, pause=pause)
    with ExitStack() as stack:
        if "dtmf" in verb.input:
            stack.enter_context(call.keys_to(lambda digit: heard.put_nowait(("key", digit))))
        if "speech" in verb.input:
            stack.enter_context(call.words_to(lambda words: heard.put_nowait(("words", words))))
            call.add_tap(ear)
            stack.callback(call.remove_tap, ear)
        following = asyncio.ensure_future(heard.get())
        try:
            if verb.barge_in or "speech" not in verb.input:
                await cut_short(prompts, following)
            else:
                await prompts
            digits = ""
            words: list[str] = []
            while True:
                await asyncio.wait({following}, timeout=timeout)
                if not following.done():
                    break
                kind, what = following.result()
                following = asyncio.ensure_future(heard.get())
                if kind == "speech":
                    timeout = float(verb.max_speech_time)
                elif kind == "words":
                    words.append(what)
                elif kind == "quiet":
                    break
                elif what in verb.finish_on_key:
                    return _keyed(digits, what, verb) if not words else _spoken(words)
                elif not words:
                    digits += what
                    timeout = float(verb.timeout)
                    if len(digits) == verb.num_digits:
                        break
        finally:
            following.cancel()
    return _spoken(words) if words else _keyed(digits, "", verb)


def _spoken(words: list[str]) -> dict[str, str]:
    return {"SpeechResult": " ".join(words), "Confidence": _CONFIDENCE}


def _keyed(digits: str, finished_on: str, verb: Gather) -> dict[str, str] | None:
    if not digits and not verb.action_on_empty_result:
        return None
    fields = {"Digits": digits}
    if finished_on:
        fields["FinishedOnKey"] = finished_on
    return fields
