import io
from collections.abc import Awaitable, Callable

import httpx
import pytest
from starlette.responses import Response
from tests.emulator.customer import CALLER, OWN, Answer, Application, go, stage, stays

from hookflash.audio.levels import rms_dbfs
from hookflash.audio.tones import tone
from hookflash.audio.wav import Wav, read_wav, write_wav
from hookflash.emulator import (
    CarrierEmulator,
    EmulatedCall,
    EmulatorSettings,
    Line,
    Lint,
    Notice,
    VerbStep,
    Webhook,
    person,
)
from hookflash.emulator.call import Document


def twiml(verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{verbs}</Response>'


def wav(pcm: bytes, rate: int = 8000, channels: int = 1) -> Response:
    file = io.BytesIO()
    write_wav(file, pcm, rate, channels)
    return Response(file.getvalue(), media_type="audio/wav")


def steps(carrier: CarrierEmulator, call: EmulatedCall) -> list[tuple[float, str, str]]:
    """Return when each verb began and ended, in seconds since the answer."""
    assert call.answered_at is not None
    return [
        (round(step.at - call.answered_at, 3), step.verb, step.phase)
        for step in carrier.log.of(VerbStep, call_sid=call.sid)
    ]


class Run:
    """One call to the number whose document is at `/voice`."""

    def __init__(
        self, carrier: CarrierEmulator, application: Application, call: EmulatedCall
    ) -> None:
        self.carrier = carrier
        self.application = application
        self.call = call

    @property
    def steps(self) -> list[tuple[float, str, str]]:
        return steps(self.carrier, self.call)

    @property
    def notices(self) -> list[tuple[str, str]]:
        return [(one.code, one.level) for one in self.carrier.log.of(Notice)]

    @property
    def lints(self) -> list[str]:
        return [one.rule for one in self.carrier.log.of(Lint)]


def phone(
    pages: dict[str, str | Response],
    script: Callable[[Line], Awaitable[None]] = stays,
    settings: EmulatorSettings | None = None,
) -> Run:
    """Phone an application with these pages until the call ends."""

    async def main() -> Run:
        documents = {
            path: twiml(page) if isinstance(page, str) else page for path, page in pages.items()
        }
        async with stage(documents, settings=settings) as (carrier, application):
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(script))
            await call.ended(timeout=100_000.0)
        return Run(carrier, application, call)

    return go(main())


# Say, Play, Pause.


def test_verbs_are_carried_out_one_after_the_other_and_then_the_call_ends() -> None:
    run = phone({"/voice": f"<Say>{'x' * 20}</Say><Pause length='2'/><Say>{'x' * 10}</Say>"})
    assert run.steps == [
        (0.0, "Say", "begun"),
        (1.22, "Say", "ended"),
        (1.22, "Pause", "begun"),
        (3.22, "Pause", "ended"),
        (3.22, "Say", "begun"),
        (3.84, "Say", "ended"),
    ]
    assert run.call.line.heard.speech() == [(0.0, 1.2), (3.22, 3.82)]
    assert run.call.status == "completed"


def test_say_repeats() -> None:
    run = phone({"/voice": f"<Say loop='3'>{'x' * 10}</Say>"})
    assert run.steps[-1] == (1.86, "Say", "ended")


def test_say_without_end_lasts_until_somebody_hangs_up() -> None:
    async def script(line: Line) -> None:
        await line.wait(100.0)

    run = phone({"/voice": "<Say loop='0'>again and again</Say>"}, script)
    assert run.call.duration == 100
    assert run.steps == [(0.0, "Say", "begun")]


def test_saying_nothing_is_a_warning() -> None:
    run = phone({"/voice": "<Say></Say><Say>hello</Say>"})
    assert run.notices == [("13520", "warning")]
    assert run.steps[1] == (0.0, "Say", "ended")


def test_say_is_given_its_voice() -> None:
    asked: list[tuple[str, str | None]] = []

    async def voice(text: str, voice: str | None) -> bytes:
        asked.append((text, voice))
        return bytes(320)

    async def main() -> None:
        page = twiml("<Say voice='Polly.Amy'>Hello.</Say><Say>You.</Say>")
        async with stage({"/voice": page}, voice=voice) as (carrier, _):
            await carrier.call(to=OWN, from_=CALLER, far_end=person(stays)).ended()

    go(main())
    assert asked == [("Hello.", "Polly.Amy"), ("You.", None)]


def test_play_fetches_a_wav_file_and_plays_it_at_8_khz() -> None:
    sound = tone((400.0,), 500.0, rate=16_000)
    run = phone({"/voice": "<Play>/sound.wav</Play>", "/sound.wav": wav(sound, 16_000)})
    # The resampler's filter reaches 5.6 ms past the end.
    assert run.call.line.heard.speech() == [(0.0, 0.5)]
    assert [(one.method, one.path) for one in run.application.asked[:2]] == [
        ("POST", "/voice"),
        ("GET", "/sound.wav"),
    ]


def test_the_channels_of_a_file_are_added_up() -> None:
    left = tone((400.0,), 100.0)
    both = b"".join(left[place : place + 2] + bytes(2) for place in range(0, len(left), 2))
    run = phone({"/voice": "<Play>/s.wav</Play>", "/s.wav": wav(both, channels=2)})
    assert run.call.line.heard.pcm(until=0.1) == left


def test_a_file_that_is_not_there_or_no_sound_is_an_error_and_the_next_verb_follows() -> None:
    pages: dict[str, str | Response] = {
        "/voice": "<Play>/missing.wav</Play><Play>/voice</Play><Say>bye</Say>"
    }
    run = phone(pages)
    assert run.notices == [("11200", "error"), ("12300", "error")]
    assert run.steps[-1][1:] == ("Say", "ended")


def test_played_digits_are_heard_as_tones() -> None:
    run = phone({"/voice": "<Play digits='1w2#'/>"})
    assert run.call.line.heard.digits() == "12#"
    assert run.steps == [(0.0, "Play", "begun"), (1.12, "Play", "ended")]


# The answer rule.


def test_a_pause_keeps_the_call_ringing_and_say_answers_it() -> None:
    run = phone({"/voice": "<Pause length='3'/><Say>hello</Say>"})
    assert run.steps[:3] == [
        (-3.0, "Pause", "begun"),
        (0.0, "Pause", "ended"),
        (0.0, "Say", "begun"),
    ]


def test_a_redirect_asks_again_and_does_not_answer() -> None:
    run = phone(
        {"/voice": "<Redirect>/next?step=2</Redirect><Say>never</Say>", "/next": "<Say>ok</Say>"}
    )
    assert [one.verb for one in run.carrier.log.of(VerbStep)] == [
        "Redirect",
        "Redirect",
        "Say",
        "Say",
    ]
    (asked,) = run.application.at("/next")
    assert (asked.method, asked.params["CallStatus"]) == ("POST", "ringing")


@pytest.mark.parametrize(
    ("attribute", "status", "sip_code"),
    [
        ("", "no-answer", 603),
        ("reason='rejected'", "no-answer", 603),
        ("reason='busy'", "busy", 486),
    ],
)
def test_reject_ends_the_call_without_an_answer(attribute: str, status: str, sip_code: int) -> None:
    run = phone({"/voice": f"<Reject {attribute}/><Say>never</Say>"})
    assert (run.call.status, run.call.answered_at, run.call.sip_code) == (status, None, sip_code)


def test_reject_after_an_answer_is_a_hangup_with_a_warning() -> None:
    run = phone({"/voice": "<Say>hello</Say><Reject/><Say>never</Say>"})
    assert run.notices == [("12200", "warning")]
    assert run.call.status == "completed"


def test_hangup_ends_the_call() -> None:
    run = phone({"/voice": "<Say>x</Say><Hangup/><Say>never</Say>"})
    assert run.steps[-1] == (0.22, "Hangup", "ended")


# Gather.


def test_gather_posts_the_keys_when_there_are_enough() -> None:
    async def script(line: Line) -> None:
        await line.wait(1.0)
        line.press("123456")
        await line.wait_end()

    run = phone(
        {
            "/voice": "<Gather numDigits='4' action='/keys'/><Say>never</Say>",
            "/keys": "<Say>thanks</Say>",
        },
        script,
    )
    (asked,) = run.application.at("/keys")
    assert asked.params["Digits"] == "1234"
    assert run.steps[:2] == [(0.0, "Gather", "begun"), (1.62, "Gather", "ended")]


def test_gather_ends_at_the_finish_key_which_is_not_part_of_the_result() -> None:
    async def script(line: Line) -> None:
        line.press("42*7")
        await line.wait_end()

    run = phone(
        {"/voice": "<Gather finishOnKey='*' action='/keys' method='GET'/>", "/keys": ""}, script
    )
    (asked,) = run.application.at("/keys")
    assert (asked.method, asked.params["Digits"]) == ("GET", "42")
    assert asked.params["FinishedOnKey"] == "*"


def test_gather_ends_after_a_silence_between_keys() -> None:
    async def script(line: Line) -> None:
        line.press("1")
        await line.wait(2.5)
        line.press("2")
        await line.wait_end()

    run = phone({"/voice": "<Gather timeout='3' action='/keys'/>", "/keys": ""}, script)
    (asked,) = run.application.at("/keys")
    assert asked.params["Digits"] == "12"
    # The second key comes at 2.52.
    assert run.steps[1] == (5.52, "Gather", "ended")


def test_gather_falls_through_when_nothing_is_pressed() -> None:
    run = phone({"/voice": f"<Gather timeout='4'><Say>{'x' * 10}</Say></Gather><Hangup/>"})
    assert run.steps[:3] == [
        (0.0, "Gather", "begun"),
        (4.62, "Gather", "ended"),
        (4.62, "Hangup", "begun"),
    ]


def test_gather_posts_an_empty_result_if_asked_to() -> None:
    run = phone(
        {"/voice": "<Gather timeout='1' actionOnEmptyResult='true' action='/keys'/>", "/keys": ""}
    )
    (asked,) = run.application.at("/keys")
    assert asked.params["Digits"] == ""


def test_the_first_key_stops_the_prompt() -> None:
    async def script(line: Line) -> None:
        await line.wait(1.0)
        line.press("1")
        await line.wait_end()

    run = phone(
        {
            "/voice": f"<Gather numDigits='2' timeout='2' action='/keys'>"
            f"<Say>{'x' * 100}</Say><Pause length='9'/></Gather>",
            "/keys": "",
        },
        script,
    )
    assert run.call.line.heard.speech() == [(0.0, 1.02)]
    assert run.steps[1] == (3.02, "Gather", "ended")


def test_gather_without_an_action_asks_the_documents_own_address_again() -> None:
    async def script(line: Line) -> None:
        line.press("1")
        await line.wait(6.0)

    run = phone({"/voice": "<Gather numDigits='1'/>"}, script)
    first, second = run.application.at("/voice")
    assert ("Digits" in first.params, second.params["Digits"]) == (False, "1")


def test_prompts_may_pause_and_play() -> None:
    run = phone(
        {
            "/voice": "<Gather timeout='1'><Pause length='2'/><Play>/s.wav</Play></Gather>",
            "/s.wav": wav(tone((400.0,), 500.0)),
        }
    )
    assert run.steps == [(0.0, "Gather", "begun"), (3.52, "Gather", "ended")]
    assert run.call.line.heard.speech() == [(2.0, 2.5)]


def test_transcripts_are_not_made_and_the_log_says_so() -> None:
    run = phone({"/voice": "<Record playBeep='false' maxLength='1' transcribe='true'/>"})
    assert run.lints == ["not_emulated"]


def collected(
    attributes: str, script: Callable[[Line], Awaitable[None]], prompts: str = ""
) -> tuple[Run, dict[str, str]]:
    """Return what the action of a `Gather` is told; nothing if it is not asked."""
    run = phone(
        {"/voice": f"<Gather action='/got' {attributes}>{prompts}</Gather>", "/got": ""}, script
    )
    asked = [one.params for one in run.application.at("/got")]
    names = ("SpeechResult", "Confidence", "Digits", "FinishedOnKey")
    return run, {name: asked[0][name] for name in names if asked and name in asked[0]}


def test_words_are_collected_until_the_caller_has_been_silent_for_so_long() -> None:
    async def script(line: Line) -> None:
        await line.wait(1.0)
        await line.say("I would like")
        await line.wait(0.5)
        await line.say("a table")
        await line.wait_end()

    run, told = collected("input='speech' speechTimeout='2'", script)
    assert told == {"SpeechResult": "I would like a table", "Confidence": "0.95"}
    # Speaks from 1.0 to 1.72 and from 2.24 to 2.66 s.
    (asked,) = run.application.at("/got")
    assert run.call.answered_at is not None
    assert asked.at - run.call.answered_at == pytest.approx(4.66, abs=0.05)


def test_speech_stops_the_prompt_unless_it_may_not() -> None:
    async def script(line: Line) -> None:
        await line.wait(1.0)
        await line.say("yes")
        await line.wait_end()

    prompt = f"<Say>{'x' * 50}</Say>"
    run, told = collected("input='speech' speechTimeout='auto'", script, prompt)
    assert told["SpeechResult"] == "yes"
    assert run.call.line.heard.speech()[0] == (0.0, 1.06)
    run, told = collected("input='speech' speechTimeout='1' bargeIn='false'", script, prompt)
    assert told["SpeechResult"] == "yes"
    assert run.call.line.heard.speech()[0] == (0.0, 3.0)


def test_the_words_of_a_sound_are_those_that_are_given_with_it() -> None:
    async def script(line: Line) -> None:
        await line.say(tone((400.0,), 500.0), words="four hundred")
        await line.wait_end()

    assert collected("input='speech' speechTimeout='1'", script)[1]["SpeechResult"] == (
        "four hundred"
    )


def test_a_noise_without_words_is_no_speech() -> None:
    async def script(line: Line) -> None:
        await line.say(tone((400.0,), 500.0))
        await line.wait_end()

    assert collected("input='speech' speechTimeout='1'", script)[1] == {}


def test_nobody_who_says_nothing_is_understood() -> None:
    run, told = collected("input='speech' timeout='3'", stays)
    assert told == {}
    assert run.steps[-1] == (3.0, "Gather", "ended")
    assert collected("input='speech' timeout='3' actionOnEmptyResult='true'", stays)[1] == {
        "Digits": ""
    }


def test_speech_without_end_ends_when_it_has_taken_its_time() -> None:
    async def script(line: Line) -> None:
        await line.say("x" * 30)
        await line.say("x" * 300)

    run, told = collected("input='speech' maxSpeechTime='4' speechTimeout='2'", script)
    assert told["SpeechResult"] == "x" * 30
    assert run.call.answered_at is not None
    asked = run.application.at("/got")[0].at
    assert asked - run.call.answered_at == pytest.approx(5.8, abs=0.1)


def test_either_keys_or_words_are_collected_whichever_comes_first() -> None:
    async def keys(line: Line) -> None:
        line.press("12")
        await line.wait(1.0)
        line.press("#")
        await line.wait_end()

    async def words(line: Line) -> None:
        await line.say("twelve")
        line.press("#")
        await line.wait_end()

    wanted = "input='dtmf speech' speechTimeout='3'"
    assert collected(wanted, keys)[1] == {"Digits": "12", "FinishedOnKey": "#"}
    assert collected(wanted, words)[1]["SpeechResult"] == "twelve"


def test_partial_results_are_not_told_and_the_log_says_so() -> None:
    run = phone({"/voice": "<Gather input='speech' timeout='1' partialResultCallback='/part'/>"})
    assert run.lints == ["not_emulated"]


# Refer.


@pytest.mark.parametrize(
    ("referral", "told"),
    [
        (
            (202, 200),
            {
                "ReferSipResponseCode": "202",
                "NotifySipResponseCode": "200",
                "ReferCallStatus": "in-progress",
            },
        ),
        (
            (202, 486),
            {
                "ReferSipResponseCode": "202",
                "NotifySipResponseCode": "486",
                "ReferCallStatus": "busy",
            },
        ),
        (
            (202, 404),
            {
                "ReferSipResponseCode": "202",
                "NotifySipResponseCode": "404",
                "ReferCallStatus": "failed",
            },
        ),
        ((202, None), {"ReferSipResponseCode": "202"}),
        ((405, None), {"ReferSipResponseCode": "405"}),
    ],
)
def test_a_sip_telephone_is_referred_and_its_codes_are_told(
    referral: tuple[int, int | None], told: dict[str, str]
) -> None:
    async def main() -> None:
        pages: dict[str, Answer] = {
            "/voice": twiml("<Refer action='/done'><Sip>sip:ann@example.com</Sip></Refer>"),
            "/done": twiml(""),
        }
        async with stage(pages) as (carrier, application):
            phone = person(stays)
            phone.referral = referral
            call = carrier.call(to=OWN, from_="sip:bob@example.com", far_end=phone)
            await call.ended()
            (done,) = application.at("/done")
            names = {name for name in done.params if "Sip" in name or "Refer" in name}
            assert {name: done.params[name] for name in names} == told

    go(main())


def test_other_telephones_can_not_be_referred() -> None:
    run = phone(
        {
            "/voice": "<Refer action='/done'><Sip>sip:ann@example.com</Sip></Refer>"
            "<Pause length='2'/>"
        }
    )
    assert run.notices == [("13801", "error")]
    assert run.call.duration == 2


# Record.


def test_a_recording_ends_with_silence_and_is_trimmed_and_served() -> None:
    async def script(line: Line) -> None:
        await line.wait_speech()  # the beep
        await line.wait(1.5)
        await line.say(tone((400.0,), 2000.0))
        await line.wait_end()

    async def main() -> None:
        pages = {
            "/voice": twiml(
                "<Record timeout='3' action='/done' recordingStatusCallback='/recorded'/>"
            ),
            "/done": twiml(""),
            "/recorded": "",
        }
        async with stage(pages) as (carrier, application):
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(script))
            await call.ended()
            (done,) = application.at("/done")
            (recorded,) = application.at("/recorded")
            reply = await carrier_get(done.params["RecordingUrl"])
            assert rms_dbfs(reply.pcm) == pytest.approx(-13.0, abs=0.1)
            assert (reply.rate, reply.channels, len(reply.pcm)) == (8000, 1, 32_000)
            sid = done.params["RecordingSid"]
            assert done.params["RecordingDuration"] == "2"
            assert done.params["Digits"] == ""
            assert {
                name: recorded.params[name] for name in ("RecordingSid", "RecordingStatus")
            } == {
                "RecordingSid": sid,
                "RecordingStatus": "completed",
            }
            assert carrier.recordings[sid].status == "completed"
            # The beep lasts 0.5 s, the silence 3 s after the last word.
            assert steps(carrier, call)[1][0] == pytest.approx(0.08 + 1.5 + 2.0 + 3.0, abs=0.05)

    go(main())


async def carrier_get(url: str) -> Wav:
    async with httpx.AsyncClient(trust_env=False) as client:
        return read_wav(io.BytesIO((await client.get(url)).content))


def test_a_recording_ends_at_a_key() -> None:
    async def script(line: Line) -> None:
        await line.say(tone((400.0,), 1000.0))
        line.press("5")
        await line.wait_end()

    run = phone(
        {"/voice": "<Record playBeep='false' finishOnKey='5#' action='/done'/>", "/done": ""},
        script,
    )
    (done,) = run.application.at("/done")
    assert (done.params["Digits"], done.params["RecordingDuration"]) == ("5", "1")


def test_a_recording_ends_at_its_longest() -> None:
    async def script(line: Line) -> None:
        await line.say(tone((400.0,), 9000.0))

    run = phone(
        {"/voice": "<Record playBeep='false' maxLength='4' action='/done'/>", "/done": ""}, script
    )
    (done,) = run.application.at("/done")
    assert done.params["RecordingDuration"] == "4"


def test_an_empty_recording_falls_through_and_is_absent() -> None:
    run = phone({"/voice": "<Record playBeep='false' timeout='2' action='/done'/><Say>no</Say>"})
    assert run.application.at("/done") == []
    assert run.steps[1:3] == [(2.0, "Record", "ended"), (2.0, "Say", "begun")]
    assert [one.status for one in run.carrier.recordings.values()] == ["absent"]


def test_a_caller_who_hangs_up_ends_the_recording_and_the_action_hears_of_it() -> None:
    async def script(line: Line) -> None:
        await line.say(tone((400.0,), 2000.0))

    run = phone({"/voice": "<Record playBeep='false' action='/done'/>", "/done": ""}, script)
    (done,) = run.application.at("/done")
    assert done.params["Digits"] == "hangup"
    assert done.params["CallStatus"] == "completed"


# Documents.


def test_an_unknown_verb_is_left_out_with_a_warning() -> None:
    run = phone({"/voice": "<Sing>la</Sing><Say>hello</Say>"})
    assert run.notices == [("12200", "warning")]
    assert run.steps[0] == (0.0, "Say", "begun")


@pytest.mark.parametrize(
    ("page", "code"),
    [
        (Response("<Response><Say>", media_type="text/xml"), "12100"),
        (Response("<Antwort/>", media_type="text/xml"), "12100"),
        (Response("", media_type="text/xml"), "12100"),
        (Response("{}", media_type="application/json"), "12300"),
        (Response("oh", status_code=500), "11200"),
        (Response("x" * 70_000, media_type="text/xml"), "11750"),
    ],
)
def test_a_bad_document_ends_the_call_with_an_apology(page: Response, code: str) -> None:
    run = phone({"/voice": page})
    assert run.notices == [(code, "error")]
    assert len(run.call.line.heard.speech()) == 1
    assert run.call.status == "completed"


def test_the_fallback_is_asked_when_the_document_is_bad() -> None:
    async def main() -> None:
        pages: dict[str, Answer] = {
            "/broken": Response(status_code=503),
            "/fallback": twiml("<Say>sorry</Say>"),
        }
        async with stage(pages) as (carrier, application):
            carrier.add_number(
                "+15550111",
                voice_url=f"{application.http}/broken",
                voice_fallback_url=f"{application.http}/fallback",
            )
            call = carrier.call(to="+15550111", from_=CALLER, far_end=person(stays))
            await call.ended()
            (asked,) = application.at("/fallback")
            assert asked.params["ErrorCode"] == "11200"
            assert asked.params["ErrorUrl"] == f"{application.http}/broken"
            assert call.line.heard.speech() == [(0.0, 0.3)]
            (webhook,) = carrier.log.of(Webhook, purpose="fallback")
            assert webhook.status == 200

    go(main())


def test_two_bad_documents_are_two_errors_and_an_apology() -> None:
    async def main() -> None:
        pages: dict[str, Answer] = {"/fallback": Response(status_code=500)}
        async with stage(pages) as (carrier, application):
            carrier.add_number(
                "+15550111",
                voice_url=f"{application.http}/missing",
                voice_fallback_url=f"{application.http}/fallback",
            )
            call = carrier.call(to="+15550111", from_=CALLER, far_end=person(stays))
            await call.ended()
            assert [one.code for one in carrier.log.of(Notice)] == ["11200", "11200"]
            assert len(call.line.heard.speech()) == 1

    go(main())


@pytest.mark.parametrize(
    "verb",
    [
        "<Redirect>http://[</Redirect>",
        "<Gather numDigits='1' action='http://[' timeout='1' actionOnEmptyResult='true'/>",
        "<Play>http://[</Play>",
        "<Record playBeep='false' maxLength='1' recordingStatusCallback='http://['/>",
        "<Dial><Number statusCallback='http://[' url='http://['>+15550142</Number></Dial>",
    ],
)
def test_a_malformed_address_is_an_error_and_the_next_verb_follows(verb: str) -> None:
    async def script(line: Line) -> None:
        await line.say(tone((400.0,), 500.0))
        await line.wait_end()

    run = phone({"/voice": f"{verb}<Say>next</Say>"}, script)
    assert "11100" in [code for code, _ in run.notices]
    assert run.steps[-1][1:] == ("Say", "ended")


def test_a_document_without_an_address_takes_absolute_ones_only() -> None:
    async def main() -> None:
        async with stage() as (carrier, application):
            application.pages["/voice"] = twiml(
                "<Gather numDigits='1' timeout='1' actionOnEmptyResult='true'/>"
                "<Play>/sound.wav</Play><Say>next</Say>"
            )
            far = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await far.answered()
            far.redirect(Document(twiml=str(application.pages["/voice"])))
            await far.ended()
            assert [one.code for one in carrier.log.of(Notice)] == ["11100", "11100"]
            assert len(far.line.heard.speech()) == 1

    go(main())


def test_of_two_updates_at_once_the_last_one_counts() -> None:
    async def main() -> None:
        async with stage({"/voice": twiml("<Say loop='0'>hello</Say>")}) as (carrier, _):
            call = carrier.call(to=OWN, from_=CALLER, far_end=person(stays))
            await call.answered()
            call.redirect(Document(twiml=twiml("<Pause length='9'/>")))
            call.redirect(Document(twiml=twiml("<Pause length='4'/>")))
            await call.ended()
            assert call.duration == 4

    go(main())


def test_text_is_spoken_and_sound_is_played_and_nothing_ends_the_call() -> None:
    text = phone({"/voice": Response("x" * 20, media_type="text/plain")})
    assert text.call.line.heard.speech() == [(0.0, 1.2)]
    sound = phone({"/voice": wav(tone((400.0,), 300.0))})
    assert sound.call.line.heard.speech() == [(0.0, 0.3)]
    nothing = phone({"/voice": Response(status_code=204)})
    assert nothing.call.answered_at is None


def test_documents_that_run_in_circles_are_stopped() -> None:
    run = phone(
        {"/voice": "<Redirect>/voice</Redirect>"}, settings=EmulatorSettings(max_documents=5)
    )
    assert len(run.application.at("/voice")) == 5
    assert run.notices == [("11200", "error")]
