"""Who has answered: what each layer decides, and when."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hookflash.errors import ConfigError
from hookflash.events.turn import (
    CallerLeft,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TranscriptPartial,
)
from hookflash.events.voicemail import (
    AskModel,
    CarrierSaid,
    CarrierVerdict,
    GiveUp,
    ModelSaid,
    PartyAnswered,
    PartyJudged,
    ReadyToSpeak,
    ToneHeard,
    VoicemailCommand,
    VoicemailEvent,
    VoicemailMethod,
    VoicemailVerdict,
)
from hookflash.machines.voicemail import (
    TRANSITIONS,
    VoicemailConfig,
    VoicemailMachine,
    VoicemailState,
)
from hookflash.sansio import Machine

type_check: Machine[VoicemailEvent, VoicemailCommand] = VoicemailMachine()

Step = tuple[float, VoicemailEvent]

HUMAN, MACHINE, UNKNOWN = (
    VoicemailVerdict.HUMAN,
    VoicemailVerdict.MACHINE,
    VoicemailVerdict.UNKNOWN,
)
BEEP = ToneHeard(hz=1000.0, ms=500.0)
ASKS = VoicemailConfig(use_model=True)
FOREVER = 1000.0


def drive(
    *steps: Step, config: VoicemailConfig | None = None, until: float = FOREVER
) -> list[tuple[float, VoicemailCommand]]:
    """Answer at 0, feed the events, tick at every deadline; return the commands with times."""
    return drive_machine(VoicemailMachine(config), (0.0, PartyAnswered()), *steps, until=until)


def drive_machine(
    machine: VoicemailMachine, *steps: Step, until: float
) -> list[tuple[float, VoicemailCommand]]:
    said: list[tuple[float, VoicemailCommand]] = []

    def wait(moment: float) -> None:
        for _ in range(50):
            deadline = machine.deadline()
            if deadline is None or deadline > moment:
                return
            said.extend((round(deadline, 6), command) for command in machine.tick(deadline))
        pytest.fail("ticking does not get past a deadline")

    for moment, event in steps:
        wait(moment)
        said.extend((moment, command) for command in machine.receive(event, moment))
    wait(until)
    return said


def speech(start: float, end: float, *, stop: float = 0.35) -> tuple[Step, Step]:
    """The detector's two verdicts; it confirms a start in 0.2 s and an end in `stop`."""
    return (
        (start + 0.2, SpeechStarted(onset=start)),
        (round(end + stop, 6), SpeechStopped(offset=end)),
    )


def partial(text: str) -> TranscriptPartial:
    return TranscriptPartial(text=text)


def final(text: str) -> TranscriptFinal:
    return TranscriptFinal(text=text)


def said(verdict: CarrierVerdict) -> CarrierSaid:
    return CarrierSaid(verdict=verdict)


def judged(
    verdict: VoicemailVerdict,
    method: VoicemailMethod,
    *,
    corrected: bool = False,
    text: str = "",
) -> PartyJudged:
    return PartyJudged(verdict=verdict, method=method, corrected=corrected, text=text)


def test_a_person_who_says_hello_and_waits_is_known_800_ms_after_it() -> None:
    assert drive(*speech(1.0, 1.5), (1.95, final("Hello?"))) == [
        (2.3, judged(HUMAN, VoicemailMethod.TIMING, text="Hello?"))
    ]


def test_a_short_hello_without_any_words_is_a_person() -> None:
    assert drive(*speech(0.5, 1.1)) == [(1.9, judged(HUMAN, VoicemailMethod.TIMING))]


def test_a_second_hello_within_the_pause_delays_the_verdict_and_no_more() -> None:
    assert drive(*speech(1.0, 1.4), *speech(1.9, 2.3)) == [
        (3.1, judged(HUMAN, VoicemailMethod.TIMING))
    ]


def test_who_asks_who_is_there_is_a_person_as_soon_as_the_words_are_known() -> None:
    assert drive(*speech(1.0, 2.0), (2.4, final("Hello, who is this?"))) == [
        (2.4, judged(HUMAN, VoicemailMethod.WORDS, text="Hello, who is this?"))
    ]


def test_a_person_is_let_to_finish_even_when_the_words_are_known_before() -> None:
    text = "Miller and sons, how can I help you?"
    steps = (1.2, SpeechStarted(onset=1.0)), (3.0, partial(text)), (3.85, SpeechStopped(offset=3.5))
    assert drive(*steps) == [(3.85, judged(HUMAN, VoicemailMethod.WORDS, text=text))]


def test_a_firms_long_greeting_without_a_machines_words_is_a_person() -> None:
    text = "Good morning, Miller and sons, plumbing and heating, Anna here"
    assert drive(*speech(1.0, 4.8), (5.3, final(text))) == [
        (5.6, judged(HUMAN, VoicemailMethod.WORDS, text=text))
    ]


def test_a_machines_phrase_is_believed_in_the_middle_of_the_greeting() -> None:
    text = "Hi, please leave a message"
    commands = drive((1.2, SpeechStarted(onset=1.0)), (2.4, partial(text)), until=20.0)
    assert commands == [(2.4, judged(MACHINE, VoicemailMethod.WORDS, text=text))]


def test_a_hint_is_believed_when_the_greeting_is_over() -> None:
    text = "You have reached Ann Miller."
    assert drive(*speech(1.0, 2.2), (2.6, final(text)), until=3.5) == [
        (3.0, judged(MACHINE, VoicemailMethod.WORDS, text=text))
    ]


def test_a_greeting_that_pauses_nowhere_is_a_machine_after_four_and_a_half_seconds() -> None:
    assert drive((1.2, SpeechStarted(onset=1.0)), until=10.0) == [
        (5.5, judged(MACHINE, VoicemailMethod.TIMING))
    ]


def test_a_greeting_whose_words_are_no_machines_may_take_seven_seconds() -> None:
    text = "Good morning, Miller and sons, plumbing and heating"
    steps = (1.2, SpeechStarted(onset=1.0)), (4.0, partial(text))
    assert drive(*steps, until=10.0) == [(8.0, judged(MACHINE, VoicemailMethod.TIMING, text=text))]
    assert drive(*steps, (6.85, SpeechStopped(offset=6.5))) == [
        (7.3, judged(HUMAN, VoicemailMethod.WORDS, text=text))
    ]


def test_a_model_that_does_not_know_who_speaks_on_leaves_them_the_rest_of_that_time() -> None:
    text = "Good morning, Miller and sons, plumbing and heating"
    steps = (1.2, SpeechStarted(onset=1.0)), (4.0, partial(text))
    assert drive(*steps, (5.7, ModelSaid()), config=ASKS, until=10.0) == [
        (5.5, AskModel(text=text)),
        (8.0, judged(MACHINE, VoicemailMethod.TIMING, text=text)),
    ]


def test_speech_of_three_seconds_without_words_is_a_machine() -> None:
    assert drive(*speech(1.0, 4.0), until=5.0) == [(4.8, judged(MACHINE, VoicemailMethod.TIMING))]


def test_a_menu_is_known_when_it_pauses() -> None:
    text = "For sales, press one."
    assert drive(*speech(1.0, 3.0), (3.35, final(text))) == [
        (3.35, judged(VoicemailVerdict.IVR, VoicemailMethod.WORDS, text=text))
    ]


def test_a_menu_that_does_not_pause_is_known_after_long_enough() -> None:
    text = "Thank you for calling. Press one for"
    assert drive((1.2, SpeechStarted(onset=1.0)), (4.0, partial(text)), until=30.0) == [
        (5.5, judged(VoicemailVerdict.IVR, VoicemailMethod.WORDS, text=text))
    ]


def test_call_screening_is_let_to_finish() -> None:
    text = "Hi, if you record your name and reason for calling"
    commands = drive((1.2, SpeechStarted(onset=1.0)), (4.0, partial(text)), until=8.0)
    assert commands == []
    commands = drive(
        (1.2, SpeechStarted(onset=1.0)), (4.0, partial(text)), (8.35, SpeechStopped(offset=8.0))
    )
    assert commands == [
        (8.35, judged(VoicemailVerdict.CALL_SCREENING, VoicemailMethod.WORDS, text=text))
    ]


def test_a_silent_line_is_unknown_after_three_seconds() -> None:
    assert drive() == [(3.0, judged(UNKNOWN, VoicemailMethod.TIMEOUT))]


def test_noise_that_never_settles_is_unknown_at_the_last_deadline() -> None:
    steps = [step for start in range(8) for step in speech(1.0 + 1.2 * start, 1.2 + 1.2 * start)]
    config = VoicemailConfig(short_greeting=3.0, pause=1.3)
    assert drive(*steps, config=config) == [(10.0, judged(UNKNOWN, VoicemailMethod.TIMEOUT))]


def test_what_was_heard_counts_at_the_last_deadline() -> None:
    text = "tell me your name"
    assert drive((1.2, SpeechStarted(onset=1.0)), (2.0, partial(text))) == [
        (10.0, judged(VoicemailVerdict.CALL_SCREENING, VoicemailMethod.WORDS, text=text))
    ]


# The model.


def test_the_model_is_asked_about_a_long_greeting_whose_words_tell_nothing() -> None:
    text = "The Millers are out walking the dog again"
    steps = *speech(1.0, 3.5), (4.0, final(text))
    assert drive(*steps, (4.3, ModelSaid(verdict=MACHINE)), config=ASKS, until=6.0) == [
        (4.0, AskModel(text=text)),
        (4.3, judged(MACHINE, VoicemailMethod.LLM, text=text)),
        (6.0, ReadyToSpeak(beep=False)),
    ]


def test_the_model_is_not_asked_about_a_hello() -> None:
    assert drive(*speech(1.0, 1.5), (1.9, final("Hello?")), config=ASKS) == [
        (2.3, judged(HUMAN, VoicemailMethod.TIMING, text="Hello?"))
    ]


@pytest.mark.parametrize("answer", [None, UNKNOWN])
def test_a_model_that_does_not_know_leaves_it_to_the_length(
    answer: VoicemailVerdict | None,
) -> None:
    steps = *speech(1.0, 3.5), (4.0, final("The Millers are out"))
    assert drive(*steps, (4.2, ModelSaid(verdict=answer)), config=ASKS) == [
        (4.0, AskModel(text="The Millers are out")),
        (4.2, judged(HUMAN, VoicemailMethod.WORDS, text="The Millers are out")),
    ]


def test_a_model_that_does_not_answer_is_waited_for_700_ms_and_its_late_word_is_ignored() -> None:
    steps = *speech(1.0, 3.5), (4.0, final("The Millers are out"))
    assert drive(*steps, (5.5, ModelSaid(verdict=MACHINE)), config=ASKS) == [
        (4.0, AskModel(text="The Millers are out")),
        (4.7, judged(HUMAN, VoicemailMethod.WORDS, text="The Millers are out")),
    ]


def test_a_person_that_the_model_knows_is_let_to_finish() -> None:
    text = "Good morning, a very good morning to you"
    steps = (1.2, SpeechStarted(onset=1.0)), (5.0, partial(text))
    assert drive(
        *steps, (5.7, ModelSaid(verdict=HUMAN)), (7.35, SpeechStopped(offset=7.0)), config=ASKS
    ) == [
        (5.5, AskModel(text=text)),
        (7.8, judged(HUMAN, VoicemailMethod.LLM, text=text)),
    ]


def test_words_that_come_while_the_model_thinks_are_quicker() -> None:
    steps = *speech(1.0, 3.5), (4.0, final("The Millers are out."))
    assert drive(*steps, (4.5, partial("Leave your name")), config=ASKS, until=5.0) == [
        (4.0, AskModel(text="The Millers are out.")),
        (
            4.5,
            judged(MACHINE, VoicemailMethod.WORDS, text="The Millers are out. Leave your name"),
        ),
    ]


# The carrier.


def test_the_carriers_word_is_taken_at_once() -> None:
    assert drive((0.8, said(CarrierVerdict.HUMAN))) == [
        (0.8, judged(HUMAN, VoicemailMethod.CARRIER))
    ]


def test_a_word_of_the_carrier_before_the_answer_counts_at_the_answer() -> None:
    machine = VoicemailMachine()
    steps = (0.0, said(CarrierVerdict.MACHINE_START)), (2.0, PartyAnswered())
    assert drive_machine(machine, *steps, until=3.0) == [
        (2.0, judged(MACHINE, VoicemailMethod.CARRIER))
    ]


def test_a_carrier_that_does_not_know_changes_nothing() -> None:
    assert drive((0.8, said(CarrierVerdict.UNKNOWN))) == [
        (3.0, judged(UNKNOWN, VoicemailMethod.TIMEOUT))
    ]


@pytest.mark.parametrize(
    ("word", "beep"),
    [
        (CarrierVerdict.MACHINE_END_BEEP, True),
        (CarrierVerdict.MACHINE_END_SILENCE, False),
        (CarrierVerdict.MACHINE_END_OTHER, False),
    ],
)
def test_the_carrier_may_say_that_the_greeting_is_over(word: CarrierVerdict, beep: bool) -> None:
    assert drive((5.0, said(word))) == [
        (3.0, judged(UNKNOWN, VoicemailMethod.TIMEOUT)),
        (5.0, judged(MACHINE, VoicemailMethod.CARRIER, corrected=True)),
        (5.0, ReadyToSpeak(beep=beep)),
    ]


def test_the_carriers_end_of_the_greeting_counts_after_our_own_verdict() -> None:
    text = "Leave a message"
    steps = (1.2, SpeechStarted(onset=1.0)), (2.0, partial(text))
    assert drive(*steps, (6.0, said(CarrierVerdict.MACHINE_END_BEEP))) == [
        (2.0, judged(MACHINE, VoicemailMethod.WORDS, text=text)),
        (6.0, ReadyToSpeak(beep=True)),
    ]


def test_the_carrier_does_not_make_a_person_of_a_machine() -> None:
    steps = (1.2, SpeechStarted(onset=1.0)), (2.0, partial("Leave a message"))
    assert drive(*steps, (2.5, said(CarrierVerdict.HUMAN)), until=4.0) == [
        (2.0, judged(MACHINE, VoicemailMethod.WORDS, text="Leave a message"))
    ]


def test_the_carrier_knows_a_fax() -> None:
    assert drive((1.0, said(CarrierVerdict.FAX))) == [
        (1.0, judged(VoicemailVerdict.FAX, VoicemailMethod.CARRIER))
    ]


# Tones.


def test_a_beep_is_a_machine_that_records() -> None:
    assert drive(*speech(1.0, 2.4), (2.9, BEEP)) == [
        (2.9, judged(MACHINE, VoicemailMethod.TONE)),
        (2.9, ReadyToSpeak(beep=True)),
    ]


@pytest.mark.parametrize(
    "tone", [ToneHeard(hz=2100.4, ms=800.0), ToneHeard(hz=1100.3, ms=490.0)], ids=["CED", "CNG"]
)
def test_fax_tones_are_a_fax(tone: ToneHeard) -> None:
    assert drive((1.5, tone)) == [(1.5, judged(VoicemailVerdict.FAX, VoicemailMethod.TONE))]


def test_half_a_second_of_1100_hz_after_a_greeting_is_its_beep() -> None:
    assert drive(*speech(1.0, 2.0), (2.7, ToneHeard(hz=1100.3, ms=490.0))) == [
        (2.7, judged(MACHINE, VoicemailMethod.TONE)),
        (2.7, ReadyToSpeak(beep=True)),
    ]


def test_a_greeting_ends_with_its_beep() -> None:
    steps = (1.2, SpeechStarted(onset=1.0)), (2.0, partial("Leave a message"))
    assert drive(*steps, (6.35, SpeechStopped(offset=6.0)), (7.1, BEEP)) == [
        (2.0, judged(MACHINE, VoicemailMethod.WORDS, text="Leave a message")),
        (7.1, ReadyToSpeak(beep=True)),
    ]


def test_a_greeting_without_a_beep_ends_with_a_silence_and_a_late_beep_starts_over() -> None:
    steps = (1.2, SpeechStarted(onset=1.0)), (2.0, partial("Leave a message"))
    assert drive(*steps, (6.35, SpeechStopped(offset=6.0)), (10.0, BEEP), (11.0, BEEP)) == [
        (2.0, judged(MACHINE, VoicemailMethod.WORDS, text="Leave a message")),
        (8.5, ReadyToSpeak(beep=False)),
        (10.0, ReadyToSpeak(beep=True)),
    ]


def test_a_beep_long_after_the_silence_starts_nothing_over() -> None:
    steps = (1.2, SpeechStarted(onset=1.0)), (2.0, partial("Leave a message"))
    assert drive(*steps, (6.35, SpeechStopped(offset=6.0)), (17.0, BEEP)) == [
        (2.0, judged(MACHINE, VoicemailMethod.WORDS, text="Leave a message")),
        (8.5, ReadyToSpeak(beep=False)),
    ]


def test_a_greeting_that_goes_on_after_a_pause_is_waited_for() -> None:
    steps = *speech(1.0, 2.0), (2.4, final("Leave a message.")), *speech(4.0, 6.0)
    assert drive(*steps) == [
        (2.4, judged(MACHINE, VoicemailMethod.WORDS, text="Leave a message.")),
        (8.5, ReadyToSpeak(beep=False)),
    ]


def test_a_greeting_without_end_is_given_up() -> None:
    steps = (1.2, SpeechStarted(onset=1.0)), (2.0, partial("Leave a message"))
    assert drive(*steps) == [
        (2.0, judged(MACHINE, VoicemailMethod.WORDS, text="Leave a message")),
        (62.0, GiveUp()),
    ]


def test_a_fax_tone_within_a_greeting_is_no_beep() -> None:
    steps = (1.2, SpeechStarted(onset=1.0)), (2.0, partial("Leave a message"))
    assert drive(*steps, (4.0, ToneHeard(hz=2100.0, ms=800.0)), until=10.0) == [
        (2.0, judged(MACHINE, VoicemailMethod.WORDS, text="Leave a message"))
    ]


# Second thoughts.


def test_a_greeting_that_pauses_after_hi_is_corrected_by_its_words() -> None:
    steps = *speech(1.0, 1.3), (3.2, SpeechStarted(onset=3.0)), (4.4, partial("leave a message"))
    assert drive(*steps, until=5.0) == [
        (2.1, judged(HUMAN, VoicemailMethod.TIMING)),
        (4.4, judged(MACHINE, VoicemailMethod.WORDS, corrected=True, text="leave a message")),
    ]


def test_a_greeting_that_pauses_after_hi_is_corrected_by_its_beep() -> None:
    steps = *speech(1.0, 1.3), *speech(3.0, 7.0), (8.0, BEEP)
    assert drive(*steps) == [
        (2.1, judged(HUMAN, VoicemailMethod.TIMING)),
        (8.0, judged(MACHINE, VoicemailMethod.TONE, corrected=True)),
        (8.0, ReadyToSpeak(beep=True)),
    ]


def test_a_person_who_answers_us_with_a_machines_words_stays_a_person() -> None:
    steps = *speech(1.0, 1.3), *speech(6.0, 8.0), (8.4, final("You can leave a message with me."))
    assert drive(*steps, (9.0, BEEP)) == [(2.1, judged(HUMAN, VoicemailMethod.TIMING))]


def test_a_beep_alone_makes_no_machine_of_a_person_whose_words_are_known() -> None:
    assert drive(*speech(1.0, 1.3), (1.7, final("Hello?")), (6.0, BEEP)) == [
        (2.1, judged(HUMAN, VoicemailMethod.TIMING, text="Hello?"))
    ]


def test_a_beep_alone_makes_a_machine_of_a_voice_without_words() -> None:
    assert drive(*speech(1.0, 2.4), (6.0, BEEP)) == [
        (3.2, judged(HUMAN, VoicemailMethod.TIMING)),
        (6.0, judged(MACHINE, VoicemailMethod.TONE, corrected=True)),
        (6.0, ReadyToSpeak(beep=True)),
    ]


def test_a_beep_while_somebody_talks_to_us_makes_no_machine_of_them() -> None:
    steps = *speech(1.0, 1.3), *speech(3.0, 5.0), (5.4, final("It is about my order."))
    assert drive(*steps, (6.0, BEEP)) == [(2.1, judged(HUMAN, VoicemailMethod.TIMING))]


def test_a_beep_after_a_silence_is_a_machine_that_greets_nobody() -> None:
    assert drive((5.0, BEEP)) == [
        (3.0, judged(UNKNOWN, VoicemailMethod.TIMEOUT)),
        (5.0, judged(MACHINE, VoicemailMethod.TONE, corrected=True)),
        (5.0, ReadyToSpeak(beep=True)),
    ]


def test_an_offices_recorder_makes_no_mailbox_of_a_menu() -> None:
    text = "For sales, press one."
    steps = *speech(1.0, 3.0), (3.35, final(text)), *speech(9.0, 10.0), (10.4, final("Sales?"))
    assert drive(*steps, (11.0, BEEP)) == [
        (3.35, judged(VoicemailVerdict.IVR, VoicemailMethod.WORDS, text=text))
    ]


def test_a_recording_announcements_beep_long_into_a_call_is_no_machine() -> None:
    assert drive(*speech(1.0, 1.3), (20.0, BEEP)) == [(2.1, judged(HUMAN, VoicemailMethod.TIMING))]


def test_an_assistant_may_pass_us_on_to_a_mailbox() -> None:
    asks = "Please say your name and reason for calling."
    takes = "Please leave your message after the tone."
    steps = *speech(1.0, 4.0), (4.35, final(asks)), *speech(20.0, 23.0), (23.4, final(takes))
    assert drive(*steps, (24.0, BEEP)) == [
        (4.35, judged(VoicemailVerdict.CALL_SCREENING, VoicemailMethod.WORDS, text=asks)),
        (23.4, judged(MACHINE, VoicemailMethod.WORDS, corrected=True, text=takes)),
        (24.0, ReadyToSpeak(beep=True)),
    ]


def test_a_verdict_is_corrected_at_most_once() -> None:
    steps = *speech(1.0, 1.3), (2.5, said(CarrierVerdict.MACHINE_START))
    assert drive(*steps, (3.0, said(CarrierVerdict.FAX)), (3.1, said(CarrierVerdict.HUMAN))) == [
        (2.1, judged(HUMAN, VoicemailMethod.TIMING)),
        (2.5, judged(MACHINE, VoicemailMethod.CARRIER, corrected=True)),
        (3.8, ReadyToSpeak(beep=False)),
    ]


# Without a detector, and at the edges.


def test_without_a_detector_the_words_stand_for_speech() -> None:
    assert drive((1.2, partial("Hello")), (1.6, final("Hello?"))) == [
        (2.4, judged(HUMAN, VoicemailMethod.TIMING, text="Hello?"))
    ]
    assert drive((1.2, partial("Hi leave")), (2.6, final("Hi, leave a message.")), until=6.0) == [
        (2.6, judged(MACHINE, VoicemailMethod.WORDS, text="Hi, leave a message.")),
        (5.1, ReadyToSpeak(beep=False)),
    ]


def test_words_that_the_detector_missed_count_as_speech() -> None:
    assert drive((2.5, final("hello"))) == [
        (3.3, judged(HUMAN, VoicemailMethod.TIMING, text="hello"))
    ]


def test_empty_words_are_nothing() -> None:
    assert drive((1.0, partial("")), (1.1, final(" "))) == [
        (3.0, judged(UNKNOWN, VoicemailMethod.TIMEOUT))
    ]


def test_a_caller_who_hangs_up_is_not_judged() -> None:
    machine = VoicemailMachine()
    steps = (0.0, PartyAnswered()), *speech(1.0, 1.5), (1.9, CallerLeft()), (2.0, BEEP)
    assert drive_machine(machine, *steps, until=FOREVER) == []
    assert machine.state is VoicemailState.OVER
    assert machine.deadline() is None


def test_before_the_answer_nothing_counts() -> None:
    machine = VoicemailMachine()
    assert drive_machine(machine, (0.0, BEEP), *speech(1.0, 9.0), until=FOREVER) == []
    assert machine.state is VoicemailState.WAITING


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_times_outside_their_range_are_refused_by_name(value: float) -> None:
    with pytest.raises(ConfigError, match=r"pause is .*seconds above 0"):
        VoicemailConfig(pause=value)


def test_a_long_greeting_is_no_shorter_than_a_short_one() -> None:
    with pytest.raises(ConfigError, match="short_greeting, long_greeting and long_with_words must"):
        VoicemailConfig(short_greeting=5.0)


# Whatever happens.

_TEXTS = st.sampled_from(
    [
        *("", "hello", "leave a message", "you have reached", "press one", "say your name"),
        *("who is this", "we are out with the dog"),
    ]
)
_EVENTS: st.SearchStrategy[VoicemailEvent] = st.one_of(
    st.just(SpeechStarted()),
    st.just(SpeechStopped()),
    st.builds(partial, _TEXTS),
    st.builds(final, _TEXTS),
    st.sampled_from([BEEP, ToneHeard(hz=2100.0, ms=900.0), ToneHeard(hz=1100.0, ms=500.0)]),
    st.builds(said, st.sampled_from(CarrierVerdict)),
    st.builds(ModelSaid, verdict=st.none() | st.sampled_from(VoicemailVerdict)),
    st.just(PartyAnswered()),
)
_GAPS = st.floats(min_value=0.0, max_value=12.0)


@given(st.lists(st.tuples(_GAPS, _EVENTS), max_size=20), st.booleans())
@settings(max_examples=300)
def test_every_call_gets_one_verdict_in_time_at_most_one_correction_and_one_way_out(
    script: Sequence[tuple[float, VoicemailEvent]], use_model: bool
) -> None:
    config = VoicemailConfig(use_model=use_model)
    machine = VoicemailMachine(config)
    steps: list[Step] = []
    now = 0.0
    for gap, event in script:
        now += gap
        steps.append((now, event))
    commands = drive_machine(machine, (0.0, PartyAnswered()), *steps, until=now + 500.0)
    verdicts = [(at, c) for at, c in commands if isinstance(c, PartyJudged)]
    assert 1 <= len(verdicts) <= 2
    assert verdicts[0][0] <= config.decide_within
    assert [c.corrected for _, c in verdicts] == [False, True][: len(verdicts)]
    if len(verdicts) == 2:
        assert verdicts[1][1].verdict in (MACHINE, VoicemailVerdict.FAX)
        assert verdicts[0][1].verdict not in (MACHINE, VoicemailVerdict.FAX)
    ends = [c for _, c in commands if isinstance(c, ReadyToSpeak | GiveUp)]
    if verdicts[-1][1].verdict is MACHINE:
        assert 1 <= len(ends) <= 2
        assert ends[1:] in ([], [ReadyToSpeak(beep=True)])
    else:
        assert ends == []
    assert machine.deadline() is None
    assert machine.state is VoicemailState.OVER


@given(st.lists(st.tuples(_GAPS, _EVENTS), max_size=20))
def test_every_change_of_state_is_in_the_table(
    script: Sequence[tuple[float, VoicemailEvent]],
) -> None:
    machine = VoicemailMachine(ASKS)
    now = 0.0
    for gap, event in ((0.0, PartyAnswered()), *script):
        now += gap
        before = machine.state
        if machine.tick(now) or machine.state is not before:
            assert machine.state in TRANSITIONS[before]["tick"]
        before = machine.state
        machine.receive(event, now)
        assert machine.state in TRANSITIONS[before].get(event.name, (before,))
