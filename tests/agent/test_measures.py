"""What a session was like in figures: worked out from lists of events with literal times."""

from typing import Any

import pytest

from hookflash.agent.measures import Distribution, Measures, measure
from hookflash.events.measures import (
    AgentHushed,
    CallerSpeechBegan,
    CallerSpeechEnded,
    ModelFinished,
    VoiceFinished,
)
from hookflash.events.session import (
    ErrorOccurred,
    FalseInterruption,
    SessionRecord,
    SpeechInterrupted,
    ToolFinished,
    ToolMeasure,
    ToolStarted,
    TurnCompleted,
    TurnMetrics,
    TurnOutcome,
    UserTranscription,
    UtteranceBegan,
    UtteranceSpoken,
)


class Script:
    """Events in order; `turn` is the present one, as a session tells it."""

    def __init__(self) -> None:
        self.events: list[SessionRecord] = []
        self.turn = ""

    def at(self, moment: float, kind: type[SessionRecord], **fields: Any) -> "Script":
        fields.setdefault("turn", self.turn)
        self.events.append(kind(sequence=len(self.events) + 1, at=moment, **fields))
        return self

    def caller(self, began: float, ended: float) -> "Script":
        """The detector takes 0.2 s to be sure of speech, and 0.3 s to be sure of silence."""
        self.at(began + 0.2, CallerSpeechBegan, began=began)
        return self.at(ended + 0.3, CallerSpeechEnded, ended=ended)

    def completed(self, moment: float, turn: str, speech_ended: float | None) -> "Script":
        self.turn = turn
        return self.at(
            moment, TurnCompleted, text="when", reason="silence", speech_ended=speech_ended
        )

    def spoken(self, moment: float, utterance: str, ms: float, *, cut: bool = False) -> "Script":
        return self.at(
            moment,
            UtteranceSpoken,
            utterance=utterance,
            said="at nine",
            heard="at nine",
            played_ms=ms,
            interrupted=cut,
        )

    def over(self, moment: float, turn: str, outcome: TurnOutcome) -> TurnMetrics:
        """Measure it all, and return the figures of the turn that is over now."""
        measures = Measures()
        for event in self.events:
            measures.feed(event)
        metrics = measures.finish_turn(turn, outcome, moment)
        assert metrics is not None
        return metrics


def question(script: Script) -> Script:
    """One second of speech, a decision half a second later."""
    script.caller(10.0, 11.0)
    script.at(11.4, UserTranscription, text="when", final=True)
    return script.completed(11.5, "t1", 11.0)


def rounded(metrics: TurnMetrics) -> dict[str, object]:
    """What was measured, to the millisecond; what is 0 or None left out."""
    found: dict[str, object] = {}
    for name in metrics.__struct_fields__:
        value = getattr(metrics, name)
        if isinstance(value, float):
            value = round(value, 3)
        if value:
            found[name] = value
    return found


def test_each_part_of_a_turn_is_the_time_between_two_moments() -> None:
    script = question(Script())
    script.at(12.1, UtteranceBegan, utterance="r1")
    script.at(
        12.4,
        ModelFinished,
        utterance="r1",
        began=11.5,
        first_text=11.8,
        ended=12.4,
        input_tokens=40,
        output_tokens=9,
    )
    script.at(
        14.1,
        VoiceFinished,
        utterance="r1",
        began=11.85,
        first_audio=12.0,
        ended=12.5,
        characters=31,
        audio_ms=2000,
    )
    script.spoken(14.15, "r1", 2000)
    assert rounded(script.over(14.15, "t1", TurnOutcome.ANSWERED)) == {
        "at": 14.15,
        "turn": "t1",
        "outcome": TurnOutcome.ANSWERED,
        "latency": 1.1,
        "endpointing": 0.5,
        "stt": 0.4,
        "llm_first_text": 0.3,
        "llm_total": 0.9,
        "tts_first_audio": 0.15,
        "playout": 2.0,
        "dead_air": 1.1,
        "input_tokens": 40,
        "output_tokens": 9,
        "characters": 31,
    }


def test_silence_while_a_tool_runs_is_dead_air_and_its_filler_is_not() -> None:
    script = question(Script())
    script.at(11.6, ToolStarted, tool="book", call_id="c1")
    script.at(12.0, UtteranceBegan, utterance="filler").spoken(13.0, "filler", 1000)
    script.at(15.0, ToolFinished, tool="book", call_id="c1", is_error=False, seconds=3.4)
    script.at(15.5, UtteranceBegan, utterance="r1").spoken(17.5, "r1", 2000)
    assert rounded(script.over(17.5, "t1", TurnOutcome.ANSWERED)) == {
        "at": 17.5,
        "turn": "t1",
        "outcome": TurnOutcome.ANSWERED,
        "latency": 1.0,
        "endpointing": 0.5,
        "stt": 0.4,
        "playout": 5.5,
        "dead_air": 3.5,  # a second before the filler, two and a half behind it
        "tools": (ToolMeasure(tool="book", seconds=3.4, is_error=False),),
    }


def test_the_time_to_hush_counts_from_the_first_sound_over_the_agent() -> None:
    script = question(Script())
    script.at(12.0, UtteranceBegan, utterance="r1")
    script.at(13.2, CallerSpeechBegan, began=13.0)
    script.at(13.25, AgentHushed)
    script.at(13.6, SpeechInterrupted, reason="words")
    script.spoken(13.6, "r1", 1250, cut=True)
    assert rounded(script.over(13.6, "t1", TurnOutcome.INTERRUPTED)) == {
        "at": 13.6,
        "turn": "t1",
        "outcome": TurnOutcome.INTERRUPTED,
        "latency": 1.0,
        "endpointing": 0.5,
        "stt": 0.4,
        "playout": 1.25,
        "barge_in": 0.25,
        "interruptions": 1,
        "dead_air": 1.0,
        "talk_over": 0.25,
    }


def test_a_caller_who_speaks_already_when_the_agent_begins_is_over_it_from_its_beginning() -> None:
    script = question(Script())
    script.at(11.9, CallerSpeechBegan, began=11.7)
    script.at(12.0, UtteranceBegan, utterance="r1")
    script.at(12.5, SpeechInterrupted, reason="duration")
    script.spoken(12.5, "r1", 500, cut=True)
    found = script.over(12.5, "t1", TurnOutcome.INTERRUPTED)
    assert found.barge_in == pytest.approx(0.5)
    assert found.talk_over == pytest.approx(0.5)
    assert found.dead_air == pytest.approx(0.7)


def test_a_key_or_the_program_interrupts_without_a_time_to_hush() -> None:
    script = question(Script())
    script.at(12.0, UtteranceBegan, utterance="r1")
    script.at(12.5, SpeechInterrupted, reason="keys").spoken(12.5, "r1", 500, cut=True)
    found = script.over(12.5, "t1", TurnOutcome.INTERRUPTED)
    assert (found.barge_in, found.interruptions) == (None, 1)


def test_a_false_interruption_is_counted_and_its_silence_is_heard_by_nobody() -> None:
    script = question(Script())
    script.at(12.0, UtteranceBegan, utterance="r1")
    script.at(13.2, CallerSpeechBegan, began=13.0)
    script.at(13.2, AgentHushed)
    script.at(13.7, CallerSpeechEnded, ended=13.4)
    script.at(14.2, FalseInterruption)
    script.spoken(15.0, "r1", 2000)
    found = script.over(15.0, "t1", TurnOutcome.ANSWERED)
    assert (found.false_interruptions, found.interruptions, found.barge_in) == (1, 0, None)
    assert found.playout == pytest.approx(3.0)
    assert found.talk_over == pytest.approx(0.2)
    assert found.dead_air == pytest.approx(1.0 + 0.8)


def test_a_voice_that_runs_dry_in_the_middle_leaves_dead_air() -> None:
    script = question(Script())
    script.at(12.0, UtteranceBegan, utterance="r1").spoken(13.5, "r1", 1000)
    script.at(14.0, UtteranceBegan, utterance="r1").spoken(15.0, "r1", 1000)
    found = script.over(15.0, "t1", TurnOutcome.ANSWERED)
    assert found.dead_air == pytest.approx(1.0 + 1.0)


def test_an_answer_to_keys_has_no_latency_but_its_dead_air_counts_from_the_decision() -> None:
    script = Script().completed(5.0, "t1", None)
    script.at(5.8, UtteranceBegan, utterance="r1").spoken(6.8, "r1", 1000)
    found = script.over(6.8, "t1", TurnOutcome.ANSWERED)
    assert (found.latency, found.endpointing, found.stt) == (None, None, None)
    assert found.dead_air == pytest.approx(0.8)


def test_an_answer_of_which_nothing_was_heard_is_silent_and_dead_air_to_its_end() -> None:
    found = question(Script()).over(13.0, "t1", TurnOutcome.ANSWERED)
    assert found.outcome is TurnOutcome.SILENT
    assert (found.latency, found.playout) == (None, None)
    assert found.dead_air == pytest.approx(2.0)


def test_words_that_were_there_before_the_silence_took_no_time() -> None:
    script = Script()
    script.at(10.2, CallerSpeechBegan, began=10.0)
    script.at(10.9, UserTranscription, text="when", final=True)
    script.at(11.3, CallerSpeechEnded, ended=11.0)
    script.completed(11.5, "t1", 11.0)
    script.at(11.7, ModelFinished, utterance="r1", began=11.2, first_text=11.4, ended=11.6)
    found = script.over(12.0, "t1", TurnOutcome.ANSWERED)
    assert (found.stt, found.llm_first_text) == (0.0, 0.0)


def test_words_that_come_after_their_turn_are_not_those_of_the_next() -> None:
    script = Script().caller(10.0, 11.0).completed(11.5, "t1", 11.0)
    script.at(12.0, UserTranscription, text="when", final=True)
    script.caller(15.0, 16.0).completed(16.5, "t2", 16.0)
    assert script.over(17.0, "t1", TurnOutcome.ANSWERED).stt is None
    assert script.over(17.0, "t2", TurnOutcome.ANSWERED).stt is None


def test_what_an_older_answer_still_does_is_not_the_newer_turns() -> None:
    script = question(Script())
    script.at(11.6, ToolStarted, tool="book", call_id="c1")
    script.at(12.0, UtteranceBegan, utterance="r1")
    script.caller(12.5, 13.0).completed(13.5, "t2", 13.0)
    script.at(13.6, ToolFinished, tool="book", call_id="c1", is_error=True, seconds=2.0)
    script.spoken(14.0, "r1", 2000)
    script.at(15.0, UtteranceBegan, utterance="r2").spoken(16.0, "r2", 1000)
    older = script.over(14.0, "t1", TurnOutcome.ANSWERED)
    newer = script.over(16.0, "t2", TurnOutcome.ANSWERED)
    assert older.tools == (ToolMeasure(tool="book", seconds=2.0, is_error=True),)
    assert older.playout == pytest.approx(2.0)
    assert newer.tools == ()
    assert newer.latency == pytest.approx(2.0)
    assert newer.dead_air == pytest.approx(1.0)  # the older answer was heard for a second of it


def call() -> Script:
    """A greeting and two turns, the second of them without an answer."""
    script = Script()
    script.at(0.5, UtteranceBegan, utterance="hello").spoken(2.5, "hello", 2000)
    question(script)
    script.at(12.0, UtteranceBegan, utterance="r1")
    script.at(12.1, ModelFinished, utterance="r1", began=11.5, ended=12.1, output_tokens=4)
    script.at(13.0, VoiceFinished, utterance="r1", began=11.6, ended=12.0, characters=10)
    script.spoken(13.0, "r1", 1000)
    script.at(13.0, TurnMetrics, outcome=TurnOutcome.ANSWERED, latency=1.0)
    script.caller(20.0, 20.5)
    script.completed(21.0, "t2", 20.5)
    script.at(22.5, ErrorOccurred, source="llm", reason="timeout", message="", recoverable=True)
    return script


def test_a_list_of_events_is_measured_again_to_the_same_figures() -> None:
    measures = measure(call().events)
    assert [(turn.turn, turn.outcome) for turn in measures.turns] == [
        ("t1", TurnOutcome.ANSWERED),
        ("t2", TurnOutcome.ENDED),
    ]
    found = measures.snapshot()
    assert found.seconds == 22.5
    assert found.turns == {"answered": 1, "ended": 1}
    assert found.latency == Distribution(count=1, p50=1.0, p95=1.0, most=1.0)
    assert found.endpointing == Distribution(count=2, p50=0.5, p95=0.5, most=0.5)
    assert found.caller_speech == pytest.approx(1.5)
    assert found.agent_speech == pytest.approx(3.0)
    assert found.dead_air == pytest.approx(1.0 + 2.0)
    assert (found.output_tokens, found.characters) == (4, 10)
    assert found.errors == {"llm": 1}


def test_a_snapshot_counts_what_goes_on_until_its_moment() -> None:
    measures = Measures()
    for event in Script().at(1.0, UtteranceBegan, utterance="hello").events:
        measures.feed(event)
    measures.feed(CallerSpeechBegan(sequence=2, at=2.2, began=2.0))
    found = measures.snapshot(3.0)
    assert (found.agent_speech, found.caller_speech, found.talk_over) == (2.0, 1.0, 1.0)


def test_percentiles_are_by_nearest_rank() -> None:
    hundred = Distribution.of(float(value) for value in range(100, 0, -1))
    assert hundred == Distribution(count=100, p50=50.0, p95=95.0, most=100.0)
    assert Distribution.of([None, 3.0, None]) == Distribution(count=1, p50=3.0, p95=3.0, most=3.0)
    assert Distribution.of([None]) == Distribution()


def test_a_turn_that_is_not_open_has_no_figures() -> None:
    assert Measures().finish_turn("t9", TurnOutcome.ANSWERED, 1.0) is None
