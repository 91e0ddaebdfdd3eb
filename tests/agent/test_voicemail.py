"""A session that finds out who has answered: what is said when, and what a machine is left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from tests.agent.stage import Script, Stage

from hookflash.agent import Agent, AgentSession, VoiceMailDetector
from hookflash.audio import beep, silence, tone
from hookflash.errors import ConfigError, LinkError
from hookflash.events.session import (
    ErrorOccurred,
    SessionClosedEvent,
    UtteranceBegan,
    UtteranceSpoken,
)
from hookflash.events.voicemail import (
    CarrierVerdict,
    MessageLeft,
    VoicemailBeep,
    VoicemailDetected,
    VoicemailMethod,
    VoicemailVerdict,
)
from hookflash.machines.voicemail import VoicemailConfig
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.runtime.replay import replay
from hookflash.runtime.tape import Tape
from hookflash.testing import ScriptedLLM, ScriptedTTS
from hookflash.testing.scripted import Fails, Says

HUMAN, MACHINE = VoicemailVerdict.HUMAN, VoicemailVerdict.MACHINE
GREETING = "Hi, please leave a message after the tone."
MESSAGE = "Ann, please call the surgery back."


class Greeter(Agent):
    async def on_enter(self) -> None:
        self.session.say("Good morning, Acme here.")


@asynccontextmanager
async def answered(
    detector: VoiceMailDetector,
    agent: Agent | None = None,
    script: Script = (),
    *,
    tts: ScriptedTTS | None = None,
    tape: Tape | None = None,
) -> AsyncIterator[Stage]:
    """A call that was answered at 0."""
    stage = Stage(agent or Greeter(), script, tts=tts, tape=tape)
    stage.session.voice_mail_detector = detector
    await stage.session.start(stage.leg)
    try:
        yield stage
    finally:
        await stage.session.close()
        stage.leg.close()
        call = stage.session.call
        assert call is not None
        await call.aclose()


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await main()

    clock.run(whole(), virtual=True)


def verdicts(stage: Stage) -> list[tuple[VoicemailVerdict, VoicemailMethod, float]]:
    return [(e.result, e.method, round(e.seconds, 2)) for e in stage.of(VoicemailDetected)]


class PreparedLLM(ScriptedLLM):
    prepared = False

    async def prepare(self) -> None:
        self.prepared = True


async def machine_greets(stage: Stage) -> None:
    """Two seconds of greeting from 1.0 on, a pause, and the beep: it is over at about 4.1."""
    await asyncio.sleep(1.0)
    await stage.caller_says(GREETING, lasting=2.0)
    await stage.leg.say(silence(8000, 300.0) + beep(ms=500.0) + silence(8000, 200.0))


# A person.


def test_a_person_who_says_hello_hears_the_agent_800_ms_after_it() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector()) as stage:
            await asyncio.sleep(1.0)
            assert stage.of(UtteranceBegan) == []
            await stage.caller_says("Hello?")  # from 1.0 to 1.6
            await asyncio.sleep(3.0)
            assert verdicts(stage) == [(HUMAN, VoicemailMethod.TIMING, 2.4)]
            assert stage.session.voicemail_verdict is HUMAN
            assert not stage.session.is_voicemail_detected
            (began,) = stage.of(UtteranceBegan)
            assert began.at == pytest.approx(2.4, abs=0.03)

    run(main)


def test_the_greeting_of_a_person_is_answered_by_ours_and_stays_in_the_history() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector()) as stage:
            await stage.caller_says("Hello?")
            await asyncio.sleep(4.0)
            assert stage.items == ["user: Hello?", "assistant: Good morning, Acme here."]
            assert stage.llm.requests == []

    run(main)


def test_a_question_is_answered_by_our_greeting_even_if_its_turn_ends_after_the_verdict() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector()) as stage:
            await stage.caller_says("Hello, who is this?", lasting=1.0)
            await asyncio.sleep(5.0)
            assert verdicts(stage) == [(HUMAN, VoicemailMethod.WORDS, 1.3)]
            assert stage.items == [
                "assistant: Good morning, Acme here.",
                "user: Hello, who is this?",
            ]
            assert stage.llm.requests == []

    run(main)


def test_an_agent_without_a_greeting_answers_theirs() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(), Agent(), ["Acme here."]) as stage:
            await stage.caller_says("Hello?")
            await asyncio.sleep(4.0)
            assert stage.items == ["user: Hello?", "assistant: Acme here."]
            (began,) = stage.of(UtteranceBegan)
            assert began.at == pytest.approx(1.4, abs=0.05)

    run(main)


def test_what_a_person_says_next_is_answered() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(), script=["At noon."]) as stage:
            await stage.caller_says("Hello?")
            await asyncio.sleep(3.0)
            await stage.caller_says("When?")
            await asyncio.sleep(3.0)
            assert stage.items[2:] == ["user: When?", "assistant: At noon."]

    run(main)


def test_a_silent_line_hears_the_agent_after_three_seconds() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector()) as stage:
            await asyncio.sleep(5.0)
            assert verdicts(stage) == [(VoicemailVerdict.UNKNOWN, VoicemailMethod.TIMEOUT, 3.0)]
            (began,) = stage.of(UtteranceBegan)
            assert began.at == pytest.approx(3.0, abs=0.03)

    run(main)


def test_speech_without_words_is_not_asked_about_while_nobody_is_known() -> None:
    async def main() -> None:
        detector = VoiceMailDetector(config=VoicemailConfig(pause=6.0))
        async with answered(detector) as stage:
            stage.vad.voice.verdict(True, stage.now())
            await asyncio.sleep(1.0)
            stage.vad.voice.verdict(False, stage.now())
            await asyncio.sleep(9.0)
            assert [e.said for e in stage.of(UtteranceSpoken)] == ["Good morning, Acme here."]

    run(main)


# A machine.


def test_a_machine_is_left_the_message_after_its_beep() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(message=MESSAGE)) as stage:
            await machine_greets(stage)
            assert verdicts(stage) == [(MACHINE, VoicemailMethod.WORDS, 3.0)]
            assert stage.session.is_voicemail_detected
            assert await stage.session.wait_closed() == "voicemail"
            (heard,) = stage.of(VoicemailBeep)
            assert heard.frequency_hz == pytest.approx(1000.0, abs=3.0)
            assert heard.duration_ms == pytest.approx(500, abs=20)
            (said,) = stage.of(UtteranceSpoken)
            assert (said.heard, said.interrupted) == (MESSAGE, False)
            (began,) = stage.of(UtteranceBegan)
            # The greeting and its verdicts end at 3.3, then 0.3 of silence and 0.5 of beep.
            assert began.at == pytest.approx(4.2, abs=0.05)
            (left,) = stage.of(MessageLeft)
            assert (left.whole, left.beep) == (True, True)
            call = stage.session.call
            assert call is not None
            assert call.ended is not None
            assert call.ended.reason == "voicemail"

    run(main)


def test_a_message_can_be_made_when_a_machine_has_answered() -> None:
    async def message() -> str:
        await asyncio.sleep(0.5)
        return "Made for you."

    async def main() -> None:
        async with answered(VoiceMailDetector(message=message)) as stage:
            await machine_greets(stage)
            await stage.session.wait_closed()
            assert [e.heard for e in stage.of(UtteranceSpoken)] == ["Made for you."]

    run(main)


def test_a_message_that_cannot_be_made_ends_the_call() -> None:
    async def message() -> str:
        msg = "no"
        raise ValueError(msg)

    async def main() -> None:
        async with answered(VoiceMailDetector(message=message)) as stage:
            await machine_greets(stage)
            assert await stage.session.wait_closed() == "voicemail"
            (error,) = stage.of(ErrorOccurred)
            assert error.reason == "hook_failed"
            assert stage.of(MessageLeft) == []
            assert stage.of(UtteranceSpoken) == []

    run(main)


def test_a_message_that_cannot_be_spoken_was_not_left_whole() -> None:
    async def main() -> None:
        tts = ScriptedTTS(fails=[None, LinkError("gone")])  # the apology, then the message
        async with answered(VoiceMailDetector(message=MESSAGE), Agent(), tts=tts) as stage:
            await machine_greets(stage)
            assert await stage.session.wait_closed() == "voicemail"
            (left,) = stage.of(MessageLeft)
            assert (left.whole, left.beep) == (False, True)

    run(main)


def test_a_message_without_a_synthesiser_is_an_error_and_ends_the_call() -> None:
    async def main() -> None:
        stage = Stage(Agent())
        pipeline = Pipeline(stt=stage.stt, vad=stage.vad)
        session: AgentSession[None] = AgentSession(
            Agent(), pipeline, voice_mail_detector=VoiceMailDetector(message=MESSAGE)
        )
        errors: list[ErrorOccurred] = []
        session.on(ErrorOccurred, errors.append)
        await session.start(stage.leg)
        await machine_greets(stage)
        assert await session.wait_closed() == "voicemail"
        assert [(error.source, error.reason) for error in errors] == [("tts", "usage")]
        call = session.call
        assert call is not None
        await call.aclose()

    run(main)


def test_a_machine_that_hangs_up_during_the_message_has_not_got_all_of_it() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(message=MESSAGE)) as stage:
            await machine_greets(stage)
            await asyncio.sleep(0.5)
            stage.leg.hang_up()
            assert await stage.session.wait_closed() == "caller_hung_up"
            (left,) = stage.of(MessageLeft)
            assert (left.whole, left.beep) == (False, True)
            assert stage.events.index(left) < stage.events.index(*stage.of(SessionClosedEvent))

    run(main)


def test_the_far_side_cannot_interrupt_the_message() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(message=MESSAGE)) as stage:
            await machine_greets(stage)
            await stage.caller_says("You have two minutes.")
            await stage.session.wait_closed()
            (said,) = stage.of(UtteranceSpoken)
            assert (said.heard, said.interrupted) == (MESSAGE, False)
            assert stage.llm.requests == []

    run(main)


def test_without_a_beep_a_silence_will_do_and_a_late_beep_begins_the_message_anew() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(message=MESSAGE)) as stage:
            await stage.caller_says(GREETING, lasting=2.0)  # until 2.0
            await asyncio.sleep(2.8)
            assert len(stage.of(UtteranceBegan)) == 1  # at 4.5
            await stage.leg.say(beep(ms=300.0) + silence(8000, 200.0))
            await stage.session.wait_closed()
            cut, whole = stage.of(UtteranceSpoken)
            assert (cut.interrupted, whole.interrupted, whole.heard) == (True, False, MESSAGE)
            (left,) = stage.of(MessageLeft)
            assert (left.whole, left.beep) == (True, True)

    run(main)


def test_a_machine_found_out_late_cuts_the_agent_short() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(message=MESSAGE)) as stage:
            await stage.caller_says("Hi.", lasting=0.4)
            await asyncio.sleep(1.0)
            assert stage.session.voicemail_verdict is HUMAN
            await stage.caller_says(GREETING, lasting=2.0)
            assert stage.session.is_voicemail_detected
            await stage.leg.say(silence(8000, 300.0) + beep(ms=500.0) + silence(8000, 200.0))
            await stage.session.wait_closed()
            assert [e.corrected for e in stage.of(VoicemailDetected)] == [False, True]
            assert [e.heard for e in stage.of(UtteranceSpoken)][-1] == MESSAGE
            (left,) = stage.of(MessageLeft)
            assert (left.whole, left.beep) == (True, True)

    run(main)


def test_a_machine_for_which_there_is_neither_message_nor_callback_is_hung_up_on() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector()) as stage:
            await stage.caller_says(GREETING, lasting=2.0)
            assert await stage.session.wait_closed() == "voicemail"
            assert stage.of(UtteranceBegan) == []

    run(main)


def test_a_greeting_without_end_is_hung_up_on() -> None:
    async def main() -> None:
        detector = VoiceMailDetector(message=MESSAGE, config=VoicemailConfig(greeting_limit=20.0))
        async with answered(detector) as stage:
            stage.vad.voice.verdict(True, stage.now())
            assert await stage.session.wait_closed() == "voicemail"
            assert stage.now() == pytest.approx(24.5, abs=0.1)
            assert stage.of(MessageLeft) == []

    run(main)


# The callback.


def test_a_callback_gets_the_verdict_or_nothing_as_it_likes() -> None:
    got: list[object] = []

    def plain(event: VoicemailDetected) -> None:
        got.append((event.result, event.transcript))

    async def bare() -> None:
        got.append("called")

    async def main() -> None:
        for detector in (VoiceMailDetector(callback=plain), VoiceMailDetector(None, bare)):
            async with answered(detector) as stage:
                await stage.caller_says(GREETING, lasting=2.0)
                await asyncio.sleep(0.1)
                assert not stage.session.closed

    run(main)
    assert got == [(MACHINE, GREETING), "called"]


def test_a_callback_may_speak_after_the_beep_and_hang_up() -> None:
    async def main() -> None:
        stage: Stage

        async def leave() -> None:
            await stage.session.say("Call me.", interruptible=False)
            await stage.session.hangup("done")

        async with answered(VoiceMailDetector(callback=leave)) as stage:
            await machine_greets(stage)
            assert await stage.session.wait_closed() == "done"
            assert [e.heard for e in stage.of(UtteranceSpoken)] == ["Call me."]
            (began,) = stage.of(UtteranceBegan)
            assert began.at == pytest.approx(4.2, abs=0.05)

    run(main)


def test_a_machines_greeting_gets_no_reply_when_the_callback_says_nothing() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(callback=lambda: None)) as stage:
            await machine_greets(stage)
            await asyncio.sleep(5.0)
            assert stage.llm.requests == []
            assert stage.of(UtteranceBegan) == []
            assert stage.items == [f"user: {GREETING}"]

    run(main)


def test_a_callback_that_raises_is_an_event_and_the_message_is_left_all_the_same() -> None:
    def wrong() -> None:
        msg = "no"
        raise ValueError(msg)

    async def main() -> None:
        async with answered(VoiceMailDetector(callback=wrong, message=MESSAGE)) as stage:
            await machine_greets(stage)
            await stage.session.wait_closed()
            (error,) = stage.of(ErrorOccurred)
            assert error.message == "the voicemail callback: ValueError"
            assert [e.whole for e in stage.of(MessageLeft)] == [True]

    run(main)


# Menus, assistants, faxes, carriers.


def test_a_menu_is_answered_and_what_was_to_be_said_to_a_person_is_dropped() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(), script=["Two."]) as stage:
            menu = "For sales press one, for service press two."
            await stage.caller_says(menu, lasting=2.5)
            await asyncio.sleep(3.0)
            assert [e[0] for e in verdicts(stage)] == [VoicemailVerdict.IVR]
            assert stage.items == [f"user: {menu}", "assistant: Two."]

    run(main)


def test_a_menu_may_be_hung_up_on() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(navigate_menus=False)) as stage:
            await stage.caller_says("For sales press one.", lasting=2.5)
            assert await stage.session.wait_closed() == "ivr"

    run(main)


def test_an_assistant_hears_who_calls() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector()) as stage:
            await stage.caller_says("Please say your name and reason for calling.", lasting=3.0)
            await asyncio.sleep(3.0)
            assert [e[0] for e in verdicts(stage)] == [VoicemailVerdict.CALL_SCREENING]
            assert [e.heard for e in stage.of(UtteranceSpoken)] == ["Good morning, Acme here."]
            assert stage.llm.requests == []

    run(main)


def test_a_fax_is_hung_up_on() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(message=MESSAGE)) as stage:
            await stage.leg.say(silence(8000, 200.0) + tone((2100.0,), 1500.0))
            assert await stage.session.wait_closed() == "fax"
            assert [e[:2] for e in verdicts(stage)] == [
                (VoicemailVerdict.FAX, VoicemailMethod.TONE)
            ]
            assert stage.of(MessageLeft) == stage.of(UtteranceBegan) == []

    run(main)


def test_the_carriers_word_releases_speech_at_once() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector()) as stage:
            await asyncio.sleep(0.5)
            stage.session.carrier_said(CarrierVerdict.HUMAN)
            await asyncio.sleep(1.0)
            assert verdicts(stage) == [(HUMAN, VoicemailMethod.CARRIER, 0.5)]
            (began,) = stage.of(UtteranceBegan)
            assert began.at == pytest.approx(0.5, abs=0.03)

    run(main)


def test_the_carriers_beep_starts_the_message_and_is_no_beep_of_ours() -> None:
    async def main() -> None:
        async with answered(VoiceMailDetector(message=MESSAGE)) as stage:
            await asyncio.sleep(2.0)
            stage.session.carrier_said(CarrierVerdict.MACHINE_END_BEEP)
            await stage.session.wait_closed()
            assert [(e.whole, e.beep) for e in stage.of(MessageLeft)] == [(True, True)]
            assert stage.of(VoicemailBeep) == []

    run(main)


def test_a_session_without_a_detector_knows_nothing_and_says_so_without_raising() -> None:
    async def main() -> None:
        stage = Stage(Greeter())
        assert not stage.session.is_voicemail_detected
        await stage.session.start(stage.leg)
        stage.session.carrier_said(CarrierVerdict.MACHINE_START)
        assert not stage.session.is_voicemail_detected
        assert stage.session.voicemail_verdict is None
        await stage.session.close()
        assert stage.session.voicemail_verdict is None
        stage.leg.close()
        call = stage.session.call
        assert call is not None
        await call.aclose()

    run(main)


# The model.


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("machine", MACHINE),
        (" **Machine**. ", MACHINE),
        ("yes", MACHINE),
        ("voicemail", MACHINE),
        ("human", HUMAN),
        ("No.", HUMAN),
        ("ivr", VoicemailVerdict.IVR),
        ("screening", VoicemailVerdict.CALL_SCREENING),
        ("unknown", VoicemailVerdict.UNKNOWN),
        ("no, yesterday maybe", None),
        ("It is not a machine", None),
        ("human or machine", None),
        ("", None),
        ("machine " * 50, None),
    ],
)
def test_the_models_answer_is_one_word_or_nothing(
    answer: str, verdict: VoicemailVerdict | None
) -> None:
    async def main() -> None:
        assert await VoiceMailDetector(ScriptedLLM([answer])).ask("We are out.") is verdict

    run(main)


def test_the_model_is_asked_with_the_programs_prompt_if_it_has_one() -> None:
    async def main() -> None:
        llm = ScriptedLLM(["yes"])
        detector = VoiceMailDetector(llm, custom_prompt="Is this a machine? yes or no")
        assert await detector.detect("The Millers are walking the dog.")
        (request,) = llm.requests
        assert [message.text for message in request.messages] == [
            "Is this a machine? yes or no",
            "The Millers are walking the dog.",
        ]

    run(main)


def test_detect_asks_no_model_where_the_words_tell() -> None:
    async def main() -> None:
        llm = ScriptedLLM()
        assert await VoiceMailDetector(llm).detect("Please leave a message.")
        assert not await VoiceMailDetector(llm).detect("Who is this?")
        assert llm.requests == []
        assert not await VoiceMailDetector().detect("The Millers are out.")

    run(main)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (["machine"], (MACHINE, VoicemailMethod.LLM)),
        ([Says("machine", delay=0.4)], (MACHINE, VoicemailMethod.LLM)),
        ([Says("machine", delay=30.0)], (HUMAN, VoicemailMethod.WORDS)),
        ([Fails(LinkError("gone"))], (HUMAN, VoicemailMethod.WORDS)),
    ],
    ids=["at once", "in time", "too late", "broken"],
)
def test_a_long_greeting_is_put_to_the_model_within_its_deadline(
    model: Script, expected: tuple[VoicemailVerdict, VoicemailMethod]
) -> None:
    async def main() -> None:
        llm = ScriptedLLM(model)
        async with answered(VoiceMailDetector(llm, callback=lambda: None)) as stage:
            await stage.caller_says("The Millers are out with the dog again", lasting=2.5)
            await asyncio.sleep(1.5)
            assert [e[:2] for e in verdicts(stage)] == [expected]
            assert stage.of(VoicemailDetected)[0].seconds <= 2.5 + 1.5
        assert len(llm.requests) == 1

    run(main)


def test_the_model_is_prepared_before_the_call_is_answered() -> None:
    async def main() -> None:
        llm = PreparedLLM()
        async with answered(VoiceMailDetector(llm)):
            assert llm.prepared

    run(main)


# Settings, and the tape.


@pytest.mark.parametrize("duration", [0.0, -2.0, float("inf"), float("nan")])
def test_a_duration_outside_its_range_is_refused_by_name(duration: float) -> None:
    with pytest.raises(ConfigError, match=r"duration is .*seconds above 0"):
        VoiceMailDetector(duration=duration)


def test_an_empty_message_is_refused() -> None:
    with pytest.raises(ConfigError, match="message is empty"):
        VoiceMailDetector(message=" ")


def test_duration_is_the_longest_greeting_of_a_person() -> None:
    config = VoiceMailDetector(duration=6.0).config
    assert config == VoicemailConfig(short_greeting=6.0, long_greeting=6.0)
    assert VoiceMailDetector(ScriptedLLM()).config == VoicemailConfig(use_model=True)


def test_the_tape_of_a_judged_call_replays() -> None:
    tape = Tape()

    async def main() -> None:
        async with answered(VoiceMailDetector(message=MESSAGE), tape=tape) as stage:
            await machine_greets(stage)
            await stage.session.wait_closed()

    run(main)
    replayed = replay(tape.lines())
    assert "voicemail" in replayed.machines
    assert replayed.differences == ()
