"""Machines that pick up: menus, assistants, mailboxes with beeps of their own."""

from tests.emulator.customer import FRIEND, go, stage
from tests.emulator.test_call import place

from hookflash.audio import silence as no_sound
from hookflash.audio import tone
from hookflash.emulator import FarEnd, Line, call_screening, fax, ivr, person, voicemail

ONE_SECOND = tone((600.0,), 1000.0)


def spoken(far_end: FarEnd, twiml: str, *, gap: float = 0.1) -> list[tuple[float, float]]:
    """Phone it; return when it made a sound."""

    async def main() -> list[tuple[float, float]]:
        async with stage() as (carrier, application):
            carrier.far_ends[FRIEND] = far_end
            call = place(carrier, application, twiml=f"<Response>{twiml}</Response>")
            await call.ended()
            return call.line.spoke.speech(gap=gap)

    return go(main())


async def says_two_seconds(line: Line) -> None:
    await line.say(ONE_SECOND + ONE_SECOND)


def test_a_mailbox_may_have_a_beep_of_its_own_after_a_pause_of_its_own() -> None:
    sound = tone((440.0,), 200.0)
    far_end = voicemail(ONE_SECOND, sound=sound, pause=2.0, limit=1.0)
    assert spoken(far_end, "<Pause length='20'/>") == [(0.5, 1.5), (3.52, 3.72)]


def test_a_mailbox_without_a_beep_listens_all_the_same() -> None:
    far_end = voicemail(ONE_SECOND, beeps=False, limit=1.0)
    assert spoken(far_end, "<Pause length='20'/>") == [(0.5, 1.5)]


def test_a_calling_fax_sends_half_a_second_every_three_and_a_half() -> None:
    assert spoken(fax(calling=True), "<Pause length='8'/>")[:2] == [(0.2, 0.7), (3.7, 4.2)]


def test_a_menu_connects_the_key_that_it_hears() -> None:
    far_end = ivr(ONE_SECOND, {"2": person(says_two_seconds)})
    calls = "<Pause length='3'/><Play digits='2'/><Pause length='5'/>"
    menu, chosen = spoken(far_end, calls)
    assert menu == (0.5, 1.5)
    assert 3.0 < chosen[0] < 3.5
    assert round(chosen[1] - chosen[0], 2) == 2.0


def test_a_menu_says_its_prompt_again_after_a_wrong_key_and_after_four_seconds_without() -> None:
    far_end = ivr(ONE_SECOND, {"2": person(says_two_seconds)}, times=3)
    first, second, third = spoken(far_end, "<Pause length='2'/><Play digits='7'/><Pause/>" * 4)
    assert first == (0.5, 1.5)
    assert 2.0 < second[0] < 2.6  # after the wrong key
    assert third[0] > second[1]


def test_a_menu_without_an_answer_hangs_up() -> None:
    far_end = ivr(ONE_SECOND, {}, times=2)
    assert spoken(far_end, "<Pause length='60'/>") == [(0.5, 1.5), (5.52, 6.52)]


def test_an_assistant_fetches_its_owner_once_it_was_told_who_calls() -> None:
    far_end = call_screening(ONE_SECOND, then=person(says_two_seconds))
    asks, thanks, owner = spoken(far_end, f"<Pause length='2'/><Say>{'x' * 40}</Say><Pause/>" * 3)
    assert asks == (0.5, 1.5)
    # Told from 2.0 to 4.4, quiet for 1.5 s.
    assert 5.8 < thanks[0] < 6.2
    assert owner[0] - thanks[1] > 2.9
    assert round(owner[1] - owner[0], 2) == 2.0


def test_an_assistant_that_is_told_nothing_hangs_up() -> None:
    far_end = call_screening(ONE_SECOND + no_sound(8000, 20.0), then=person(says_two_seconds))
    assert spoken(far_end, "<Pause length='60'/>") == [(0.5, 1.5)]
