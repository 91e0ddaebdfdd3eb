"""What was heard, step by step, with the peer's answers as data."""

import math
from collections.abc import Mapping
from typing import TypeAlias

import pytest

from hookflash.errors import ConfigError, UsageError
from hookflash.events.playout import (
    AudioQueued,
    AudioSent,
    MarkPassed,
    PlaceMark,
    PlayoutCleared,
    PlayoutClosed,
    PlayoutCommand,
    PlayoutEvent,
    PlayoutHeld,
    UtteranceClosed,
    UtteranceFinished,
    UtteranceStarted,
)
from hookflash.machines.playout import TRANSITIONS, PlayoutConfig, PlayoutMachine, PlayoutState
from hookflash.sansio import Machine

type_check: Machine[PlayoutEvent, PlayoutCommand] = PlayoutMachine()

Step: TypeAlias = tuple[float, PlayoutEvent | None]  # None is a tick

CLOCK_ONLY = PlayoutConfig(marks=False)


def drive(
    machine: PlayoutMachine, *steps: tuple[float, PlayoutEvent], until: float | None = None
) -> list[tuple[float, PlayoutCommand]]:
    """Feed the events, tick at every deadline between them, return each command with its time."""
    said: list[tuple[float, PlayoutCommand]] = []

    def wait(moment: float) -> None:
        while (deadline := machine.deadline()) is not None and deadline <= moment:
            said.extend((deadline, command) for command in machine.tick(deadline))
            assert machine.deadline() != deadline, "a tick at the deadline must get past it"

    for moment, event in steps:
        wait(moment)
        said.extend((moment, command) for command in machine.receive(event, moment))
    if until is not None:
        wait(until)
    return said


def queued(ms: float, utterance: str = "a") -> AudioQueued:
    return AudioQueued(utterance=utterance, ms=ms)


def closed(utterance: str = "a") -> UtteranceClosed:
    return UtteranceClosed(utterance=utterance)


def sent(ms: float, began: float, utterance: str = "a") -> AudioSent:
    return AudioSent(utterance=utterance, ms=ms, began=began)


def started(utterance: str = "a") -> UtteranceStarted:
    return UtteranceStarted(utterance=utterance)


def heard(played: float, total: float, utterance: str = "a") -> UtteranceFinished:
    return UtteranceFinished(
        utterance=utterance, played_ms=played, total_ms=total, interrupted=False
    )


def cut(played: float, total: float, utterance: str = "a") -> UtteranceFinished:
    return UtteranceFinished(
        utterance=utterance, played_ms=played, total_ms=total, interrupted=True
    )


def mark(name: str) -> PlaceMark:
    return PlaceMark(mark=name)


def passed(name: str) -> MarkPassed:
    return MarkPassed(mark=name)


# An utterance, alone.


def test_marks_are_placed_at_the_start_about_every_second_and_at_the_end() -> None:
    said = drive(
        PlayoutMachine(),
        (0.0, queued(2500.0)),
        (0.0, closed()),
        (0.0, sent(250.0, 0.0)),
        (0.375, passed("1.1")),
        (0.75, sent(500.0, 0.25)),
        (1.25, sent(500.0, 0.75)),
        (1.375, passed("1.2")),
        (2.5, sent(1250.0, 1.25)),
        (2.625, passed("1.3")),
        until=60.0,
    )
    assert said == [
        (0.0, mark("1.1")),
        (0.0, started()),
        (1.25, mark("1.2")),
        (2.5, mark("1.3")),
        (2.625, heard(2500.0, 2500.0)),
    ]


def test_without_marks_the_clock_alone_says_when_an_utterance_is_over() -> None:
    said = drive(
        PlayoutMachine(CLOCK_ONLY),
        (0.0, queued(1500.0)),
        (0.0, sent(250.0, 0.0)),
        (0.5, closed()),
        (1.0, sent(1250.0, 0.25)),
        until=60.0,
    )
    assert said == [(0.0, started()), (1.5, heard(1500.0, 1500.0))]


def test_audio_that_arrives_late_plays_after_a_gap() -> None:
    machine = PlayoutMachine(CLOCK_ONLY)
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.5, sent(500.0, 0.0)),
        (2.0, queued(500.0)),
        (2.0, sent(250.0, 2.0)),
    )
    assert said == [(0.5, started())]
    assert machine.heard_ms("a", 2.125) == 625.0
    assert machine.heard_ms("a", 9.0) == 750.0
    assert drive(machine, (2.25, sent(250.0, 2.25)), (2.25, closed()), until=9.0) == [
        (2.5, heard(1000.0, 1000.0))
    ]


def test_a_gap_between_marks_is_kept_too() -> None:
    machine = PlayoutMachine()
    drive(
        machine,
        (0.0, queued(2000.0)),
        (0.25, sent(250.0, 0.0)),
        (0.375, passed("1.1")),
        (0.5, sent(250.0, 0.25)),
        (2.0, sent(250.0, 2.0)),
    )
    assert machine.heard_ms("a", 2.0) == 500.0
    assert machine.heard_ms("a", 2.125) == 625.0


def test_audio_handed_over_early_waits_in_the_buffer_behind_what_plays() -> None:
    machine = PlayoutMachine(CLOCK_ONLY)
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, queued(500.0, "b")),
        (0.0, closed("b")),
        (0.0, sent(500.0, 0.0)),
        (0.25, sent(500.0, 0.25, "b")),
        until=9.0,
    )
    assert said == [
        (0.0, started()),
        (0.5, heard(500.0, 500.0)),
        (0.5, started("b")),
        (1.0, heard(500.0, 500.0, "b")),
    ]


def test_an_utterance_without_audio_is_over_at_once() -> None:
    machine = PlayoutMachine()
    assert drive(machine, (0.0, queued(0.0)), (0.25, closed()), until=9.0) == [
        (0.25, heard(0.0, 0.0))
    ]
    assert machine.state is PlayoutState.IDLE


def test_an_utterance_without_audio_waits_for_its_turn() -> None:
    said = drive(
        PlayoutMachine(),
        (0.0, queued(500.0)),
        (0.0, queued(0.0, "b")),
        (0.0, closed("b")),
        (0.0, closed()),
        (0.5, sent(500.0, 0.0)),
        (0.625, passed("1.1")),
        until=9.0,
    )
    assert said == [
        (0.5, mark("1.1")),
        (0.5, started()),
        (0.625, heard(500.0, 500.0)),
        (0.625, heard(0.0, 0.0, "b")),
    ]


def test_a_mark_at_what_turns_out_to_be_the_end_is_the_end_mark() -> None:
    said = drive(
        PlayoutMachine(),
        (0.0, queued(250.0)),
        (0.25, sent(250.0, 0.0)),
        (0.25, closed()),
        (0.375, passed("1.1")),
        until=9.0,
    )
    assert said == [
        (0.25, mark("1.1")),
        (0.25, started()),
        (0.375, heard(250.0, 250.0)),
    ]


def test_an_utterance_closed_after_its_last_mark_came_back_is_over_at_once() -> None:
    said = drive(
        PlayoutMachine(),
        (0.0, queued(250.0)),
        (0.25, sent(250.0, 0.0)),
        (0.375, passed("1.1")),
        (5.0, closed()),
    )
    assert said[2:] == [(5.0, heard(250.0, 250.0))]


def test_the_end_mark_of_an_utterance_closed_late_is_awaited_from_then() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.25, sent(250.0, 0.0)),
        (0.375, passed("1.1")),
        (0.5, sent(250.0, 0.25)),
        (8.0, closed()),
        until=60.0,
    )
    assert said[2:] == [(8.0, mark("1.2")), (10.0, heard(500.0, 500.0))]


def test_closing_twice_changes_nothing() -> None:
    said = drive(
        PlayoutMachine(),
        (0.0, queued(250.0)),
        (0.0, closed()),
        (0.25, sent(250.0, 0.0)),
        (0.25, closed()),
        (0.375, passed("1.1")),
        (0.5, closed()),
        until=9.0,
    )
    assert said == [
        (0.25, mark("1.1")),
        (0.25, started()),
        (0.375, heard(250.0, 250.0)),
    ]


# Marks against the clock.


def test_a_mark_that_came_back_is_believed_over_the_clock() -> None:
    machine = PlayoutMachine()
    drive(
        machine,
        (0.0, queued(2000.0)),
        (0.25, sent(250.0, 0.0)),
        (0.375, passed("1.1")),
        (0.5, sent(1000.0, 0.25)),
        (0.5, passed("1.2")),
    )
    assert machine.heard_ms("a", 0.5) == 1250.0


def test_a_later_mark_stands_for_the_ones_before_it() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(1250.0)),
        (0.0, closed()),
        (0.25, sent(250.0, 0.0)),
        (1.25, sent(1000.0, 0.25)),
        (1.375, passed("1.2")),
        (1.5, passed("1.1")),
        until=9.0,
    )
    assert said == [
        (0.25, mark("1.1")),
        (0.25, started()),
        (1.25, mark("1.2")),
        (1.375, heard(1250.0, 1250.0)),
    ]


def test_a_mark_of_the_next_utterance_confirms_the_one_before() -> None:
    said = drive(
        PlayoutMachine(),
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, queued(1000.0, "b")),
        (0.5, sent(500.0, 0.0)),
        (0.75, sent(250.0, 0.5, "b")),
        (0.875, passed("2.1")),
    )
    assert said == [
        (0.5, mark("1.1")),
        (0.5, started()),
        (0.75, mark("2.1")),
        (0.75, started("b")),
        (0.875, heard(500.0, 500.0)),
    ]


def test_a_mark_ahead_of_the_clock_starts_the_utterance() -> None:
    said = drive(
        PlayoutMachine(),
        (0.0, queued(1000.0)),
        (0.0, closed()),
        (0.0, queued(500.0, "b")),
        (0.0, sent(1000.0, 0.0)),
        (0.0, sent(250.0, 0.0, "b")),
        (0.25, passed("2.1")),
    )
    assert said == [
        (0.0, mark("1.1")),
        (0.0, started()),
        (0.0, mark("2.1")),
        (0.25, heard(1000.0, 1000.0)),
        (0.25, started("b")),
    ]


def test_behind_an_overdue_mark_nothing_is_taken_as_heard() -> None:
    machine = PlayoutMachine()
    drive(machine, (0.0, queued(2000.0)), (0.25, sent(250.0, 0.0)), (0.25, sent(750.0, 0.25)))
    assert machine.heard_ms("a", 0.4375) == 437.5
    assert machine.heard_ms("a", 0.5) == 250.0
    assert machine.heard_ms("a", 30.0) == 250.0


def test_an_overdue_mark_holds_back_the_utterances_behind_it() -> None:
    machine = PlayoutMachine()
    drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, queued(2000.0, "b")),
        (0.5, sent(500.0, 0.0)),
        (0.5, sent(250.0, 0.5, "b")),
    )
    assert machine.heard_ms("b", 0.6875) == 187.5
    assert machine.heard_ms("b", 0.75) == 0.0
    assert machine.heard_ms("a", 0.75) == 500.0


def test_a_late_mark_says_that_the_peer_lags_and_moves_what_is_behind_it() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(5000.0)),
        (0.25, sent(250.0, 0.0)),
        (1.25, sent(1000.0, 0.25)),
        (1.25, passed("1.1")),  # a second after its time
    )
    assert said == [(0.25, mark("1.1")), (0.25, started()), (1.25, mark("1.2"))]
    # The peer was at 250 ms no earlier than 1.0, so the next 1000 ms last until 2.0 at least.
    assert machine.heard_ms("a", 1.25) == 500.0
    assert machine.heard_ms("a", 1.75) == 1000.0
    # What is sent from now on plays behind that, and is doubted once mark 1.2 is overdue.
    drive(machine, (1.75, sent(500.0, 1.25)))
    assert machine.heard_ms("a", 2.125) == 1375.0
    assert machine.heard_ms("a", 2.25) == 1250.0


def test_unknown_and_repeated_marks_are_ignored() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(2000.0)),
        (0.0, passed("1.1")),
        (0.25, sent(250.0, 0.0)),
        (0.25, passed("no such mark")),
        (0.375, passed("1.1")),
        (0.5, sent(250.0, 0.25)),
        (0.5, passed("1.1")),
        (0.5, passed("1.2")),
        (0.5, passed("")),
    )
    assert said == [(0.25, mark("1.1")), (0.25, started())]
    assert machine.heard_ms("a", 0.5) == 500.0


def test_an_utterance_whose_end_mark_is_lost_is_over_by_the_clock_after_the_grace() -> None:
    said = drive(
        PlayoutMachine(PlayoutConfig(finish_grace=0.5)),
        (0.0, queued(1250.0)),
        (0.0, closed()),
        (0.25, sent(250.0, 0.0)),
        (1.25, sent(1000.0, 0.25)),
        (5.0, passed("1.2")),
        until=9.0,
    )
    assert said == [
        (0.25, mark("1.1")),
        (0.25, started()),
        (1.25, mark("1.2")),
        (1.75, heard(1250.0, 1250.0)),
    ]


def test_lost_end_marks_delay_each_utterance_by_the_grace_and_no_more() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, queued(500.0, "b")),
        (0.0, closed("b")),
        (0.5, sent(500.0, 0.0)),
        (1.0, sent(500.0, 0.5, "b")),
        until=60.0,
    )
    assert said == [
        (0.5, mark("1.1")),
        (0.5, started()),
        (1.0, mark("2.1")),
        (1.0, started("b")),
        (2.5, heard(500.0, 500.0)),
        (3.0, heard(500.0, 500.0, "b")),
    ]


def test_a_late_tick_says_all_that_is_true_by_then() -> None:
    machine = PlayoutMachine()
    drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, queued(500.0, "b")),
        (0.0, closed("b")),
        (0.0, sent(500.0, 0.0)),
        (0.0, sent(500.0, 0.0, "b")),
    )
    assert machine.tick(60.0) == [
        heard(500.0, 500.0),
        started("b"),
        heard(500.0, 500.0, "b"),
    ]
    assert machine.tick(61.0) == []


def test_an_early_tick_says_nothing() -> None:
    machine = PlayoutMachine()
    drive(machine, (0.0, queued(500.0)), (0.0, sent(250.0, 0.0)))
    assert machine.tick(0.0) == []
    assert machine.state is PlayoutState.PLAYING


# Deadlines.


def test_the_deadline_is_the_start_then_the_end_of_what_plays() -> None:
    machine = PlayoutMachine(CLOCK_ONLY)
    assert machine.deadline() is None
    drive(machine, (0.0, queued(500.0)), (0.0, closed()), (0.0, queued(500.0, "b")))
    assert machine.deadline() is None
    drive(machine, (0.0, sent(250.0, 0.25)))
    assert machine.deadline() == 0.25
    drive(machine, (0.25, sent(250.0, 0.5)))
    assert machine.deadline() == 0.75
    drive(machine, (0.5, sent(250.0, 0.5, "b")))
    assert machine.deadline() == 0.75
    assert machine.tick(0.75) == [heard(500.0, 500.0), started("b")]
    assert machine.deadline() is None


def test_with_marks_the_deadline_is_the_end_marks_grace() -> None:
    machine = PlayoutMachine()
    drive(machine, (0.0, queued(500.0)), (0.0, closed()), (0.5, sent(500.0, 0.0)))
    assert machine.deadline() == 2.5


# Hold, clear, close.


def test_a_hold_puts_the_unheard_audio_back_and_playing_goes_on_from_there() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(2000.0)),
        (0.0, closed()),
        (0.25, sent(250.0, 0.0)),
        (0.375, passed("1.1")),
        (0.625, sent(500.0, 0.25)),
        (0.625, PlayoutHeld()),
    )
    assert said == [(0.25, mark("1.1")), (0.25, started())]
    assert machine.state is PlayoutState.HELD
    assert machine.deadline() is None
    assert machine.sent_ms("a") == 625.0
    assert machine.heard_ms("a", 60.0) == 625.0
    said = drive(
        machine,
        (3.0, sent(250.0, 3.0)),
        (3.375, passed("1.2")),
        (4.375, sent(1125.0, 3.25)),
        (4.5, passed("1.3")),
        until=60.0,
    )
    assert said == [
        (3.0, mark("1.2")),
        (4.375, mark("1.3")),
        (4.5, heard(2000.0, 2000.0)),
    ]


def test_marks_that_come_back_because_of_a_hold_count_for_nothing() -> None:
    machine = PlayoutMachine()
    drive(
        machine,
        (0.0, queued(2000.0)),
        (0.25, sent(1500.0, 0.25)),
        (0.5, PlayoutHeld()),
        (0.5, passed("1.1")),
        (0.75, sent(250.0, 0.75)),
        (0.75, passed("1.1")),
    )
    assert machine.heard_ms("a", 0.875) == 375.0


def test_a_hold_keeps_what_an_early_mark_has_confirmed() -> None:
    machine = PlayoutMachine()
    drive(
        machine,
        (0.0, queued(2000.0)),
        (0.25, sent(1500.0, 0.25)),
        (0.5, passed("1.1")),
        (0.5, PlayoutHeld()),
    )
    assert machine.sent_ms("a") == 1500.0


def test_a_hold_after_the_last_word_ends_the_utterance() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.5, sent(500.0, 0.0)),
        (0.5, PlayoutHeld()),
        until=9.0,
    )
    assert said == [(0.5, mark("1.1")), (0.5, started()), (0.5, heard(500.0, 500.0))]
    assert machine.state is PlayoutState.IDLE


def test_a_hold_recalls_the_utterances_behind_too() -> None:
    machine = PlayoutMachine(CLOCK_ONLY)
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, queued(500.0, "b")),
        (0.0, sent(500.0, 0.0)),
        (0.0, sent(500.0, 0.0, "b")),
        (0.25, PlayoutHeld()),
        (0.5, queued(250.0, "b")),
        (0.5, closed("b")),
    )
    assert said == [(0.0, started())]
    assert (machine.sent_ms("a"), machine.sent_ms("b")) == (250.0, 0.0)
    said = drive(machine, (1.0, sent(250.0, 1.0)), (1.25, sent(750.0, 1.25, "b")), until=9.0)
    assert said == [
        (1.25, heard(500.0, 500.0)),
        (1.25, started("b")),
        (2.0, heard(750.0, 750.0, "b")),
    ]


def test_an_utterance_closed_while_held_with_nothing_left_is_over() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(250.0)),
        (0.25, sent(250.0, 0.0)),
        (0.5, PlayoutHeld()),
        (0.75, closed()),
    )
    assert said == [(0.25, mark("1.1")), (0.25, started()), (0.75, heard(250.0, 250.0))]


def test_marks_and_holds_while_held_are_ignored() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.25, PlayoutHeld()),
        (0.25, passed("1.1")),
        (0.5, PlayoutHeld()),
    )
    assert said == []
    assert machine.state is PlayoutState.HELD


def test_a_clear_says_how_much_was_heard() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(2000.0)),
        (0.0, queued(500.0, "b")),
        (0.25, sent(250.0, 0.0)),
        (0.375, passed("1.1")),
        (0.625, sent(500.0, 0.25)),
        (0.625, PlayoutCleared()),
        until=60.0,
    )
    assert said == [
        (0.25, mark("1.1")),
        (0.25, started()),
        (0.625, cut(625.0, 2000.0)),
        (0.625, cut(0.0, 500.0, "b")),
    ]
    assert machine.state is PlayoutState.IDLE
    assert machine.heard_ms("a", 60.0) == 625.0


def test_marks_that_come_back_because_of_a_clear_do_not_count_as_heard() -> None:
    machine = PlayoutMachine()
    drive(
        machine,
        (0.0, queued(2000.0)),
        (0.0, closed()),
        (0.0, sent(1000.0, 0.0)),
        (0.0, sent(1000.0, 0.0)),
        (0.25, PlayoutCleared()),
    )
    said = drive(
        machine,
        (0.25, passed("1.1")),
        (0.25, passed("1.2")),
        (0.5, queued(500.0, "b")),
        (0.5, sent(250.0, 0.5, "b")),
        (0.5, passed("1.2")),
    )
    assert said == [(0.5, mark("2.1")), (0.5, started("b"))]
    assert machine.heard_ms("a", 0.5) == 250.0
    assert machine.heard_ms("b", 0.5625) == 62.5


def test_a_clear_after_the_last_word_interrupts_nothing() -> None:
    said = drive(
        PlayoutMachine(),
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.5, sent(500.0, 0.0)),
        (0.5, PlayoutCleared()),
    )
    assert said == [(0.5, mark("1.1")), (0.5, started()), (0.5, heard(500.0, 500.0))]


def test_a_clear_at_the_very_end_of_the_last_word_interrupts_nothing() -> None:
    assert (0.2 + 0.5 - 0.2) * 1000 < 500.0  # which is why these times
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.2, queued(500.0)),
        (0.2, closed()),
        (0.2, sent(500.0, 0.2)),
        (0.2 + 0.5, PlayoutCleared()),
    )
    assert said[2:] == [(0.2 + 0.5, heard(500.0, 500.0))]


def test_a_clear_in_a_pause_between_words_interrupts_what_was_still_to_come() -> None:
    said = drive(
        PlayoutMachine(),
        (0.0, queued(500.0)),
        (0.5, sent(500.0, 0.0)),
        (0.5, PlayoutCleared()),
    )
    assert said == [(0.5, mark("1.1")), (0.5, started()), (0.5, cut(500.0, 500.0))]


def test_a_clear_before_the_deadline_was_ticked_still_says_that_it_started() -> None:
    machine = PlayoutMachine()
    machine.receive(queued(1000.0), 0.0)
    machine.receive(sent(500.0, 0.25), 0.0)
    assert machine.receive(PlayoutCleared(), 0.5) == [started(), cut(250.0, 1000.0)]


def test_an_utterance_that_has_not_begun_can_be_dropped_alone() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, queued(500.0, "b")),
        (0.0, queued(500.0, "c")),
        (0.0, sent(500.0, 0.0)),
        (0.25, PlayoutCleared(utterance="b")),
        (0.625, passed("1.1")),
        (0.75, sent(500.0, 0.75, "c")),
    )
    assert said == [
        (0.0, mark("1.1")),
        (0.0, started()),
        (0.25, cut(0.0, 500.0, "b")),
        (0.625, heard(500.0, 500.0)),
        (0.75, mark("3.1")),
        (0.75, started("c")),
    ]


def test_dropping_one_that_has_begun_recalls_what_was_sent_behind_it() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, queued(500.0, "b")),
        (0.0, sent(500.0, 0.0)),
        (0.0, sent(500.0, 0.0, "b")),
        (0.25, PlayoutCleared(utterance="a")),
        (0.25, passed("1.1")),
        (0.25, passed("2.1")),
        (0.25, sent(250.0, 0.25, "b")),
    )
    assert said == [
        (0.0, mark("1.1")),
        (0.0, started()),
        (0.0, mark("2.1")),
        (0.25, cut(250.0, 500.0)),
        (0.25, mark("2.2")),
        (0.25, started("b")),
    ]
    assert machine.sent_ms("b") == 250.0
    assert machine.heard_ms("b", 0.375) == 125.0


def test_dropping_one_while_held_leaves_the_others_held() -> None:
    machine = PlayoutMachine()
    drive(machine, (0.0, queued(500.0)), (0.0, queued(500.0, "b")), (0.0, PlayoutHeld()))
    assert drive(machine, (0.25, PlayoutCleared(utterance="a"))) == [(0.25, cut(0.0, 500.0))]
    assert machine.state is PlayoutState.HELD


def test_dropping_an_unknown_or_finished_utterance_changes_nothing() -> None:
    machine = PlayoutMachine()
    drive(
        machine,
        (0.0, queued(0.0)),
        (0.0, closed()),
        (0.0, queued(500.0, "b")),
        (0.0, sent(250.0, 0.0, "b")),
    )
    said = drive(
        machine,
        (0.125, PlayoutCleared(utterance="a")),
        (0.125, PlayoutCleared(utterance="nobody")),
    )
    assert said == []
    assert machine.sent_ms("b") == 250.0


def test_audio_made_for_an_utterance_that_was_cleared_is_ignored() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, PlayoutCleared()),
        (0.25, queued(500.0)),
        (0.25, closed()),
        until=9.0,
    )
    assert said == [(0.0, cut(0.0, 500.0))]
    assert machine.state is PlayoutState.IDLE


def test_when_the_leg_goes_every_open_utterance_ends_with_what_was_heard() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, queued(500.0, "b")),
        (0.0, closed("b")),
        (0.0, queued(500.0, "c")),
        (0.5, sent(500.0, 0.0)),
        (0.75, sent(250.0, 0.5, "b")),
        (0.625, PlayoutClosed()),
        until=9.0,
    )
    assert said == [
        (0.5, mark("1.1")),
        (0.5, started()),
        (0.75, mark("2.1")),
        (0.75, started("b")),
        (0.625, heard(500.0, 500.0)),
        (0.625, cut(0.0, 500.0, "b")),
        (0.625, cut(0.0, 500.0, "c")),
    ]


def test_after_the_leg_is_gone_only_new_utterances_are_answered() -> None:
    machine = PlayoutMachine()
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.25, sent(250.0, 0.0)),
        (0.25, PlayoutClosed()),
        (0.25, sent(250.0, 0.25)),
        (0.25, passed("1.1")),
        (0.25, PlayoutHeld()),
        (0.25, PlayoutCleared()),
        (0.25, PlayoutClosed()),
        (0.25, queued(500.0)),
        (0.5, queued(750.0, "b")),
        (0.5, queued(750.0, "b")),
        (0.5, closed("b")),
        until=9.0,
    )
    assert said == [
        (0.25, mark("1.1")),
        (0.25, started()),
        (0.25, cut(250.0, 500.0)),
        (0.5, cut(0.0, 750.0, "b")),
    ]
    assert machine.tick(9.0) == []
    assert machine.state is PlayoutState.CLOSED


def test_a_clock_that_stands_still_or_goes_back_takes_nothing_back() -> None:
    machine = PlayoutMachine(CLOCK_ONLY)
    drive(machine, (0.0, queued(2000.0)), (0.0, sent(1000.0, 0.0)))
    machine.tick(0.5)
    assert machine.heard_ms("a", 0.25) == 500.0
    assert machine.receive(PlayoutHeld(), 0.25) == []
    assert machine.heard_ms("a", 0.25) == 500.0


# The player's own mistakes.


def test_positions_that_differ_by_less_than_a_sample_are_the_same() -> None:
    machine = PlayoutMachine(CLOCK_ONLY)
    said = drive(
        machine,
        (0.0, queued(500.0)),
        (0.0, closed()),
        (0.0, sent(400.0, 0.0)),
        (0.3001, PlayoutHeld()),
        (1.0, sent(200.0, 1.0)),  # from the whole sample before 300.1
        (2.0, queued(250.0, "b")),
        (2.0, closed("b")),
        (2.0, sent(249.9, 2.0, "b")),
        until=9.0,
    )
    assert [command for _, command in said] == [
        started(),
        heard(500.0, 500.0),
        started("b"),
        heard(250.0, 250.0, "b"),
    ]


def test_sending_nothing_is_allowed_and_says_nothing() -> None:
    machine = PlayoutMachine()
    assert drive(machine, (0.0, queued(500.0)), (0.0, sent(0.0, 0.0))) == []
    assert machine.deadline() is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (queued(-1.0), "-1.0 ms"),
        (queued(math.nan), "nan ms"),
        (queued(math.inf), "inf ms"),
        (queued(20.0, "done"), "'done' is closed"),
        (queued(20.0, "next"), "'next' is closed"),
        (closed("nobody"), "'nobody' is unknown"),
        (sent(20.0, 0.0, "nobody"), "'nobody' is unknown"),
        (sent(20.0, 0.0, "done"), "'done' is over"),
        (sent(-20.0, 0.0), "-20.0 ms"),
        (sent(math.inf, 0.0), "inf ms"),
        (sent(20.0, math.nan), "at nan"),
        (sent(301.5, 0.0), "only 500.0 ms are queued"),
        (sent(20.0, 0.0, "next"), "'next' was sent before 'a' was all sent"),
    ],
)
def test_the_players_mistakes_raise_and_change_nothing(wrong: PlayoutEvent, says: str) -> None:
    machine = PlayoutMachine()
    drive(
        machine,
        (0.0, queued(0.0, "done")),
        (0.0, closed("done")),
        (0.0, queued(500.0)),
        (0.0, queued(500.0, "next")),
        (0.0, closed("next")),
        (0.25, sent(200.0, 0.0)),
    )
    before = (machine.state, machine.sent_ms("a"), machine.heard_ms("a", 0.25))
    with pytest.raises(UsageError, match=says):
        machine.receive(wrong, 9.0)
    assert (machine.state, machine.sent_ms("a"), machine.heard_ms("a", 0.25)) == before


def test_sending_when_nothing_was_ever_queued_raises() -> None:
    with pytest.raises(UsageError, match="'a' is unknown"):
        PlayoutMachine().receive(sent(20.0, 0.0), 0.0)


def test_asking_about_an_unknown_utterance_raises() -> None:
    machine = PlayoutMachine()
    with pytest.raises(UsageError, match="'a' is unknown"):
        machine.heard_ms("a", 0.0)
    with pytest.raises(UsageError, match="'a' is unknown"):
        machine.sent_ms("a")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("mark_every_ms", 0.0),
        ("mark_every_ms", math.nan),
        ("mark_tolerance", -0.1),
        ("mark_tolerance", math.inf),
        ("finish_grace", math.nan),
    ],
)
def test_a_setting_out_of_range_is_refused_by_its_name(setting: str, value: float) -> None:
    settings: Mapping[str, float] = {setting: value}
    with pytest.raises(ConfigError, match=setting):
        PlayoutConfig(**settings)  # type: ignore[arg-type]  # the field is named by the case


# The table.


def test_each_move_in_the_table_can_be_made() -> None:
    made: set[tuple[PlayoutState, str, PlayoutState]] = set()

    def follow(*steps: Step) -> None:
        machine = PlayoutMachine(CLOCK_ONLY if steps[0][0] < 0 else None)
        for now, event in steps:
            before = machine.state
            name = "tick" if event is None else event.name
            if event is None:
                machine.tick(now)
            else:
                machine.receive(event, now)
            if name in TRANSITIONS[before]:
                made.add((before, name, machine.state))

    heard_whole: list[Step] = [(-1.0, queued(500.0)), (-1.0, closed()), (-1.0, sent(500.0, -1.0))]
    streaming: list[Step] = [(0.0, queued(500.0)), (0.0, sent(250.0, 0.0))]
    held: list[Step] = [(0.0, queued(500.0)), (0.0, queued(500.0, "b")), (0.0, PlayoutHeld())]
    over: Step = (9.0, PlayoutClosed())
    follow((0.0, queued(500.0)), (0.0, PlayoutCleared()), (0.0, queued(500.0)), (0.0, closed()))
    follow(over, (9.0, queued(500.0)), (9.0, closed()))
    follow(*streaming, (0.0, queued(500.0)), (0.0, passed("1.1")), (0.0, None), over)
    follow(*heard_whole, (9.0, None))
    follow(*heard_whole[:2], (9.0, sent(500.0, -1.0)))
    follow(*heard_whole, (9.0, PlayoutHeld()))
    follow(
        (-1.0, queued(500.0, "c")), (-1.0, PlayoutCleared()), *heard_whole, (9.0, queued(1, "c"))
    )
    follow((0.0, queued(500.0)), (0.0, closed()), (0.0, sent(500.0, 0.0)), (0.5, passed("1.1")))
    follow((0.0, queued(0.0)), (0.0, closed()))
    follow((0.0, queued(0.0)), (0.0, queued(0.0, "b")), (0.0, PlayoutCleared(utterance="a")))
    follow(*held, (1.0, queued(500.0)), (1.0, closed()), over)
    follow(*held, (1.0, PlayoutCleared(utterance="a")), (1.0, PlayoutCleared()))
    follow(*held, (1.0, sent(250.0, 1.0)))
    follow(*streaming, (0.0, queued(0.0, "b")), (0.25, PlayoutHeld()), (1.0, PlayoutCleared()))
    follow(*heard_whole[:1], (0.0, PlayoutHeld()), (1.0, closed()), (9.0, sent(500.0, 1.0)))
    follow((0.0, queued(0.0)), (0.0, PlayoutHeld()), (0.0, closed()))

    table = {
        (before, name, after)
        for before, row in TRANSITIONS.items()
        for name, afters in row.items()
        for after in afters
    }
    assert made == table
