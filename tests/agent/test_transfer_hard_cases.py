"""What people do in the middle of a transfer that nobody asked them to do."""

import asyncio

import pytest
from tests.agent.stage import Script, short
from tests.agent.test_transfer import (
    GREETING,
    HOLD_LINE,
    Clerk,
    ended_well,
    heard_between,
    hum,
    share,
    spoken,
    virtually,
)
from tests.agent.transfer_stage import ANN, OPTIONS, SUMMARY, TransferStage, at_desks

from hookflash.agent import HoldMusic
from hookflash.calls.transfer_types import PhoneDestination
from hookflash.errors import CarrierError, HookflashError, MissingExtra, ProviderError
from hookflash.events.call import CallState, Outcome
from hookflash.events.session import ErrorOccurred
from hookflash.testing import MemoryLeg
from hookflash.testing.scripted import Calls, Fails, Says, Step


def spans(leg: MemoryLeg, since: float) -> list[tuple[float, float]]:
    """When there was sound at an ear, in seconds from a time on; pauses up to 0.3 s are bridged."""
    found: list[tuple[float, float]] = []
    for at, pcm in leg.received:
        if at < since or not any(pcm):
            continue
        moment = round(at - since, 2)
        if found and moment - found[-1][1] < 0.3:
            found[-1] = (found[-1][0], moment)
        else:
            found.append((moment, moment))
    return found


# Keys.


def test_a_key_that_is_pressed_before_anything_was_said_is_answered_at_once_and_takes_nothing() -> (
    None
):
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.supervisor_answers()
            pressed = place.stage.now()
            supervisor.press("1")
            await asyncio.sleep(15.0)
            ((begins, _),) = spans(supervisor, pressed)
            assert begins < 0.1
            assert GREETING in place.stage.tts.spoken
            assert place.phases[-1] == "briefing_started"
            supervisor.press("1")
            assert (await transfer).success

    virtually(main)


def test_a_no_after_the_yes_changes_nothing() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("12")
            assert (await transfer).success

    virtually(main)


def test_the_callers_keys_on_hold_take_nothing_and_reach_nobody() -> None:
    async def main() -> None:
        async with at_desks() as place:
            caller, llm = place.stage.leg, place.stage.llm
            transfer = place.begin()
            supervisor = await place.supervisor_answers()
            caller.press("1")
            await place.supervisor_says("Hello?")
            await asyncio.sleep(5.0)
            caller.press("142")
            await asyncio.sleep(5.0)
            assert place.phases[-1] == "briefing_started"
            supervisor.press("2")
            await transfer
            await place.caller_says("Then tell me.")
            await asyncio.sleep(2.0)
            assert supervisor.digits_sent == []
            (request,) = llm.requests
            assert [short(item) for item in request.items] == [
                f"assistant: {HOLD_LINE}",
                "system: The caller was to be handed to Ann; nobody took the call (declined). "
                "They are back with you.",
                "assistant: I'm sorry, nobody can take your call just now. "
                "Let me go on helping you.",
                "user: Then tell me.",
            ]

    virtually(main)


# Several phones at once.


@pytest.mark.parametrize(("pressing", "excused_after"), [(2, 0.5), (1, 3.0)])
def test_of_two_who_answer_at_the_same_moment_one_is_briefed_and_one_is_excused(
    pressing: int, excused_after: float
) -> None:
    async def main() -> None:
        async with at_desks() as place:
            bob = PhoneDestination("+14155550111", "Bob")
            transfer = place.begin(destinations=[ANN, bob], order="together")
            await place.desk.rings()
            await asyncio.sleep(0.1)
            legs = [MemoryLeg(), MemoryLeg()]
            answered = place.stage.now()
            for call, leg in zip(place.desk.calls, legs, strict=True):
                call.attach(leg)
            await asyncio.sleep(0.5)
            for leg in legs[:pressing]:
                leg.press("1")
            await asyncio.sleep(15.0)
            legs[0].press("1")
            result = await transfer
            assert result.human_agent_identity == "Ann"
            assert [attempt.reason for attempt in result.attempts] == [None, "answered_elsewhere"]
            assert [call.state for call in place.desk.calls] == [
                CallState.ANSWERED,
                CallState.ENDED,
            ]
            # Eleven words of farewell, 0.2 s each, and nothing after them. To one who has neither
            # spoken nor pressed a key, they are said when nobody else is going to speak.
            ((begins, ends),) = spans(legs[1], answered)
            assert begins == pytest.approx(excused_after, abs=0.1)
            assert ends - begins == pytest.approx(2.2, abs=0.1)

    virtually(main)


# A supervisor who is there and is not.


@pytest.mark.parametrize(
    ("proven", "error"), [(False, "supervisor_not_confirmed"), (True, "briefing_timeout")]
)
def test_a_supervisor_who_puts_us_on_hold_is_given_up(proven: bool, error: str) -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin(briefing_timeout=40.0)
            if proven:
                supervisor = await place.briefed()
            else:
                supervisor = await place.supervisor_answers()
            music = asyncio.create_task(supervisor.say(hum(600, 60)))
            assert (await transfer).error == error
            await ended_well(place)
            await music

    virtually(main)


@pytest.mark.parametrize("silent", [0.5, 4.0, 8.0])
@pytest.mark.parametrize(
    "greeting",
    [
        "Hi, this is Ann. Please leave a message after the tone.",
        "The person you are calling cannot take your call.",
    ],
)
def test_a_mailbox_whose_greeting_begins_late_hears_nothing_of_the_caller_either(
    greeting: str, silent: float
) -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.supervisor_answers()
            await asyncio.sleep(silent)
            await place.supervisor_says(greeting)
            assert (await transfer).error == "voicemail"
            assert "briefing_started" not in place.phases

    virtually(main)


def test_an_assistant_that_asks_who_is_calling_is_no_person() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            await place.supervisor_answers()
            await asyncio.sleep(8.0)
            await place.supervisor_says("Please say your name and why you are calling.")
            assert (await transfer).error == "supervisor_not_confirmed"

    virtually(main)


# The briefing's model.


@pytest.mark.parametrize("broken", [Says("Never.", delay=500.0), Fails(ProviderError("broken"))])
def test_a_plain_yes_is_understood_once_the_model_has_failed(broken: Step) -> None:
    async def main() -> None:
        async with at_desks(script=[broken, broken]) as place:
            transfer = place.begin(accept_key="", decline_key="")
            await place.briefed()
            asked = place.stage.now()
            await place.supervisor_says("Yes, I take it.")
            await asyncio.sleep(12.0)  # an apology, and would they say that again
            await place.supervisor_says("Yes.")
            assert (await transfer).success
            assert place.stage.now() - asked < 20.0

    virtually(main)


def test_what_the_model_says_as_it_connects_them_is_not_heard_by_the_caller() -> None:
    async def main() -> None:
        both: list[Step] = [
            Says("Great, I will connect you with them now."),
            Calls("done_briefing"),
        ]
        async with at_desks(script=[both]) as place:
            transfer = place.begin()
            await place.briefed()
            await place.supervisor_says("I'll have them.")
            assert (await transfer).success
            (switched,) = (each.at for each in place.told if each.phase == "call_switched")
            await asyncio.sleep(5.0)
            # The music fades for half a second; the words take two.
            assert spans(place.stage.leg, switched + 0.5) == []

    virtually(main)


# Whose words are whose.


def test_comfort_lines_are_the_callers_alone_and_stop_when_they_are_connected() -> None:
    async def main() -> None:
        music = HoldMusic(music=None, comfort=["Still looking."], comfort_every=5.0)
        options = OPTIONS.__class__(apology="Sorry.", hold_music=music, wording=None)
        async with at_desks(options=options) as place:
            caller = place.stage.leg
            transfer = place.begin()
            supervisor = await place.supervisor_answers()
            await place.supervisor_says("Hello?")
            await asyncio.sleep(10.0)
            told = place.stage.now()
            await asyncio.sleep(12.0)
            assert len(spans(caller, told)) == 2
            assert spans(supervisor, told) == []
            supervisor.press("1")
            merged = place.stage.now()
            await asyncio.sleep(12.0)
            assert spans(caller, merged + 0.1) == spans(supervisor, merged + 0.1) == []
            assert (await transfer).success

    virtually(main)


def test_a_number_that_was_concealed_is_not_in_what_the_supervisor_is_told() -> None:
    async def main() -> None:
        async with at_desks(script=["Thanks.", SUMMARY]) as place:
            with place.stage.session.sensitive():
                await place.caller_says("My card is 4111 1111 1111 1111.")
                await asyncio.sleep(3.0)
            await place.caller_says("And now a person.")
            await asyncio.sleep(3.0)
            transfer = place.begin(summary_timeout=0.5)
            await place.desk.rings()
            *_, asked = place.stage.llm.requests
            assert "My card is •••• •••• •••• ••••." in asked.messages[-1].text
            place.desk.ends(Outcome.BUSY)
            result = await transfer
            assert "4111" not in repr([result, asked, *place.stage.events])

    virtually(main)


# What the model knows afterwards.


def test_after_a_transfer_that_came_to_nothing_the_model_sees_what_the_caller_heard_of_it() -> None:
    async def main() -> None:
        places: list[TransferStage] = []
        script: Script = [[Says("One moment."), Calls("get_a_person")], SUMMARY, "What else?"]
        async with at_desks(Clerk(places), script) as place:
            places.append(place)
            await place.caller_says("A person, please.")
            await place.desk.rings()
            await place.caller_says("What a tune.")
            await asyncio.sleep(2.0)
            place.desk.ends(Outcome.BUSY)
            await asyncio.sleep(10.0)
            *_, request = place.stage.llm.requests
            assert [short(item) for item in request.items] == [
                "user: A person, please.",
                "assistant: One moment.",
                f"assistant: {HOLD_LINE}",
                "user: What a tune.",
                "assistant: I'm sorry, the line is busy. Let me go on helping you.",
                "call get_a_person({})",
                "output get_a_person: They are back.",
            ]
            assert spoken(place)[-1] == "What else?"

    virtually(main)


def test_music_of_a_supervisor_who_holds_after_taking_the_call_is_what_the_caller_hears() -> None:
    async def main() -> None:
        async with at_desks() as place:
            transfer = place.begin()
            supervisor = await place.briefed()
            supervisor.press("1")
            merged = place.stage.now()
            await supervisor.say(hum(600, 5))
            assert (await transfer).success
            assert share(heard_between(place.stage.leg, merged + 0.5, merged + 4.5), 600) > 0.98

    virtually(main)


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (
            MissingExtra("twilio", "twilio"),
            "nobody was dialled: twilio is not installed. Run: pip install 'hookflash[twilio]'",
        ),
        (
            CarrierError("no such number: +14155550100"),
            "nobody was dialled: the carrier did not take the order",
        ),
    ],
    ids=["ours", "the carrier's"],
)
def test_why_nobody_could_be_dialled_is_an_event_as_far_as_it_is_ours_to_say(
    refusal: HookflashError, message: str
) -> None:
    async def main() -> None:
        async with at_desks() as place:
            place.desk.refuses = refusal
            result = await place.begin()
            assert result.error == "dial_failed"
            (error,) = place.stage.of(ErrorOccurred)
            assert (error.source, error.message) == ("transfer", message)

    virtually(main)
