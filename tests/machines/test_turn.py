"""The turn machine on scripted calls: what happened when, and every command with its time.

The scripted voice detector reports speech 0.1 s after it begins and 0.3 s after it ends.
"""

import copy
import math
from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import pytest
from msgspec.structs import replace

from hookflash.errors import ConfigError
from hookflash.events.turn import (
    AgentSpeechEnded,
    AgentSpeechStarted,
    AgentThinking,
    BackchannelHeard,
    CallerLeft,
    DigitReceived,
    EndTurn,
    Expectation,
    ExpectationSet,
    FlushTranscript,
    PausePlayout,
    ReportTrouble,
    ResumePlayout,
    SpeechStarted,
    SpeechStopped,
    StopPlayout,
    TranscriptFinal,
    TranscriptPartial,
    Trouble,
    TurnCommand,
    TurnEndReason,
    TurnEvent,
    TurnJudged,
)
from hookflash.machines.turn import TRANSITIONS, TurnConfig, TurnMachine, TurnState
from hookflash.sansio import Machine

Script: TypeAlias = tuple[float, TurnEvent]
Log: TypeAlias = list[tuple[float, TurnCommand]]

AGENT = AgentSpeechStarted()
AGENT_DEAF = AgentSpeechStarted(interruptible=False)
AGENT_DONE = AgentSpeechEnded()
THINKING = AgentThinking(active=True)
THOUGHT = AgentThinking(active=False)
FLUSH = FlushTranscript()
PAUSE = PausePlayout()
RESUME = ResumePlayout()
LEFT = CallerLeft()
KEY = DigitReceived(digit="1")
NO_TRANSCRIPT = ReportTrouble(trouble=Trouble.NO_TRANSCRIPT)
ENDLESS_AUDIO = ReportTrouble(trouble=Trouble.ENDLESS_AUDIO)
YES_NO = ExpectationSet(expects=Expectation.YES_NO)
FOUR_DIGITS = ExpectationSet(expects=Expectation.DIGITS, length=4)


def play(*script: Script, config: TurnConfig | None = None, until: float = math.inf) -> Log:
    """Run a script with every deadline kept exactly; it must come to rest, or to `until`."""
    machine = TurnMachine(config)
    log: Log = []

    def wait(moment: float) -> None:
        while (deadline := machine.deadline()) is not None and deadline <= moment:
            log.extend((round(deadline, 6), command) for command in machine.tick(deadline))

    for moment, event in script:
        wait(moment)
        log.extend((moment, command) for command in machine.receive(event, moment))
    wait(until)
    return log


def at_rest(*script: Script, config: TurnConfig | None = None) -> TurnMachine:
    """Return the machine right after a script, without waiting for anything."""
    machine = TurnMachine(config)
    for moment, event in script:
        machine.receive(event, moment)
    return machine


def voice(onset: float) -> Script:
    return round(onset + 0.1, 6), SpeechStarted(onset=onset)


def silence(offset: float) -> Script:
    return round(offset + 0.3, 6), SpeechStopped(offset=offset)


def partial(moment: float, text: str) -> Script:
    return moment, TranscriptPartial(text=text)


def final(moment: float, text: str) -> Script:
    return moment, TranscriptFinal(text=text)


def turn(
    text: str, reason: TurnEndReason = TurnEndReason.SILENCE, ended: float | None = None
) -> EndTurn:
    return EndTurn(text=text, reason=reason, speech_ended_at=ended)


def stop(reason: str) -> StopPlayout:
    return StopPlayout(reason=reason)


def backchannel(text: str) -> BackchannelHeard:
    return BackchannelHeard(text=text)


def test_it_is_a_machine() -> None:
    machine: Machine[TurnEvent, TurnCommand] = TurnMachine()
    assert machine.deadline() is None
    assert machine.tick(5.0) == []


# The end of a turn.


def test_a_turn_ends_half_a_second_after_the_speech_did() -> None:
    assert play(
        voice(1.0),
        partial(1.5, "book"),
        silence(2.0),
        final(2.4, "book a table"),
    ) == [(2.3, FLUSH), (2.5, turn("book a table", ended=2.0))]


def test_the_moment_of_a_speech_report_counts_when_it_gives_no_other() -> None:
    assert play(
        (1.0, SpeechStarted()),
        (2.0, SpeechStopped()),
        final(2.1, "book a table"),
    ) == [(2.0, FLUSH), (2.5, turn("book a table", ended=2.0))]


@pytest.mark.parametrize("unreal", [9.0, math.nan, math.inf])
def test_a_speech_report_from_the_future_counts_as_now(unreal: float) -> None:
    assert play(
        (1.0, SpeechStarted(onset=unreal)),
        (2.0, SpeechStopped(offset=unreal)),
        final(2.1, "book a table"),
    ) == [(2.0, FLUSH), (2.5, turn("book a table", ended=2.0))]


def test_speech_cannot_end_before_it_began() -> None:
    assert play(
        (1.0, SpeechStarted(onset=1.0)),
        (1.2, SpeechStopped(offset=0.5)),
        final(1.3, "book a table"),
    ) == [(1.2, FLUSH), (1.5, turn("book a table", ended=1.0))]


def test_a_transcript_later_than_the_delay_ends_the_turn_at_once() -> None:
    assert play(voice(1.0), silence(2.0), final(3.25, "book a table")) == [
        (2.3, FLUSH),
        (3.25, turn("book a table", ended=2.0)),
    ]


def test_a_complete_answer_ends_the_turn_sooner() -> None:
    assert play(
        (0.0, YES_NO),
        voice(1.0),
        final(1.9, "yes please"),
        (2.1, SpeechStopped(offset=2.0)),
    ) == [(2.1, FLUSH), (2.3, turn("yes please", TurnEndReason.COMPLETE, ended=2.0))]


def test_an_expectation_that_comes_late_still_shortens_the_wait() -> None:
    assert play(
        voice(1.0),
        final(1.9, "yes please"),
        (2.1, SpeechStopped(offset=2.0)),
        (2.4, YES_NO),
    ) == [(2.1, FLUSH), (2.4, turn("yes please", TurnEndReason.COMPLETE, ended=2.0))]


def test_a_trailing_word_keeps_the_turn_open() -> None:
    assert play(voice(1.0), silence(2.0), final(2.4, "a table for")) == [
        (2.3, FLUSH),
        (3.5, turn("a table for", ended=2.0)),
    ]


def test_digits_keep_the_turn_open_until_there_are_enough() -> None:
    assert play(
        (0.0, FOUR_DIGITS),
        voice(1.0),
        silence(2.0),
        final(2.4, "four two"),
        voice(3.25),
        silence(4.0),
        final(4.4, "double one"),
    ) == [
        (2.3, FLUSH),
        (4.3, FLUSH),
        (4.4, turn("four two double one", TurnEndReason.COMPLETE, ended=4.0)),
    ]


def test_speech_within_the_wait_goes_on_with_the_turn() -> None:
    assert play(
        voice(1.0),
        silence(2.0),
        final(2.35, "a table"),
        voice(2.35),
        silence(3.0),
        final(3.4, "for two"),
    ) == [(2.3, FLUSH), (3.3, FLUSH), (3.5, turn("a table for two", ended=3.0))]


def test_several_finals_within_one_run_of_speech_are_joined() -> None:
    assert play(
        voice(1.0),
        final(1.5, "a table "),
        partial(1.7, "for"),
        final(1.9, " for two"),
        silence(2.0),
    ) == [(2.3, FLUSH), (2.5, turn("a table for two", ended=2.0))]


def test_a_turn_waits_for_the_words_that_a_partial_promises() -> None:
    assert play(
        voice(1.0),
        final(1.5, "a table"),
        partial(1.9, "for"),
        silence(2.0),
        final(4.0, "for two"),
    ) == [(2.3, FLUSH), (4.0, turn("a table for two", ended=2.0))]


def test_a_partial_stands_in_for_the_final_that_never_comes() -> None:
    assert play(
        voice(1.0),
        partial(1.5, "a table"),
        partial(2.5, "a table for two"),
        silence(2.0),
    ) == [(2.3, FLUSH), (5.5, turn("a table for two", ended=2.0))]


def test_a_cough_after_the_words_does_not_hold_up_the_turn_for_long() -> None:
    assert play(
        voice(1.0),
        silence(2.0),
        final(2.35, "a table"),
        voice(2.35),
        silence(2.5),
    ) == [(2.3, FLUSH), (2.8, FLUSH), (4.0, turn("a table", ended=2.5))]


def test_a_recogniser_that_says_there_was_nothing_spares_the_wait() -> None:
    assert play(
        voice(1.0),
        silence(2.0),
        final(2.35, "a table"),
        voice(2.35),
        silence(2.5),
        final(2.85, ""),
    ) == [(2.3, FLUSH), (2.8, FLUSH), (3.0, turn("a table", ended=2.5))]


def test_words_without_speech_end_a_turn_after_the_delay() -> None:
    assert play(final(1.0, "hello there"), final(1.25, "my friend")) == [
        (1.75, turn("hello there my friend"))
    ]


def test_partials_without_speech_end_a_turn_when_the_final_fails() -> None:
    assert play(partial(1.0, "hello"), partial(2.0, "hello there")) == [(5.0, turn("hello there"))]


def test_a_partial_that_is_taken_back_makes_no_turn() -> None:
    assert play(partial(1.0, "hello"), partial(1.25, "")) == []


@pytest.mark.parametrize("text", ["", "   ", "..."])
def test_a_transcript_without_words_is_no_turn(text: str) -> None:
    assert play(partial(1.0, text), final(2.0, text)) == []
    assert at_rest(final(2.0, text)).state is TurnState.QUIET


def test_repeated_and_stray_reports_of_speech_change_nothing() -> None:
    assert play(
        (0.5, SpeechStopped(offset=0.2)),
        voice(1.0),
        (1.5, SpeechStarted(onset=1.4)),
        silence(2.0),
        (2.4, SpeechStopped(offset=2.2)),
        final(2.45, "book a table"),
    ) == [(2.3, FLUSH), (2.5, turn("book a table", ended=2.0))]


# Barge-in.


def test_an_interruption_hushes_the_agent_and_its_words_take_the_turn() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        partial(1.5, "I want"),
        (1.6, AGENT_DONE),
        silence(2.0),
        final(2.4, "I want something else"),
    ) == [
        (1.2, PAUSE),
        (1.5, stop("words")),
        (2.3, FLUSH),
        (2.5, turn("I want something else", ended=2.0)),
    ]


def test_a_detector_that_is_slow_to_confirm_hushes_the_agent_at_once() -> None:
    assert play((0.0, AGENT), (1.4, SpeechStarted(onset=1.0)), until=1.5) == [(1.4, PAUSE)]


def test_words_before_the_minimum_duration_interrupt_when_it_is_reached() -> None:
    assert play((0.0, AGENT), voice(1.0), partial(1.15, "I want"), until=1.5) == [
        (1.2, stop("words"))
    ]


def test_a_stop_word_interrupts_at_once() -> None:
    assert play((0.0, AGENT), voice(1.0), partial(1.15, "hold on"), until=1.5) == [
        (1.15, stop("stop_word"))
    ]


def test_a_stop_word_interrupts_however_many_words_are_needed() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        partial(1.4, "yes"),
        partial(1.6, "wait"),
        until=2.0,
        config=TurnConfig(min_words=3),
    ) == [(1.2, PAUSE), (1.6, stop("stop_word"))]


def test_fewer_words_than_needed_are_kept_until_the_agent_has_finished() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        final(1.3, "yes"),
        (1.5, SpeechStopped(offset=1.4)),
        (9.0, AGENT_DONE),
        config=TurnConfig(min_words=2),
    ) == [(1.2, PAUSE), (1.5, FLUSH), (1.5, RESUME), (9.0, turn("yes", ended=1.4))]


def test_words_add_up_to_an_interruption() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        final(1.3, "yes"),
        partial(1.5, "okay"),
        partial(1.7, "okay please"),
        until=2.0,
        config=TurnConfig(min_words=2),
    ) == [(1.2, PAUSE), (1.7, stop("words"))]


def test_a_backchannel_does_not_interrupt_and_is_no_turn() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        partial(1.3, "mhm"),
        silence(1.4),
        final(1.75, "Mhm."),
        (9.0, AGENT_DONE),
    ) == [(1.2, PAUSE), (1.7, FLUSH), (1.75, RESUME), (2.75, backchannel("Mhm."))]


def test_a_backchannel_already_final_when_speech_stops_resumes_at_once() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        final(1.5, "yeah"),
        silence(1.4),
        (9.0, AGENT_DONE),
    ) == [(1.2, PAUSE), (1.7, FLUSH), (1.7, RESUME), (2.7, backchannel("yeah"))]


def test_a_backchannel_shortly_before_the_agent_ends_is_an_answer() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        final(1.5, "yeah"),
        silence(1.4),
        (2.5, AGENT_DONE),
    ) == [(1.2, PAUSE), (1.7, FLUSH), (1.7, RESUME), (2.5, turn("yeah", ended=1.4))]


def test_a_backchannel_that_answers_the_question_is_kept_to_its_end() -> None:
    assert play(
        (0.0, YES_NO),
        (0.0, AGENT),
        voice(1.0),
        final(1.5, "yeah"),
        silence(1.4),
        (9.0, AGENT_DONE),
    ) == [
        (1.2, PAUSE),
        (1.7, FLUSH),
        (1.7, RESUME),
        (9.0, turn("yeah", TurnEndReason.COMPLETE, ended=1.4)),
    ]


def test_a_backchannel_and_then_words_make_one_turn() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        final(1.5, "yeah"),
        silence(1.4),
        voice(2.0),
        partial(2.5, "but I need"),
        silence(3.0),
        final(3.4, "but I need two"),
    ) == [
        (1.2, PAUSE),
        (1.7, FLUSH),
        (1.7, RESUME),
        (2.2, PAUSE),
        (2.5, stop("words")),
        (3.3, FLUSH),
        (3.5, turn("yeah but I need two", ended=3.0)),
    ]


def test_speech_without_words_is_a_false_interruption() -> None:
    assert play((0.0, AGENT), voice(1.0), silence(1.6), (9.0, AGENT_DONE)) == [
        (1.2, PAUSE),
        (1.9, FLUSH),
        (2.6, RESUME),
    ]


def test_a_recogniser_that_heard_nothing_ends_a_false_interruption() -> None:
    assert play((0.0, AGENT), voice(1.0), silence(1.6), final(2.0, ""), (9.0, AGENT_DONE)) == [
        (1.2, PAUSE),
        (1.9, FLUSH),
        (2.0, RESUME),
    ]


def test_a_guess_taken_back_ends_a_false_interruption() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        final(1.3, ""),
        partial(1.5, "mhm"),
        silence(1.6),
        partial(2.0, ""),
        (9.0, AGENT_DONE),
    ) == [(1.2, PAUSE), (1.9, FLUSH), (2.0, RESUME)]


def test_speech_that_turns_out_too_short_is_a_false_interruption_at_once() -> None:
    assert play((0.0, AGENT), voice(1.0), silence(1.1), (9.0, AGENT_DONE)) == [
        (1.2, PAUSE),
        (1.4, FLUSH),
        (1.4, RESUME),
    ]


def test_a_word_too_short_to_interrupt_is_kept() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.1),
        final(1.5, "yes"),
        (9.0, AGENT_DONE),
    ) == [(1.2, PAUSE), (1.4, FLUSH), (1.4, RESUME), (9.0, turn("yes", ended=1.1))]


def test_speech_after_a_word_too_short_to_interrupt_may_interrupt() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.1),
        final(1.5, "yes"),
        voice(2.0),
        partial(2.5, "two please"),
        until=3.0,
    ) == [(1.2, PAUSE), (1.4, FLUSH), (1.4, RESUME), (2.2, PAUSE), (2.5, stop("words"))]


def test_a_stop_word_however_short_interrupts() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.1),
        final(1.5, "stop"),
    ) == [
        (1.2, PAUSE),
        (1.4, FLUSH),
        (1.4, RESUME),
        (1.5, stop("stop_word")),
        (1.6, turn("stop", ended=1.1)),
    ]


def test_words_that_come_while_in_doubt_interrupt() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.6),
        partial(2.0, "two"),
        final(2.1, "two please"),
    ) == [
        (1.2, PAUSE),
        (1.9, FLUSH),
        (2.0, stop("words")),
        (2.1, turn("two please", ended=1.6)),
    ]


def test_words_that_come_after_the_agent_has_gone_on_still_interrupt() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.6),
        final(3.0, "I need a table"),
    ) == [
        (1.2, PAUSE),
        (1.9, FLUSH),
        (2.6, RESUME),
        (3.0, stop("words")),
        (3.0, turn("I need a table", ended=1.6)),
    ]


def test_a_backchannel_guess_keeps_the_doubt_until_it_has_lasted() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.6),
        partial(2.0, "yeah"),
        (9.0, AGENT_DONE),
    ) == [
        (1.2, PAUSE),
        (1.9, FLUSH),
        (2.6, RESUME),
        (5.6, backchannel("yeah")),
    ]


def test_long_speech_without_partials_interrupts_by_its_length() -> None:
    # 0.8 s of speech are certain once it has gone on for the detector's stop time as well.
    assert play(
        (0.0, AGENT),
        voice(1.0),
        (2.25, AGENT_DONE),
        silence(3.0),
        final(3.4, "two please"),
    ) == [
        (1.2, PAUSE),
        (2.15, stop("duration")),
        (3.3, FLUSH),
        (3.5, turn("two please", ended=3.0)),
    ]


def test_long_speech_that_is_only_a_backchannel_does_not_interrupt() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        partial(1.4, "yeah"),
        silence(3.0),
        final(3.4, "yeah yeah yeah"),
        (9.0, AGENT_DONE),
    ) == [(1.2, PAUSE), (3.3, FLUSH), (3.4, RESUME), (4.4, backchannel("yeah yeah yeah"))]


def test_length_need_not_interrupt() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(3.0),
        (9.0, AGENT_DONE),
        config=TurnConfig(interrupt_duration=None),
    ) == [(1.2, PAUSE), (3.3, FLUSH), (4.0, RESUME)]


def test_a_hum_without_end_does_not_silence_the_agent() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        partial(1.4, "mm"),
        silence(15.0),
        final(15.4, "mm"),
        (30.0, AGENT_DONE),
    ) == [(1.2, PAUSE), (9.2, RESUME), (15.3, FLUSH), (16.4, backchannel("mm"))]


def test_noise_that_comes_and_goes_does_not_silence_the_agent() -> None:
    barks = [event for second in range(1, 9) for event in (voice(second), silence(second + 0.4))]
    assert play((0.0, AGENT), *barks, (30.0, AGENT_DONE)) == [
        (1.2, PAUSE),
        (1.7, FLUSH),
        (2.7, FLUSH),
        (3.7, FLUSH),
        (4.7, FLUSH),
        (5.7, FLUSH),
        (6.7, FLUSH),
        (7.7, FLUSH),
        (8.7, FLUSH),
        (9.2, RESUME),
    ]


def test_an_utterance_that_ends_while_hushed_is_not_left_paused() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        (1.25, AGENT_DONE),
        silence(1.6),
        final(2.0, "yeah"),
    ) == [(1.2, PAUSE), (1.25, RESUME), (1.9, FLUSH), (2.1, turn("yeah", ended=1.6))]


def test_an_utterance_that_ends_while_in_doubt_makes_the_backchannel_an_answer() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.6),
        (2.0, AGENT_DONE),
        final(2.5, "yeah"),
    ) == [(1.2, PAUSE), (1.9, FLUSH), (2.0, RESUME), (2.5, turn("yeah", ended=1.6))]


def test_words_without_speech_interrupt_too() -> None:
    assert play(
        (0.0, AGENT),
        partial(1.0, "yeah"),
        partial(1.5, "yeah two please"),
        (1.6, AGENT_DONE),
        final(2.0, "yeah two please"),
    ) == [(1.5, stop("words")), (2.5, turn("yeah two please"))]


def test_a_backchannel_without_speech_is_dropped() -> None:
    assert play(
        (0.0, AGENT),
        partial(1.0, "yeah"),
        partial(1.5, ""),
        final(2.0, "yeah"),
        (9.0, AGENT_DONE),
    ) == [(3.0, backchannel("yeah"))]


def test_a_transcript_without_words_leaves_the_agent_alone() -> None:
    assert play((0.0, AGENT), partial(1.0, ""), final(2.0, ""), (9.0, AGENT_DONE)) == []


def test_an_agent_that_begins_while_the_caller_speaks_yields() -> None:
    assert play(
        voice(1.0),
        partial(1.4, "I need"),
        (1.5, AGENT),
        (1.6, AGENT_DONE),
        silence(2.0),
        final(2.4, "I need a table"),
    ) == [
        (1.5, stop("words")),
        (2.3, FLUSH),
        (2.5, turn("I need a table", ended=2.0)),
    ]


def test_words_spoken_before_the_agent_began_are_kept_until_it_has_finished() -> None:
    assert play(
        voice(1.0),
        silence(2.0),
        final(2.35, "hello"),
        (2.4, AGENT),
        (5.0, AGENT_DONE),
    ) == [(2.3, FLUSH), (5.0, turn("hello", ended=2.0))]


def test_the_next_utterance_goes_on_with_what_is_kept() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.1),
        final(1.5, "yes"),
        (3.0, AGENT),
        (9.0, AGENT_DONE),
    ) == [(1.2, PAUSE), (1.4, FLUSH), (1.4, RESUME), (9.0, turn("yes", ended=1.1))]


# Answers near the end of what the agent says.


def test_an_answer_that_begins_before_the_agent_ends_is_no_interruption() -> None:
    assert play(
        (0.0, AGENT),
        (1.0, SpeechStarted(onset=0.9)),
        (1.0, AGENT_DONE),
        silence(1.3),
        final(1.7, "yes"),
        config=TurnConfig(min_words=2),
    ) == [(1.6, FLUSH), (1.8, turn("yes", ended=1.3))]


def test_an_answer_given_while_the_agent_ends_is_a_turn_when_it_has_ended() -> None:
    assert play(
        (0.0, YES_NO),
        (0.0, AGENT),
        (1.0, SpeechStarted()),
        (1.1, SpeechStopped()),
        final(1.15, "yes"),
        (1.25, AGENT_DONE),
    ) == [(1.1, FLUSH), (1.4, turn("yes", TurnEndReason.COMPLETE, ended=1.1))]


def test_an_answer_recognised_after_the_agent_has_ended_is_a_turn() -> None:
    assert play(
        (0.0, AGENT),
        (1.0, SpeechStarted()),
        (1.1, SpeechStopped()),
        (1.2, AGENT_DONE),
        final(2.0, "yes"),
    ) == [(1.1, FLUSH), (2.0, turn("yes", ended=1.1))]


# An agent that may not be interrupted.


def test_an_agent_that_may_not_be_interrupted_is_not_and_the_words_are_kept() -> None:
    assert play(
        (0.0, AGENT_DEAF),
        voice(1.0),
        partial(1.5, "stop"),
        silence(2.0),
        final(2.4, "stop it"),
        (9.0, AGENT_DONE),
    ) == [(2.3, FLUSH), (9.0, turn("stop it", ended=2.0))]


def test_what_is_still_being_said_when_the_agent_ends_goes_on_as_a_turn() -> None:
    assert play(
        (0.0, AGENT_DEAF),
        voice(1.0),
        (90.0, AGENT_DONE),
        silence(91.0),
        final(91.4, "a long story"),
    ) == [(91.3, FLUSH), (91.5, turn("a long story", ended=91.0))]


def test_a_backchannel_to_an_agent_that_may_not_be_interrupted_is_dropped() -> None:
    assert play(
        (0.0, AGENT_DEAF),
        voice(1.0),
        silence(1.4),
        final(1.75, "okay"),
        (9.0, AGENT_DONE),
    ) == [(1.7, FLUSH), (2.75, backchannel("okay"))]


def test_a_recogniser_that_heard_nothing_over_the_agent_leaves_nothing_to_keep() -> None:
    assert play(
        (0.0, AGENT_DEAF),
        voice(1.0),
        final(1.5, ""),
        silence(1.4),
        (9.0, AGENT_DONE),
    ) == [(1.7, FLUSH)]


def test_speech_goes_on_into_an_utterance_that_may_be_interrupted() -> None:
    assert play((0.0, AGENT_DEAF), voice(1.0), (2.0, AGENT), until=2.1) == [(2.0, PAUSE)]


def test_an_utterance_that_may_not_be_interrupted_does_not_stay_hushed() -> None:
    assert play((0.0, AGENT), voice(1.0), (1.5, AGENT_DEAF), until=3.0) == [
        (1.2, PAUSE),
        (1.5, RESUME),
    ]
    assert play((0.0, AGENT), voice(1.0), silence(1.6), (2.0, AGENT_DEAF), until=3.0) == [
        (1.2, PAUSE),
        (1.9, FLUSH),
        (2.0, RESUME),
    ]


def test_a_second_utterance_leaves_a_pause_as_it_is() -> None:
    assert play((0.0, AGENT), voice(1.0), (1.5, AGENT), until=2.0) == [(1.2, PAUSE)]


# Words while the agent thinks.


def test_words_while_the_agent_thinks_cancel_its_answer_and_make_a_turn() -> None:
    assert play(
        voice(1.0),
        silence(2.0),
        final(2.4, "book a table"),
        (2.5, THINKING),
        voice(3.0),
        partial(3.4, "for two"),
        (3.4, THOUGHT),
        silence(3.6),
        final(4.0, "for two"),
    ) == [
        (2.3, FLUSH),
        (2.5, turn("book a table", ended=2.0)),
        (3.4, stop("words")),
        (3.9, FLUSH),
        (4.1, turn("for two", ended=3.6)),
    ]


def test_one_word_is_enough_to_cancel_an_answer_that_is_not_yet_heard() -> None:
    assert play(
        (0.0, THINKING),
        final(1.0, "tomorrow"),
        config=TurnConfig(min_words=3),
    ) == [(1.0, stop("words")), (1.5, turn("tomorrow"))]


def test_a_stop_word_while_the_agent_thinks_is_named_as_such() -> None:
    assert play((0.0, THINKING), final(1.0, "no wait")) == [
        (1.0, stop("stop_word")),
        (1.5, turn("no wait")),
    ]


def test_a_backchannel_while_the_agent_thinks_changes_nothing() -> None:
    assert play((0.0, THINKING), voice(1.0), silence(1.4), final(1.8, "okay")) == [
        (1.7, FLUSH),
        (1.9, backchannel("okay")),
    ]


def test_an_answer_begun_before_the_words_have_ended_is_cancelled_for_them() -> None:
    assert play(final(1.0, "book a table"), (1.25, THINKING)) == [
        (1.5, stop("words")),
        (1.5, turn("book a table")),
    ]


# Keys.


def test_a_key_interrupts_the_agent() -> None:
    assert play((0.0, AGENT), (1.0, KEY), (1.1, AGENT_DONE), (2.0, KEY)) == [(1.0, stop("keys"))]


def test_a_key_need_not_interrupt_the_agent() -> None:
    config = TurnConfig(digits_interrupt=False)
    assert play((0.0, AGENT), (1.0, KEY), (3.0, AGENT_DONE), config=config) == []
    assert play((0.0, AGENT_DEAF), (1.0, KEY), (3.0, AGENT_DONE)) == []


def test_a_key_ends_the_turn_that_waits() -> None:
    assert play(voice(1.0), silence(2.0), final(2.35, "my code is"), (2.4, KEY)) == [
        (2.3, FLUSH),
        (2.4, turn("my code is", TurnEndReason.KEYS, ended=2.0)),
    ]


def test_a_key_ends_the_turn_so_far_while_the_caller_speaks() -> None:
    assert play(
        voice(1.0),
        final(1.5, "my code is"),
        (2.0, KEY),
        silence(3.0),
        final(3.4, "thank you"),
    ) == [
        (2.0, turn("my code is", TurnEndReason.KEYS, ended=2.0)),
        (3.3, FLUSH),
        (3.5, turn("thank you", ended=3.0)),
    ]


def test_a_key_leaves_words_that_are_still_awaited_to_the_next_turn() -> None:
    assert play(
        voice(1.0),
        final(1.5, "my code"),
        partial(1.9, "is"),
        silence(2.0),
        (2.4, KEY),
        final(2.6, "is here"),
    ) == [
        (2.3, FLUSH),
        (2.4, turn("my code", TurnEndReason.KEYS, ended=2.0)),
        (2.6, turn("is here", ended=2.0)),
    ]


def test_a_key_is_an_answer_so_there_is_no_apology_for_the_words() -> None:
    assert play(voice(1.0), silence(2.0), (2.4, KEY)) == [(2.3, FLUSH)]
    assert play(voice(1.0), silence(2.0), final(2.35, ""), (2.4, KEY)) == [(2.3, FLUSH)]


def test_a_key_settles_a_pause() -> None:
    assert play((0.0, AGENT), voice(1.0), (1.5, KEY), silence(1.6)) == [
        (1.2, PAUSE),
        (1.5, stop("keys")),
        (1.9, FLUSH),
    ]
    assert play((0.0, AGENT), voice(1.0), silence(1.6), (2.0, KEY)) == [
        (1.2, PAUSE),
        (1.9, FLUSH),
        (2.0, stop("keys")),
    ]


def test_a_key_that_may_not_interrupt_leaves_a_pause_as_it_is() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.6),
        (2.0, KEY),
        (9.0, AGENT_DONE),
        config=TurnConfig(digits_interrupt=False),
    ) == [(1.2, PAUSE), (1.9, FLUSH), (2.6, RESUME)]


def test_a_key_hands_over_the_words_that_were_kept() -> None:
    assert play(
        (0.0, AGENT),
        voice(1.0),
        silence(1.1),
        final(1.5, "yes"),
        (2.0, KEY),
    ) == [
        (1.2, PAUSE),
        (1.4, FLUSH),
        (1.4, RESUME),
        (2.0, stop("keys")),
        (2.0, turn("yes", TurnEndReason.KEYS, ended=1.1)),
    ]


def test_a_key_cancels_the_answer_to_the_turn_before() -> None:
    assert play(final(1.0, "my code is"), (1.25, THINKING), (1.4, KEY)) == [
        (1.4, stop("keys")),
        (1.4, turn("my code is", TurnEndReason.KEYS)),
    ]


# Watchdogs.


def test_speech_without_a_transcript_is_reported() -> None:
    assert play(voice(1.0), silence(2.0)) == [(2.3, FLUSH), (5.0, NO_TRANSCRIPT)]


def test_speech_in_which_the_recogniser_found_nothing_is_reported_sooner() -> None:
    assert play(voice(1.0), silence(2.0), final(2.4, "")) == [
        (2.3, FLUSH),
        (3.5, NO_TRANSCRIPT),
    ]


def test_a_cough_without_a_transcript_is_not_reported() -> None:
    assert play(voice(1.0), silence(1.5)) == [(1.8, FLUSH)]


def test_the_longest_run_of_speech_decides_whether_it_was_a_cough() -> None:
    assert play(voice(1.0), silence(2.0), voice(3.0), silence(3.1)) == [
        (2.3, FLUSH),
        (3.4, FLUSH),
        (6.1, NO_TRANSCRIPT),
    ]


def test_an_agent_that_speaks_over_the_wait_makes_the_report_needless() -> None:
    assert play(voice(1.0), silence(2.0), final(2.4, ""), (3.0, AGENT), (9.0, AGENT_DONE)) == [
        (2.3, FLUSH)
    ]


def test_speech_without_a_transcript_while_the_agent_thinks_is_not_reported() -> None:
    assert play((0.0, THINKING), voice(1.0), silence(2.0)) == [(2.3, FLUSH)]


def test_an_interruption_by_length_without_a_transcript_is_reported() -> None:
    assert play((0.0, AGENT), voice(1.0), (2.25, AGENT_DONE), silence(3.0)) == [
        (1.2, PAUSE),
        (2.15, stop("duration")),
        (3.3, FLUSH),
        (6.0, NO_TRANSCRIPT),
    ]


def test_a_turn_without_end_is_cut_and_the_rest_is_another_turn() -> None:
    assert play(
        voice(1.0),
        final(30.0, "once upon a time"),
        final(60.5, "there was a king"),
        partial(60.75, "who"),
        silence(62.0),
        final(62.4, "who had a daughter"),
    ) == [
        (60.0, FLUSH),
        (61.0, turn("once upon a time there was a king", TurnEndReason.LIMIT, ended=61.0)),
        (62.3, FLUSH),
        (62.5, turn("who had a daughter", ended=62.0)),
    ]


def test_a_turn_without_end_or_final_is_cut_at_what_was_guessed() -> None:
    assert play(voice(1.0), partial(30.0, "once upon a time"), until=62.0) == [
        (60.0, FLUSH),
        (61.0, turn("once upon a time", TurnEndReason.LIMIT, ended=61.0)),
    ]


def test_sound_without_end_or_words_is_reported_again_and_again() -> None:
    assert play(voice(1.0), until=130.0) == [
        (60.0, FLUSH),
        (61.0, ENDLESS_AUDIO),
        (120.0, FLUSH),
        (121.0, ENDLESS_AUDIO),
    ]


def test_sound_without_end_does_not_keep_the_agent_from_apologising() -> None:
    assert play(
        voice(1.0),
        (61.5, AGENT),
        partial(62.0, "la la la"),
        (64.0, AGENT_DONE),
        until=64.0,
    ) == [(60.0, FLUSH), (61.0, ENDLESS_AUDIO)]


def test_the_words_of_a_turn_without_end_do_not_cancel_its_answer() -> None:
    assert play(
        voice(1.0),
        final(30.0, "la la la"),
        (61.1, THINKING),
        partial(61.5, "la la"),
        (62.0, AGENT),
        until=62.0,
    ) == [(60.0, FLUSH), (61.0, turn("la la la", TurnEndReason.LIMIT, ended=61.0))]


def test_words_without_speech_or_end_are_cut_as_well() -> None:
    script = [final(float(second), "and") for second in range(1, 62)]
    assert play(*script) == [
        (61.0, turn(" ".join(["and"] * 60), TurnEndReason.LIMIT)),
        (62.5, turn("and")),
    ]


def test_time_that_the_agent_talked_does_not_count_towards_the_longest_turn() -> None:
    assert play(
        final(1.0, "hello"),
        (1.25, AGENT_DEAF),
        (90.0, AGENT_DONE),
    ) == [(90.0, turn("hello"))]


# The caller leaves.


def test_a_caller_who_leaves_leaves_the_words_behind() -> None:
    assert play(
        voice(1.0),
        final(1.5, "I am"),
        partial(1.75, "going"),
        (2.0, THINKING),
        (2.0, LEFT),
    ) == [(2.0, turn("I am going", TurnEndReason.LEFT, ended=2.0))]
    assert play(voice(1.0), silence(2.0), final(2.4, "goodbye"), (2.45, LEFT)) == [
        (2.3, FLUSH),
        (2.45, turn("goodbye", TurnEndReason.LEFT, ended=2.0)),
    ]


def test_a_caller_who_leaves_without_a_word_makes_no_turn() -> None:
    assert play(voice(1.0), (2.0, LEFT)) == []


def test_a_caller_who_leaves_during_a_pause_settles_it() -> None:
    assert play((0.0, AGENT), voice(1.0), (1.5, LEFT)) == [(1.2, PAUSE), (1.5, stop("left"))]


def test_nothing_happens_after_the_caller_has_left() -> None:
    machine = at_rest((1.0, LEFT))
    afterwards = [
        voice(2.0),
        partial(2.3, "stop"),
        final(2.4, "stop"),
        silence(3.0),
        (4.0, KEY),
        (5.0, AGENT),
        (5.5, YES_NO),
        (6.0, AGENT_DONE),
        (7.0, THINKING),
        (8.0, LEFT),
    ]
    for moment, event in afterwards:
        assert machine.receive(event, moment) == []
        assert machine.deadline() is None
    assert machine.tick(1000.0) == []
    assert machine.state is TurnState.LEFT


# Time.


def test_a_tick_before_the_deadline_does_nothing_and_one_at_it_does() -> None:
    machine = at_rest(final(0.1, "hello there"))
    deadline = machine.deadline()
    assert deadline == 0.6
    assert machine.tick(0.59) == []
    assert machine.tick(deadline) == [turn("hello there")]
    assert machine.deadline() is None


def test_a_late_tick_catches_up_in_one_go() -> None:
    machine = at_rest((0.0, AGENT), voice(1.0))
    assert machine.tick(50.0) == [PAUSE, stop("duration")]
    assert machine.state is TurnState.CALLER
    assert machine.deadline() == 109.0


def test_an_event_that_undoes_a_deadline_wins_over_a_late_tick() -> None:
    machine = at_rest(voice(1.0), silence(2.0), final(2.4, "a table"))
    assert machine.receive(SpeechStarted(onset=2.45), 2.55) == []
    assert machine.state is TurnState.CALLER


# Settings.


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"complete_delay": -0.1}, "complete_delay is -0.1; give seconds, 0 or more"),
        ({"min_duration": math.nan}, "min_duration is nan; give seconds, 0 or more"),
        ({"max_pause": math.inf}, "max_pause is inf; give seconds, 0 or more"),
        ({"interrupt_duration": -1.0}, "interrupt_duration is -1.0; give seconds, 0 or more"),
        (
            {"min_delay": 2.0},
            "give delays so that complete_delay <= min_delay <= max_delay",
        ),
        (
            {"max_delay": math.inf},
            "give delays so that complete_delay <= min_delay <= max_delay",
        ),
        ({"max_turn": 1.0}, "max_turn is 1.0; give seconds above 1.0"),
    ],
)
def test_settings_that_cannot_work_are_refused(config: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        TurnConfig(**config)  # type: ignore[arg-type]  # the keys name fields that are floats
    assert str(refused.value) == message


@pytest.mark.parametrize(("likely", "at"), [(1.0, 1.3), (0.5, 1.9), (0.0, 2.5)])
def test_a_verdict_on_the_words_sets_the_wait(likely: float, at: float) -> None:
    machine = TurnMachine()
    machine.receive(SpeechStarted(), 0.0)
    machine.receive(TranscriptFinal(text="I want a table"), 0.9)
    machine.receive(SpeechStopped(), 1.0)
    machine.receive(TurnJudged(text="I want a table", completeness=likely), 1.1)
    assert machine.deadline() == pytest.approx(at)


def test_a_verdict_on_other_words_or_on_a_whole_answer_changes_nothing() -> None:
    machine = TurnMachine()
    machine.receive(YES_NO, 0.0)
    machine.receive(SpeechStarted(), 0.0)
    machine.receive(TranscriptFinal(text="yes"), 0.9)
    machine.receive(SpeechStopped(), 1.0)
    machine.receive(TurnJudged(text="yes", completeness=0.0), 1.0)
    assert machine.deadline() == 1.3
    other = TurnMachine()
    other.receive(SpeechStarted(), 0.0)
    other.receive(TranscriptFinal(text="I want a table"), 0.9)
    other.receive(SpeechStopped(), 1.0)
    other.receive(TurnJudged(text="I want", completeness=0.0), 1.0)
    assert other.deadline() == 1.5


def test_at_least_one_word_must_interrupt() -> None:
    with pytest.raises(ConfigError) as refused:
        TurnConfig(min_words=0)
    assert str(refused.value) == "min_words is 0; give 1 or more"


# The table.


Step: TypeAlias = tuple[TurnState, str, TurnState]


class Watched(TurnMachine):
    """Notes every step that it or one of its forks took."""

    def __init__(self, config: TurnConfig) -> None:
        super().__init__(config)
        self.steps: set[Step] = set()

    def _enter(self, state: TurnState, cause: str, now: float) -> None:
        self.steps.add((self._state, cause, state))
        super()._enter(state, cause, now)

    def fork(self) -> "Watched":
        twin = copy.copy(self)
        twin._turn = replace(self._turn, finals=list(self._turn.finals))
        return twin

    def situation(self) -> tuple[TurnState, tuple[bool, ...]]:
        turn = self._turn
        return self._state, (
            self._interruptible,
            self._thinking,
            bool(turn.finals),
            bool(turn.partial),
            turn.awaited,
            turn.wordless,
            turn.barred,
        )


@pytest.mark.parametrize("digits_interrupt", [True, False])
def test_the_machine_takes_no_step_that_is_not_in_the_table(digits_interrupt: bool) -> None:
    assert steps_taken(digits_interrupt) <= steps_in_table()


def test_the_table_holds_no_step_that_the_machine_does_not_take() -> None:
    assert steps_in_table() <= steps_taken(True) | steps_taken(False)


def steps_in_table() -> set[Step]:
    return {
        (state, cause, after)
        for state, causes in TRANSITIONS.items()
        for cause, targets in causes.items()
        for after in targets
    }


@cache
def steps_taken(digits_interrupt: bool) -> set[Step]:
    """Try every event after every pause in every situation that can be reached so."""
    happenings: Sequence[TurnEvent] = (
        *(SpeechStarted(), SpeechStopped(), KEY, LEFT, YES_NO, THINKING, THOUGHT),
        *(TranscriptPartial(text=text) for text in ("", "yeah", "two please", "stop")),
        *(TranscriptFinal(text=text) for text in ("", "yeah", "two please", "stop")),
        *(AGENT, AGENT_DEAF, AGENT_DONE, TurnJudged(text="two please", completeness=0.2)),
    )
    first = Watched(TurnConfig(digits_interrupt=digits_interrupt, max_turn=5.0))
    reached = {first.situation()}
    frontier = [(first, 0.0)]
    while frontier:
        machine, now = frontier.pop()
        for event in happenings:
            for pause in (0.1, 0.3, 1.1, 10.0):
                twin, later = machine.fork(), now + pause
                twin.tick(later)
                twin.receive(event, later)
                if twin.situation() not in reached:
                    reached.add(twin.situation())
                    frontier.append((twin, later))
    return first.steps
