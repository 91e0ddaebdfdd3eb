"""Conferences, asked for through the vendor's own SDK, heard by the parties in them."""

import asyncio
import io
from collections.abc import Awaitable, Callable, Mapping

import numpy as np
import pytest
from starlette.responses import Response
from tests.emulator.customer import CALLER, FRIEND, OWN, Application, go, sdk, stage, stays
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from hookflash.audio.tones import tone
from hookflash.audio.wav import write_wav
from hookflash.emulator import (
    CarrierEmulator,
    EmulatedCall,
    EmulatedConference,
    FarEnd,
    Line,
    Lint,
    Notice,
    busy,
    no_answer,
    person,
    silence,
)

OTHER = "+15550143"
EVENTS = "start end join leave mute hold modify speaker announcement"
PITCHES = {CALLER: 500.0, FRIEND: 900.0, OTHER: 1500.0}
ALL_EVENTS = EVENTS.split()


def hz(pcm: bytes) -> set[float]:
    """Return which of the parties' pitches are in a sound."""
    wave = np.frombuffer(pcm, np.int16).astype(float)
    spectrum = np.abs(np.fft.rfft(wave)) / max(1, wave.size)
    step = 8000 / max(1, wave.size)
    return {pitch for pitch in PITCHES.values() if spectrum[round(pitch / step)] > 200}


def hums(number: str, *, after: float = 2.0, seconds: float = 20.0) -> FarEnd:
    """Somebody who hums one pitch, so that one can tell who is heard."""

    async def script(line: Line) -> None:
        await line.wait(after)
        await line.say(tone((PITCHES[number],), seconds * 1000))
        await line.wait_end(timeout=1000.0)

    return person(script)


def room(attributes: str = "", *, name: str = "room", after: str = "") -> str:
    return f"<Response><Dial><Conference {attributes}>{name}</Conference></Dial>{after}</Response>"


def told(application: Application, path: str = "/conf") -> list[str]:
    return [one.params["StatusCallbackEvent"] for one in application.at(path)]


def callbacks(application: Application) -> dict[str, object]:
    return {
        "conference_status_callback": f"{application.http}/conf",
        "conference_status_callback_event": ALL_EVENTS,
    }


class Meeting:
    """A caller in a room, and the SDK."""

    def __init__(
        self,
        carrier: CarrierEmulator,
        application: Application,
        client: Client,
        caller: EmulatedCall,
    ) -> None:
        self.carrier = carrier
        self.application = application
        self.client = client
        self.caller = caller

    @property
    def conference(self) -> EmulatedConference:
        return next(iter(self.carrier.conferences.values()))

    async def dial(self, to: str, far_end: FarEnd, **more: object) -> EmulatedCall:
        """Dial somebody in through the SDK, and wait until they are there."""
        self.carrier.far_ends[to] = far_end
        created = await self.client.conferences("room").participants.create_async(
            to=to, from_=OWN, **more
        )
        call = self.carrier.calls[created.call_sid]
        await call.answered()
        await asyncio.sleep(0.5)
        return call


def meet(
    play: Callable[[Meeting], Awaitable[None]],
    *,
    caller: FarEnd | None = None,
    attributes: str = "",
    after: str = "",
    pages: Mapping[str, str] | None = None,
) -> None:
    """Let a caller dial into the room, and `play` go on."""

    async def main() -> None:
        async with stage({"/conf": "", **(pages or {})}) as (carrier, application):
            application.pages["/voice"] = room(
                f"statusCallback='/conf' statusCallbackEvent='{EVENTS}' {attributes}", after=after
            )
            async with sdk(carrier) as client:
                call = carrier.call(to=OWN, from_=CALLER, far_end=caller or person(stays))
                await call.answered()
                await asyncio.sleep(0.5)
                await play(Meeting(carrier, application, client, call))

    go(main())


# Starting and ending.


def test_a_conference_starts_with_the_second_party_and_ends_with_the_last() -> None:
    async def play(meeting: Meeting) -> None:
        conference = meeting.conference
        assert (conference.friendly_name, conference.status) == ("room", "init")
        friend = await meeting.dial(FRIEND, person(stays), label="friend")
        assert conference.status == "in-progress"
        friend.hang_up()
        await asyncio.sleep(1.0)
        meeting.caller.hang_up()
        await conference.ended()
        assert told(meeting.application) == [
            "participant-join",
            "participant-join",
            "conference-start",
            "participant-leave",
            "participant-leave",
            "conference-end",
        ]
        first, *_, last = meeting.application.at("/conf")
        assert {name: value for name, value in first.params.items() if name != "Timestamp"} == {
            "AccountSid": meeting.carrier.account_sid,
            "ConferenceSid": conference.sid,
            "FriendlyName": "room",
            "SequenceNumber": "1",
            "StatusCallbackEvent": "participant-join",
            "CallSid": meeting.caller.sid,
            "Muted": "false",
            "Hold": "false",
            "Coaching": "false",
            "EndConferenceOnExit": "false",
            "StartConferenceOnEnter": "true",
        }
        assert first.params["Timestamp"].endswith("+0000")
        assert last.params["SequenceNumber"] == "6"
        assert last.params["ReasonConferenceEnded"] == "last-participant-left"
        assert last.params["CallSidEndingConference"] == meeting.caller.sid
        left = meeting.application.at("/conf")[3].params
        assert (left["ParticipantLabel"], left["ParticipantCallStatus"]) == ("friend", "completed")
        assert left["ReasonParticipantLeft"] == "participant_hung_up"
        fetched = await meeting.client.conferences(conference.sid).fetch_async()
        assert (fetched.status, fetched.reason_conference_ended) == (
            "completed",
            "last-participant-left",
        )
        assert fetched.call_sid_ending_conference == meeting.caller.sid

    meet(play)


def test_without_anybody_who_may_start_it_all_wait() -> None:
    async def play(meeting: Meeting) -> None:
        await meeting.dial(FRIEND, person(stays), start_conference_on_enter=False)
        assert meeting.conference.status == "init"
        await meeting.dial(OTHER, person(stays))
        assert meeting.conference.status == "in-progress"

    meet(play, attributes="startConferenceOnEnter='false'")


def test_a_party_with_end_conference_on_exit_takes_all_others_along() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(
            FRIEND, person(stays), end_conference_on_exit=True, label="agent"
        )
        friend.hang_up()
        await meeting.conference.ended()
        leaves = [
            (one.params["CallSid"], one.params["ReasonParticipantLeft"])
            for one in meeting.application.at("/conf")
            if one.params["StatusCallbackEvent"] == "participant-leave"
        ]
        assert leaves == [
            (friend.sid, "participant_hung_up"),
            (meeting.caller.sid, "moderator_ended_conference"),
        ]
        end = meeting.application.at("/conf")[-1].params
        assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-left"
        assert end["ParticipantLabelEndingConference"] == "agent"
        # The caller's document goes on.
        await asyncio.sleep(1.0)
        assert not meeting.caller.is_over
        await meeting.caller.ended()

    meet(play, after="<Pause length='3'/>")


def test_a_conference_is_ended_by_request() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, person(stays))
        conference = meeting.conference
        ended = await meeting.client.conferences(conference.sid).update_async(status="completed")
        assert (ended.status, ended.reason_conference_ended) == (
            "completed",
            "conference-ended-via-api",
        )
        await conference.ended()
        assert {
            one.params.get("ReasonParticipantLeft") for one in meeting.application.at("/conf")[3:5]
        } == {"conference_ended_via_api"}
        assert "CallSidEndingConference" not in meeting.application.at("/conf")[-1].params
        await friend.ended()
        await meeting.caller.ended()
        assert (friend.status, meeting.caller.status) == ("completed", "completed")
        with pytest.raises(TwilioRestException) as refused:
            await meeting.client.conferences(conference.sid).update_async(status="completed")
        assert (refused.value.status, refused.value.code) == (400, 20001)

    meet(play)


def test_a_new_conference_takes_the_name_of_one_that_is_over() -> None:
    async def play(meeting: Meeting) -> None:
        meeting.caller.hang_up()
        await meeting.conference.ended()
        again = meeting.carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
        await again.answered()
        await asyncio.sleep(0.5)
        listed = await meeting.client.conferences.list_async(friendly_name="room")
        assert [one.status for one in listed] == ["init", "completed"]
        live = await meeting.client.conferences.list_async(friendly_name="room", status="init")
        assert [one.sid for one in live] == [listed[0].sid]
        assert await meeting.client.conferences.list_async(friendly_name="other") == []

    meet(play)


def test_the_action_learns_that_the_conference_was_attended() -> None:
    async def main() -> None:
        async with stage({"/done": "<Response/>", "/conf": ""}) as (carrier, application):
            application.pages["/voice"] = (
                "<Response><Dial action='/done' hangupOnStar='true'>"
                "<Conference>room</Conference></Dial></Response>"
            )

            async def caller(line: Line) -> None:
                await line.wait(2.0)
                line.press("1*")
                await line.wait_end()

            call = carrier.call(to=OWN, from_=CALLER, far_end=person(caller))
            await call.ended()
            (done,) = application.at("/done")
            assert done.params["DialCallStatus"] == "answered"
            assert done.params["CallStatus"] == "in-progress"
            assert "DialCallSid" not in done.params

    go(main())


# Who hears whom.


def test_all_hear_the_sum_of_the_others_and_not_themselves() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, hums(FRIEND))
        other = await meeting.dial(OTHER, hums(OTHER))
        await asyncio.sleep(5.0)
        heard = [one.line.heard.pcm()[-32_000:] for one in (meeting.caller, friend, other)]
        assert [hz(pcm) for pcm in heard] == [
            {PITCHES[FRIEND], PITCHES[OTHER]},
            {PITCHES[CALLER], PITCHES[OTHER]},
            {PITCHES[CALLER], PITCHES[FRIEND]},
        ]

    meet(play, caller=hums(CALLER))


def test_what_is_spoken_is_heard_at_most_forty_milliseconds_later() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, person(stays), beep="false")
        await asyncio.sleep(6.0)
        (spoken,) = meeting.caller.line.spoke.speech()
        heard = friend.line.heard.speech(gap=0.1)[-1]
        assert friend.line.heard.began_at is not None
        assert meeting.caller.line.spoke.began_at is not None
        apart = friend.line.heard.began_at - meeting.caller.line.spoke.began_at
        assert 0.0 <= heard[0] + apart - spoken[0] <= 0.04
        assert heard[1] - heard[0] == pytest.approx(1.0)

    meet(play, caller=hums(CALLER, after=5.0, seconds=1.0), attributes="beep='false'")


def test_a_muted_party_hears_and_is_not_heard() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, hums(FRIEND), muted=True)
        participant = meeting.client.conferences(meeting.conference.sid).participants(friend.sid)
        assert (await participant.fetch_async()).muted is True
        await asyncio.sleep(4.0)
        assert hz(meeting.caller.line.heard.pcm()[-16_000:]) == set()
        assert hz(friend.line.heard.pcm()[-16_000:]) == {PITCHES[CALLER]}
        assert (await participant.update_async(muted=False)).muted is False
        await asyncio.sleep(2.0)
        assert hz(meeting.caller.line.heard.pcm()[-16_000:]) == {PITCHES[FRIEND]}
        await participant.update_async(muted=False)
        await participant.update_async(muted=True)
        await meeting.conference.told()
        assert [one for one in told(meeting.application) if "mute" in one] == [
            "participant-unmute",
            "participant-mute",
        ]

    meet(play, caller=hums(CALLER))


def test_a_party_on_hold_hears_music_and_the_others_do_not_hear_it() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, hums(FRIEND))
        participants = meeting.client.conferences(meeting.conference.sid).participants
        held = await participants(meeting.caller.sid).update_async(hold=True)
        assert held.hold is True
        await asyncio.sleep(4.0)
        music = meeting.caller.line.heard.pcm()[-16_000:]
        assert hz(music) == set()
        assert any(music)
        assert hz(friend.line.heard.pcm()[-16_000:]) == set()
        assert [one.call_sid for one in await participants.list_async(hold=True)] == [
            meeting.caller.sid
        ]
        await participants(meeting.caller.sid).update_async(hold=False)
        await asyncio.sleep(2.0)
        assert hz(meeting.caller.line.heard.pcm()[-16_000:]) == {PITCHES[FRIEND]}
        await meeting.conference.told()
        assert [one for one in told(meeting.application) if "hold" in one] == [
            "participant-hold",
            "participant-unhold",
        ]

    meet(play, caller=hums(CALLER))


def wav(pitch: float, seconds: float) -> Response:
    file = io.BytesIO()
    write_wav(file, tone((pitch,), seconds * 1000), 8000)
    return Response(file.getvalue(), media_type="audio/x-wav")


def test_a_sound_of_ones_own_is_played_on_hold_again_and_again() -> None:
    async def play(meeting: Meeting) -> None:
        meeting.application.pages["/hold"] = wav(PITCHES[OTHER], 0.5)
        await meeting.dial(FRIEND, person(stays))
        await (
            meeting.client.conferences("room")
            .participants(meeting.caller.sid)
            .update_async(hold=True, hold_url=f"{meeting.application.http}/hold")
        )
        await asyncio.sleep(5.0)
        assert hz(meeting.caller.line.heard.pcm()[-16_000:]) == {PITCHES[OTHER]}
        asked = meeting.application.at("/hold")
        assert {one.method for one in asked} == {"GET"}
        assert asked[0].params["ConferenceSid"] == meeting.conference.sid
        assert asked[0].params["CallSid"] == meeting.caller.sid

    meet(play)


def test_until_it_starts_a_party_hears_the_wait_document_as_long_as_it_redirects_to_itself() -> (
    None
):
    async def play(meeting: Meeting) -> None:
        await asyncio.sleep(9.0)
        assert len(meeting.application.at("/wait")) == 5
        assert len(meeting.caller.line.heard.speech()) == 5
        await meeting.dial(FRIEND, person(stays), beep="false")
        before = len(meeting.application.at("/wait"))
        await asyncio.sleep(5.0)
        assert len(meeting.application.at("/wait")) == before
        assert not any(meeting.caller.line.heard.pcm()[-16_000:])

    meet(
        play,
        attributes="waitUrl='/wait' beep='false'",
        pages={"/wait": f"<Response><Say>{'x' * 16}</Say><Pause/><Redirect/></Response>"},
    )


@pytest.mark.parametrize(("attributes", "music"), [("", True), ("waitUrl=''", False)])
def test_without_a_wait_document_there_is_music_and_with_an_empty_one_silence(
    attributes: str, music: bool
) -> None:
    async def play(meeting: Meeting) -> None:
        await asyncio.sleep(5.0)
        assert bool(meeting.caller.line.heard.speech()) is music

    meet(play, attributes=attributes)


def test_without_the_wait_document_the_party_is_not_let_in_and_its_document_goes_on() -> None:
    async def play(meeting: Meeting) -> None:
        await asyncio.sleep(1.0)
        assert [one.code for one in meeting.carrier.log.of(Notice)] == ["11200"]
        assert meeting.conference.status == "completed"
        left = meeting.application.at("/conf")[-2].params
        assert left["ReasonParticipantLeft"] == "participant_add_failed"
        assert not meeting.caller.is_over

    meet(play, attributes="waitUrl='/nothing'", after="<Pause length='9'/>")


def test_a_coach_hears_all_and_is_heard_by_one() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, hums(FRIEND))
        coach = await meeting.dial(OTHER, hums(OTHER), call_sid_to_coach=friend.sid, coaching=True)
        participant = meeting.client.conferences("room").participants(coach.sid)
        fetched = await participant.fetch_async()
        assert (fetched.coaching, fetched.call_sid_to_coach) == (True, friend.sid)
        await asyncio.sleep(4.0)
        assert hz(meeting.caller.line.heard.pcm()[-16_000:]) == {PITCHES[FRIEND]}
        assert hz(friend.line.heard.pcm()[-16_000:]) == {PITCHES[CALLER], PITCHES[OTHER]}
        assert hz(coach.line.heard.pcm()[-16_000:]) == {PITCHES[CALLER], PITCHES[FRIEND]}
        await participant.update_async(coaching=False)
        await asyncio.sleep(2.0)
        assert hz(meeting.caller.line.heard.pcm()[-16_000:]) == {PITCHES[FRIEND], PITCHES[OTHER]}
        await meeting.conference.told()
        assert told(meeting.application)[-1] == "participant-modify"

    meet(play, caller=hums(CALLER))


@pytest.mark.parametrize(
    ("value", "beeps"),
    [("true", [True, True]), ("false", [False, False]), ("onEnter", [True, False])],
)
def test_joining_and_leaving_beep_as_asked(value: str, beeps: list[bool]) -> None:
    async def play(meeting: Meeting) -> None:
        began = meeting.caller.line.heard.seconds
        friend = await meeting.dial(FRIEND, person(stays), beep=value)
        await asyncio.sleep(1.0)
        middle = meeting.caller.line.heard.seconds
        friend.hang_up()
        await asyncio.sleep(1.0)
        heard = meeting.caller.line.heard
        assert [any(heard.pcm(began, middle)), any(heard.pcm(middle))] == beeps

    meet(play, attributes="waitUrl='' beep='false'")


def test_who_begins_and_stops_to_speak_is_told() -> None:
    async def play(meeting: Meeting) -> None:
        await meeting.dial(FRIEND, person(stays))
        await asyncio.sleep(8.0)
        spoke = [
            (one.params["StatusCallbackEvent"], one.params["CallSid"])
            for one in meeting.application.at("/conf")
            if "speech" in one.params["StatusCallbackEvent"]
        ]
        assert spoke == [
            ("participant-speech-start", meeting.caller.sid),
            ("participant-speech-stop", meeting.caller.sid),
        ]

    meet(play, caller=hums(CALLER, after=4.0, seconds=1.0))


# Announcements.


def test_an_announcement_to_the_conference_is_heard_by_all() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, person(stays), beep="false")
        url = f"{meeting.application.http}/news"
        await meeting.client.conferences(meeting.conference.sid).update_async(announce_url=url)
        await asyncio.sleep(3.0)
        for one in (meeting.caller, friend):
            began, ended = one.line.heard.speech()[-1]
            assert ended - began == pytest.approx(1.2)
        (asked,) = meeting.application.at("/news")
        assert (asked.method, asked.params["ConferenceSid"]) == ("POST", meeting.conference.sid)
        await meeting.conference.told()
        end = meeting.application.at("/conf")[-1].params
        assert (end["StatusCallbackEvent"], end["AnnounceUrl"]) == ("announcement-end", url)
        assert "CallSid" not in end

    meet(
        play,
        attributes="waitUrl='' beep='false'",
        pages={"/news": f"<Response><Say>{'x' * 20}</Say></Response>"},
    )


def test_an_announcement_to_one_party_is_heard_by_it_alone_and_also_on_hold() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, person(stays), beep="false")
        meeting.application.pages["/news"] = wav(PITCHES[OTHER], 2.0)
        participant = meeting.client.conferences("room").participants(meeting.caller.sid)
        await participant.update_async(hold=True)
        await participant.update_async(
            announce_url=f"{meeting.application.http}/news", announce_method="GET"
        )
        await asyncio.sleep(1.5)
        assert hz(meeting.caller.line.heard.pcm()[-16_000:]) == {PITCHES[OTHER]}
        assert not any(friend.line.heard.pcm()[-16_000:])
        await asyncio.sleep(2.0)
        await meeting.conference.told()
        end = meeting.application.at("/conf")[-1].params
        assert (end["StatusCallbackEvent"], end["CallSid"]) == (
            "announcement-end",
            meeting.caller.sid,
        )

    meet(play, attributes="beep='false'")


def test_keys_can_be_announced_as_tones() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, person(stays), beep="false")
        await meeting.client.conferences("room").update_async(
            announce_url=f"{meeting.application.http}/keys"
        )
        await asyncio.sleep(2.0)
        assert friend.line.heard.digits() == "42"

    meet(
        play, attributes="beep='false'", pages={"/keys": "<Response><Play digits='42'/></Response>"}
    )


def test_an_announcement_that_can_not_be_had_fails() -> None:
    async def play(meeting: Meeting) -> None:
        await meeting.dial(FRIEND, person(stays))
        await meeting.client.conferences("room").update_async(
            announce_url=f"{meeting.application.http}/nothing"
        )
        await asyncio.sleep(1.0)
        await meeting.conference.told()
        end = meeting.application.at("/conf")[-1].params
        assert end["StatusCallbackEvent"] == "announcement-fail"
        assert "404" in end["ReasonAnnouncementFailed"]

    meet(play)


# Participants.


def test_participants_are_dialled_listed_updated_and_removed() -> None:
    async def play(meeting: Meeting) -> None:
        carrier, client = meeting.carrier, meeting.client
        carrier.far_ends[FRIEND] = silence(answer_after=4.0)
        participants = client.conferences(meeting.conference.sid).participants
        created = await participants.create_async(
            to=FRIEND,
            from_=OWN,
            label="the agent",
            status_callback=f"{meeting.application.http}/leg",
            status_callback_event=["ringing", "answered", "completed"],
        )
        assert (created.status, created.conference_sid) == ("queued", meeting.conference.sid)
        await asyncio.sleep(1.0)
        assert (await participants("the agent").fetch_async()).status == "ringing"
        await carrier.calls[created.call_sid].answered()
        await asyncio.sleep(0.5)
        assert [(one.label, one.status) for one in await participants.list_async()] == [
            (None, "connected"),
            ("the agent", "connected"),
        ]
        changed = await participants("the agent").update_async(end_conference_on_exit=True)
        assert changed.end_conference_on_exit is True
        assert await participants("the agent").delete_async() is True
        await meeting.conference.ended()
        end = meeting.application.at("/conf")[-1].params
        assert end["ReasonConferenceEnded"] == "participant-with-end-conference-on-exit-kicked"
        assert await participants.list_async() == []
        with pytest.raises(TwilioRestException) as gone:
            await participants("the agent").fetch_async()
        assert (gone.value.status, gone.value.code) == (404, 20404)
        await carrier.calls[created.call_sid].ended()
        assert [one.params["CallStatus"] for one in meeting.application.at("/leg")] == [
            "ringing",
            "in-progress",
            "completed",
        ]

    meet(play, pages={"/leg": ""})


def test_a_participant_makes_the_conference_if_there_is_none() -> None:
    async def main() -> None:
        async with stage({"/conf": ""}) as (carrier, application), sdk(carrier) as client:
            carrier.far_ends[FRIEND] = silence()
            created = await client.conferences("a new room").participants.create_async(
                to=FRIEND, from_=OWN, **callbacks(application)
            )
            conference = carrier.conferences[created.conference_sid]
            assert (conference.friendly_name, conference.status) == ("a new room", "init")
            await carrier.calls[created.call_sid].answered()
            await client.calls(created.call_sid).update_async(status="completed")
            await conference.ended()
            assert told(application) == ["participant-join", "participant-leave", "conference-end"]
            left, end = (one.params for one in application.at("/conf")[1:])
            assert left["ReasonParticipantLeft"] == "participant_updated_via_api"
            assert end["ReasonConferenceEnded"] == "last-participant-kicked"

    go(main())


@pytest.mark.parametrize(
    ("far_end", "status"), [(busy(), "busy"), (no_answer(), "no-answer"), (None, "failed")]
)
def test_somebody_who_is_not_reached_leaves_without_having_joined(
    far_end: FarEnd | None, status: str
) -> None:
    async def play(meeting: Meeting) -> None:
        if far_end is not None:
            meeting.carrier.far_ends[FRIEND] = far_end
        created = await meeting.client.conferences("room").participants.create_async(
            to=FRIEND, from_=OWN, timeout=10, label="agent"
        )
        await meeting.carrier.calls[created.call_sid].ended()
        await meeting.conference.told()
        left = meeting.application.at("/conf")[-1].params
        assert left["StatusCallbackEvent"] == "participant-leave"
        assert (left["ParticipantCallStatus"], left["ReasonParticipantLeft"]) == (
            status,
            "participant_add_failed",
        )
        assert meeting.conference.status == "init"

    meet(play)


def test_who_is_still_ringing_when_the_conference_ends_is_not_called_any_more() -> None:
    async def play(meeting: Meeting) -> None:
        meeting.carrier.far_ends[FRIEND] = no_answer()
        created = await meeting.client.conferences("room").participants.create_async(
            to=FRIEND, from_=OWN
        )
        await asyncio.sleep(2.0)
        meeting.caller.hang_up()
        await meeting.conference.ended()
        assert await meeting.carrier.calls[created.call_sid].ended() == "canceled"
        assert [
            one.params["ReasonParticipantLeft"]
            for one in meeting.application.at("/conf")
            if one.params["StatusCallbackEvent"] == "participant-leave"
        ] == ["participant_hung_up", "participant_add_failed"]

    meet(play, attributes="endConferenceOnExit='true'")


def test_a_live_update_takes_a_party_out() -> None:
    async def play(meeting: Meeting) -> None:
        await meeting.dial(FRIEND, person(stays))
        await meeting.client.calls(meeting.caller.sid).update_async(
            twiml="<Response><Pause length='5'/></Response>"
        )
        await asyncio.sleep(0.5)
        await meeting.conference.told()
        left = meeting.application.at("/conf")[-1].params
        assert (left["CallSid"], left["ReasonParticipantLeft"], left["ParticipantCallStatus"]) == (
            meeting.caller.sid,
            "participant_updated_via_api",
            "in-progress",
        )
        assert meeting.conference.status == "in-progress"

    meet(play)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"to": "x"}, 21211),
        ({"from_": "+15550777"}, 21210),
        ({"label": "caller"}, 16025),
        ({"label": "a/b"}, 16023),
        ({"label": "CA" + "0" * 32}, 16023),
        ({"call_sid_to_coach": "CA" + "0" * 32, "coaching": True}, 13240),
        ({"beep": "loud"}, 20001),
        ({"timeout": 4}, 20001),
        ({"wait_url": "/relative"}, 21205),
        ({"max_participants": 251}, 20001),
    ],
)
def test_a_participant_that_can_not_be_is_refused(fields: dict[str, object], code: int) -> None:
    async def play(meeting: Meeting) -> None:
        given = {"to": FRIEND, "from_": OWN} | fields
        with pytest.raises(TwilioRestException) as refused:
            await meeting.client.conferences("room").participants.create_async(**given)
        assert (refused.value.status, refused.value.code) == (400, code)
        assert len(meeting.carrier.calls) == 1

    meet(play, attributes="participantLabel='caller'")


def test_a_full_conference_takes_nobody_neither_by_document_nor_by_request() -> None:
    async def play(meeting: Meeting) -> None:
        await meeting.dial(FRIEND, person(stays))
        late = meeting.carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
        assert await late.ended() == "completed"
        assert [one.code for one in meeting.carrier.log.of(Notice)] == ["16020"]
        with pytest.raises(TwilioRestException) as refused:
            await meeting.client.conferences("room").participants.create_async(
                to=OTHER, from_=OWN, max_participants=2
            )
        assert refused.value.code == 16020

    meet(play, attributes="maxParticipants='2'")


@pytest.mark.parametrize(
    ("attributes", "name", "code"),
    [
        ("participantLabel='caller'", "room", "16025"),
        (f"coach='CA{'0' * 32}'", "room", "13240"),
        ("", f"CF{'0' * 32}", "13236"),
    ],
)
def test_a_document_that_can_not_be_carried_out_fails_and_the_next_follows(
    attributes: str, name: str, code: str
) -> None:
    async def play(meeting: Meeting) -> None:
        meeting.application.pages |= {
            "/voice": f"<Response><Dial action='/done'><Conference {attributes}>{name}"
            "</Conference></Dial></Response>",
            "/done": "<Response/>",
        }
        second = meeting.carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
        await second.ended()
        assert [one.code for one in meeting.carrier.log.of(Notice)] == [code]
        assert meeting.application.at("/done")[0].params["DialCallStatus"] == "failed"

    meet(play, attributes="participantLabel='caller'")


def test_an_announcement_to_somebody_who_still_rings_is_refused() -> None:
    async def play(meeting: Meeting) -> None:
        meeting.carrier.far_ends[FRIEND] = no_answer()
        created = await meeting.client.conferences("room").participants.create_async(
            to=FRIEND, from_=OWN
        )
        with pytest.raises(TwilioRestException) as refused:
            await (
                meeting.client.conferences("room")
                .participants(created.call_sid)
                .update_async(announce_url=f"{meeting.application.http}/news")
            )
        assert refused.value.code == 21220

    meet(play)


def test_a_number_of_ones_own_is_dialled_in_and_asks_its_own_document() -> None:
    async def play(meeting: Meeting) -> None:
        meeting.carrier.add_number(OTHER, voice_url=f"{meeting.application.http}/other")
        await meeting.client.conferences("room").participants.create_async(to=OTHER, from_=OWN)
        await asyncio.sleep(4.0)
        assert len(meeting.application.at("/other")) == 1
        assert meeting.conference.status == "in-progress"
        assert meeting.caller.line.heard.speech() != []

    meet(
        play,
        attributes="waitUrl='' beep='false'",
        pages={"/other": f"<Response><Say>{'x' * 50}</Say></Response>"},
    )


def test_a_recorded_conference_has_all_voices_in_one_file() -> None:
    async def play(meeting: Meeting) -> None:
        friend = await meeting.dial(FRIEND, hums(FRIEND))
        await asyncio.sleep(5.0)
        meeting.caller.hang_up()
        friend.hang_up()
        await meeting.conference.ended()
        (asked,) = meeting.application.at("/recorded")
        assert asked.params["ConferenceSid"] == meeting.conference.sid
        assert asked.params["RecordingSource"] == "Conference"
        (recording,) = await meeting.client.recordings.list_async()
        assert (recording.conference_sid, recording.duration) == (meeting.conference.sid, "5")
        (kept,) = meeting.carrier.recordings.values()
        assert hz(kept.pcm[-32_000:]) == {PITCHES[CALLER], PITCHES[FRIEND]}

    meet(
        play,
        caller=hums(CALLER),
        attributes="record='record-from-start' recordingStatusCallback='/recorded'",
        pages={"/recorded": ""},
    )


def test_what_of_participants_is_not_emulated_is_noticed() -> None:
    async def play(meeting: Meeting) -> None:
        await meeting.dial(FRIEND, silence(), record=True)
        assert [one.rule for one in meeting.carrier.log.of(Lint)] == ["not_emulated"]

    meet(play)


# Moving calls into conferences.


def test_a_caller_goes_from_a_stream_into_a_conference_and_back_by_live_updates() -> None:
    async def main() -> None:
        async with stage({"/conf": ""}) as (carrier, application), sdk(carrier) as client:
            stream = f"<Connect><Stream url='{application.ws}/media'/></Connect>"
            application.pages["/voice"] = f"<Response>{stream}</Response>"
            caller = carrier.call(to=OWN, from_=CALLER, far_end=hums(CALLER, seconds=40.0))
            session = await application.session()
            await session.until("media")
            await client.calls(caller.sid).update_async(twiml=room("beep='false'"))
            await session.closed
            assert session.messages[-1]["event"] == "stop"
            carrier.far_ends[FRIEND] = hums(FRIEND)
            created = await client.conferences("room").participants.create_async(
                to=FRIEND, from_=OWN, beep="false"
            )
            friend = carrier.calls[created.call_sid]
            await friend.answered()
            await asyncio.sleep(5.0)
            assert hz(caller.line.heard.pcm()[-16_000:]) == {PITCHES[FRIEND]}
            assert hz(friend.line.heard.pcm()[-16_000:]) == {PITCHES[CALLER]}
            await client.calls(caller.sid).update_async(twiml=f"<Response>{stream}</Response>")
            await asyncio.sleep(0.5)
            assert [one.is_live for one in caller.streams] == [False, True]
            assert carrier.conferences[created.conference_sid].status == "in-progress"

    go(main())


def test_both_legs_of_a_dial_go_into_a_conference_the_called_one_first() -> None:
    async def main() -> None:
        async with stage() as (carrier, application), sdk(carrier) as client:
            application.pages |= {
                "/voice": f"<Response><Dial action='/room'>{FRIEND}</Dial></Response>",
                "/room": room(),
            }
            carrier.far_ends[FRIEND] = person(stays)
            caller = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await asyncio.sleep(4.0)
            callee = list(carrier.calls.values())[1]
            await client.calls(callee.sid).update_async(twiml=room())
            await asyncio.sleep(1.0)
            (conference,) = carrier.conferences.values()
            assert [one.call.sid for one in conference.present] == [callee.sid, caller.sid]
            assert conference.status == "in-progress"

    go(main())


def test_a_conference_ends_with_the_emulator_and_its_last_callbacks_arrive() -> None:
    async def main() -> None:
        async with stage({"/conf": ""}) as (carrier, application):
            application.pages["/voice"] = room(
                "statusCallback='/conf' statusCallbackEvent='join leave end'"
            )
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.answered()
            await asyncio.sleep(0.5)
        assert told(application) == ["participant-join", "participant-leave", "conference-end"]

    go(main())


def test_a_party_that_left_comes_again_and_leaves_again() -> None:
    async def play(meeting: Meeting) -> None:
        await meeting.dial(FRIEND, person(stays))
        for _ in range(2):
            await meeting.client.calls(meeting.caller.sid).update_async(
                twiml="<Response><Pause/><Dial><Conference>room</Conference></Dial></Response>"
            )
            await asyncio.sleep(2.0)
        meeting.caller.hang_up()
        await meeting.caller.ended()
        await meeting.conference.told()
        about_caller = [
            one.params["StatusCallbackEvent"].removeprefix("participant-")
            for one in meeting.application.at("/conf")
            if one.params.get("CallSid") == meeting.caller.sid
        ]
        assert about_caller == ["join", "leave", "join", "leave", "join", "leave"]
        assert meeting.conference.status == "in-progress"

    meet(play)


def test_what_can_not_be_said_while_waiting_is_left_out_and_noticed() -> None:
    async def play(meeting: Meeting) -> None:
        await asyncio.sleep(2.0)
        notices = [(one.code, one.level) for one in meeting.carrier.log.of(Notice)]
        assert notices == [("12200", "warning")]
        assert meeting.caller.line.heard.speech(gap=0.1) == [(0.0, 0.6)]

    meet(
        play,
        attributes="waitUrl='/wait'",
        pages={"/wait": f"<Response><Gather/><Say>{'x' * 10}</Say></Response>"},
    )


def test_a_wait_document_in_a_circle_is_left_when_it_has_been_asked_for_too_often() -> None:
    async def play(meeting: Meeting) -> None:
        await asyncio.sleep(2.0)
        assert len(meeting.application.at("/wait")) == 1000
        assert [one.code for one in meeting.carrier.log.of(Notice)] == ["11200"]
        assert not meeting.caller.is_over

    meet(
        play,
        attributes="waitUrl='/wait'",
        pages={"/wait": "<Response><Redirect/></Response>"},
    )


def test_somebody_who_is_still_ringing_can_be_removed() -> None:
    async def play(meeting: Meeting) -> None:
        meeting.carrier.far_ends[FRIEND] = no_answer()
        participants = meeting.client.conferences("room").participants
        created = await participants.create_async(to=FRIEND, from_=OWN)
        assert await participants(created.call_sid).delete_async() is True
        assert await meeting.carrier.calls[created.call_sid].ended() == "canceled"
        assert len(await participants.list_async()) == 1

    meet(play)
