import asyncio

import pytest
from tests.agent.stage import Script, Stage, on_stage

from hookflash.agent import Agent, SessionOptions
from hookflash.agent.keys import DTMFHandler
from hookflash.agent.tools import function_tool
from hookflash.audio.dtmf import DtmfDetector
from hookflash.audio.tones import dtmf_tones
from hookflash.errors import SessionClosed, UsageError
from hookflash.events.digits import DtmfSent
from hookflash.events.session import DtmfReceived, SpeechInterrupted, TurnCompleted
from hookflash.machines.turn import TurnConfig
from hookflash.runtime import clock
from hookflash.testing import MemoryLeg
from hookflash.testing.scripted import Calls

LONG = "Our opening hours are nine to five, from Monday to Friday, and ten to two on Saturday."


def keys_heard(stage: Stage) -> str:
    detector = DtmfDetector(8000)
    found = detector.push(b"".join(pcm for _, pcm in stage.leg.received)) + detector.flush()
    return "".join(each.digit for each in found)


def test_each_key_is_an_event_a_call_of_the_handler_and_part_of_the_number() -> None:
    pressed: list[str] = []

    async def slow(digit: str) -> None:
        await asyncio.sleep(0.5)
        pressed.append(digit)

    async def main() -> None:
        handler = DTMFHandler(slow)
        async with on_stage(Agent(), ["Thanks."], dtmf_handler=handler) as stage:
            stage.leg.press("4217#")
            await asyncio.sleep(5.0)
            assert pressed == ["4", "2", "1", "7", "#"]
            assert [event.digit for event in stage.of(DtmfReceived)] == pressed
            assert [event.text for event in stage.of(TurnCompleted)] == ["Keypad: 4217"]
            assert stage.items == ["user: Keypad: 4217", "assistant: Thanks."]

    clock.run(main(), virtual=True)


def test_keys_in_the_audio_do_as_well() -> None:
    async def main() -> None:
        stage = Stage(Agent(), ["Thanks."])
        stage.leg = MemoryLeg(digits_in="audio")
        await stage.session.start(stage.leg)
        await stage.leg.say(dtmf_tones("4217#"))
        await asyncio.sleep(5.0)
        assert stage.items == ["user: Keypad: 4217", "assistant: Thanks."]
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)


def test_a_key_interrupts_the_agent_unless_it_is_told_otherwise() -> None:
    async def interrupted(options: SessionOptions, *, interruptible: bool) -> list[str]:
        async with on_stage(Agent(), options=options) as stage:
            saying = stage.session.say(LONG, interruptible=interruptible)
            await asyncio.sleep(1.0)
            stage.leg.press("4")
            await asyncio.sleep(0.5)
            cut = saying.done()
            await saying
            await asyncio.sleep(5.0)
            # However it was, the key is the caller's turn.
            assert [event.text for event in stage.of(TurnCompleted)] == ["Keypad: 4"]
            return [event.reason for event in stage.of(SpeechInterrupted)] if cut else []

    async def main() -> None:
        keys, no_keys = TurnConfig(), TurnConfig(digits_interrupt=False)
        assert await interrupted(SessionOptions(turn=keys), interruptible=True) == ["keys"]
        assert await interrupted(SessionOptions(turn=keys), interruptible=False) == []
        assert await interrupted(SessionOptions(turn=no_keys), interruptible=True) == []

    clock.run(main(), virtual=True)


def test_keys_are_sent_in_the_order_of_what_is_said() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            before = stage.session.say("Before.")
            sending = asyncio.create_task(stage.session.send_dtmf("42w7"))
            await asyncio.sleep(0)
            after = stage.session.say("After.")
            await sending
            assert before.done()
            assert not after.done()
            (sent,) = stage.of(DtmfSent)
            assert (sent.digits, sent.sensitive) == ("42w7", False)
            await after
            assert keys_heard(stage) == "427"

    clock.run(main(), virtual=True)


def test_wrong_keys_are_refused_before_anything_is_sent() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            for wrong in ("12x", "", "1 2"):
                with pytest.raises(UsageError):
                    await stage.session.send_dtmf(wrong)
            assert stage.leg.received == []
        with pytest.raises(SessionClosed):
            await stage.session.send_dtmf("1")

    clock.run(main(), virtual=True)


def test_a_tool_sends_keys_now_and_without_waiting_for_itself() -> None:
    class Caller(Agent):
        @function_tool
        async def dial_extension(self, digits: str) -> str:
            """Dial an extension."""
            await self.session.send_dtmf(digits)
            return "done"

    async def main() -> None:
        script: Script = [[Calls("dial_extension", {"digits": "123"})], "There you are."]
        async with on_stage(Caller(), script) as stage:
            await stage.caller_says("put me through")
            await stage.session.wait_for_idle()
            await asyncio.sleep(1.0)
            await stage.session.wait_for_idle()
            assert keys_heard(stage) == "123"
            assert stage.items[-1] == "assistant: There you are."

    clock.run(main(), virtual=True)


def test_keys_that_are_sent_in_sensitive_mode_are_not_told() -> None:
    async def main() -> None:
        async with on_stage(Agent()) as stage:
            with stage.session.sensitive():
                await stage.session.send_dtmf("4217#")
            (sent,) = stage.of(DtmfSent)
            assert (sent.digits, sent.sensitive) == ("•••••", True)
            assert keys_heard(stage) == "4217#"

    clock.run(main(), virtual=True)
