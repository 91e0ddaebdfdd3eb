"""Keys, sensitive numbers and recordings on real sockets, with the pretend carrier."""

import asyncio
import json
import logging
import re
from pathlib import Path

import msgspec
import pytest
from tests.server.street import OURS, THEIRS, street

from hookflash.agent import Agent, AgentSession, RecordingConfig
from hookflash.agent.answers import Answer
from hookflash.agent.keys import DTMFHandler
from hookflash.audio.levels import rms_dbfs
from hookflash.audio.tones import dtmf_tones, tone
from hookflash.audio.wav import read_wav, split
from hookflash.calls import Call
from hookflash.carriers.twilio import TwilioCarrier
from hookflash.emulator import CarrierEmulator, Line, person
from hookflash.emulator.account import EmulatorSettings
from hookflash.emulator.twilio_sdk import twilio_async_http_client
from hookflash.errors import ConfigError
from hookflash.events import Record, to_wire
from hookflash.events.recording import RecordingStopped
from hookflash.legs.media_stream import TWILIO
from hookflash.machines.endpointing import spoken_digits
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.runtime.replay import replay
from hookflash.runtime.serve import serving
from hookflash.server import App, Settings
from hookflash.server import app as app_module
from hookflash.testing import ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD

CARD = "4111111111111111"
SPOKEN = "five five oh one, double two and 4217"


def without_ids(text: str) -> str:
    """Leave out identifiers made by chance, which may hold any digits."""
    return re.sub(r"_[0-9a-f]{12}|\b[A-Z]{2}[0-9a-f]{32}", "", text)


def test_a_card_number_is_nowhere_when_the_call_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Record] = []
    keys: list[str] = []
    answers: list[Answer | None] = []
    llm = ScriptedLLM()
    stt, vad = ScriptedSTT(), ScriptedVAD()
    sessions: list[AgentSession[None]] = []

    async def pays(line: Line) -> None:
        await line.wait_quiet()
        line.press(f"{CARD}#")
        await line.wait(4.0)
        await line.say(tone((500.0,), 1000))
        await line.wait_end()

    async def speaks() -> None:
        vad.voice.verdict(True, clock.now())
        await asyncio.sleep(1.0)
        stt.hearing.partial(SPOKEN[:14])
        await asyncio.sleep(1.0)
        vad.voice.verdict(False, clock.now())
        stt.hearing.final(SPOKEN)

    async def main() -> None:
        async with street(record_dir=tmp_path) as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                pipeline = Pipeline(stt=stt, llm=llm, tts=ScriptedTTS(), vad=vad)
                session: AgentSession[None] = AgentSession(
                    Agent(), pipeline, dtmf_handler=DTMFHandler(keys.append)
                )
                sessions.append(session)
                session.on("*", events.append)
                await session.start(call)
                await session.say("Your card number, please.")
                async with session.sensitive() as secret:
                    answers.append(await secret.answer(within=30))
                    speaking = asyncio.create_task(speaks())
                    answers.append(await secret.answer(within=30))
                    await speaking
                    await session.say("I have 5 5 0 1, 2 2 4 2 1 7.")
                await session.reply("Thank them.")
                await session.hangup()

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(pays))
            await call.ended()
            await place.app.drain()

    with caplog.at_level(logging.DEBUG):
        clock.run(main(), virtual=True)
    assert answers == [Answer(text=CARD, keyed=True), Answer(text=SPOKEN, keyed=False)]
    assert "".join(keys) == f"{CARD}#"

    (tape,) = tmp_path.glob("*.tape.jsonl")
    lines = tape.read_text("utf-8").splitlines()
    wire = [to_wire(event) for event in events]
    seen = [
        *(repr(item) for item in sessions[0].history.items),
        *(repr(context.items) for context in llm.requests),
        *(
            str(body[field])
            for body in wire
            for field in ("text", "said", "heard")
            if field in body
        ),
        *(record.getMessage() for record in caplog.records if record.name.startswith("hookflash")),
        *(
            str(record["text"])
            for line in map(json.loads, lines)
            for record in (line.get("event", {}), *line.get("commands", ()))
            if "text" in record
        ),
    ]
    assert len(llm.requests) == 1
    spoken = spoken_digits(SPOKEN)
    for text in map(without_ids, seen):
        for number in (CARD, spoken, spoken[:4], spoken[-4:]):
            assert number not in text
            assert number not in spoken_digits(text)
    for digit in "0123456789":
        assert f'"digit":"{digit}"' not in "\n".join(lines)
        assert digit not in {body.get("digit") for body in wire}
    for whole in (CARD, SPOKEN):
        assert whole not in "\n".join(lines)
        assert whole not in caplog.text
        assert whole not in json.dumps(wire)
    assert replay(lines).differences == ()

    # Nor is it in any file that the call has left.
    left = {path.name.partition(".")[2]: path for path in tmp_path.iterdir()}
    assert {"tape.jsonl", "wav", "record.json"} <= set(left)
    for path in left.values():
        text = without_ids(path.read_bytes().decode("latin-1"))
        for whole in (CARD, SPOKEN, "4217", "5 5 0 1"):
            assert whole not in text, path.name
    record = json.loads(left["record.json"].read_text("utf-8"))
    assert left["wav"].name in json.dumps(record)

    # And the recording is silent from the first key to the end of the read-back.
    (file,) = tmp_path.glob("*.wav")
    party, ours = split(read_wav(file).pcm, 2)
    assert not any(party)  # they made no sound but in sensitive mode
    (stopped,) = (event for event in events if isinstance(event, RecordingStopped))
    ((began, ended),) = stopped.pauses
    assert any(ours[: 2 * round(began * 8000)])
    assert not any(ours[2 * round(began * 8000) : 2 * round(ended * 8000)])
    assert any(ours[2 * round(ended * 8000) :])


@pytest.mark.parametrize("signalled", [False, True], ids=["heard", "heard and signalled"])
def test_keys_are_heard_where_a_carrier_does_not_report_them(
    monkeypatch: pytest.MonkeyPatch, signalled: bool
) -> None:
    capabilities = msgspec.structs.replace(TWILIO.capabilities, digits_in="audio")
    dialect = msgspec.structs.replace(TWILIO, capabilities=capabilities)
    monkeypatch.setitem(app_module._DIALECTS, "twilio", dialect)
    turns: list[str] = []

    async def keys(line: Line) -> None:
        await line.wait_quiet()
        if signalled:
            line.press("4217#")
        else:
            await line.say(dtmf_tones("4217#"))
        await line.wait_end()

    async def main() -> None:
        async with CarrierEmulator(settings=EmulatorSettings(keys_audible=True)) as carrier:
            account = TwilioCarrier(
                carrier.account_sid,
                carrier.auth_token,
                http_client=lambda: twilio_async_http_client(carrier.base_url),
            )
            app = App(carrier=account, settings=Settings())

            @app.on_call
            async def answer(call: Call) -> None:
                session: AgentSession[None] = AgentSession(
                    Agent(), Pipeline(llm=ScriptedLLM(), tts=ScriptedTTS())
                )
                session.on("turn.completed", lambda event: turns.append(event.text))
                await session.start(call)
                await session.say("Your number, please.")
                await asyncio.sleep(8.0)
                await session.hangup()

            async with serving(app) as address:
                app.public_url = address.http
                carrier.add_number(OURS, voice_url=f"{address.http}/twilio/voice")
                call = carrier.call(to=OURS, from_=THEIRS, far_end=person(keys))
                await call.ended()
                await app.drain()

    clock.run(main(), virtual=True)
    assert turns == ["Keypad: 4217"]


def test_a_recording_with_consent_holds_what_came_after_it(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")

    async def talks(line: Line) -> None:
        await line.wait_speech()
        await line.say(tone((500.0,), 6000))
        await line.wait_end()

    async def main() -> None:
        async with street(record_dir=tmp_path / "app") as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                session: AgentSession[None] = AgentSession(
                    Agent(),
                    Pipeline(llm=ScriptedLLM(), tts=ScriptedTTS()),
                    recording=RecordingConfig(
                        folder=tmp_path / "ours", format="opus", consent="This call is recorded."
                    ),
                )
                await session.start(call)
                await asyncio.sleep(3.0)
                session.pause_recording()
                await asyncio.sleep(1.0)
                session.resume_recording()
                await asyncio.sleep(1.0)
                await session.hangup()

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(talks))
            await call.ended()
            await place.app.drain()

    clock.run(main(), virtual=True)
    assert list((tmp_path / "app").glob("*.wav")) == []  # replaced by the session's own
    (file,) = (tmp_path / "ours").iterdir()
    sound, rate = soundfile.read(str(file), dtype="int16", always_2d=True)
    party = sound[:, 0].tobytes()
    assert rate == 8000
    assert 2.0 < len(sound) / 8000 < 5.0
    loud = [rms_dbfs(party[at : at + 1600]) > -30 for at in range(0, len(party), 1600)]
    silent = [at for at, is_loud in enumerate(loud) if not is_loud]
    assert 9 <= len(silent) <= 11  # a second of tenths
    assert silent[-1] - silent[0] == len(silent) - 1


def test_an_app_that_cannot_record_takes_the_call_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def waits(line: Line) -> None:
        await line.wait_end()

    async def main() -> None:
        async with street(record_dir=tmp_path) as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                (tmp_path / f"{call.id}.wav").mkdir()
                leg = await call.answer()
                await leg.play(tone((500.0,), 1000))
                assert call.recording is None
                await call.hangup()

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(waits))
            await call.ended()
            await place.app.drain()
            assert call.line.heard.speech()

    clock.run(main(), virtual=True)
    assert "the call is not recorded" in caplog.text


def test_an_app_records_in_the_format_of_its_settings(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")

    async def talks(line: Line) -> None:
        await line.say(tone((500.0,), 3000))

    async def main() -> None:
        async with street() as place:
            place.app.settings = Settings(record_dir=tmp_path, record_format="opus")

            @place.app.on_call
            async def answer(call: Call) -> None:
                await call.answer()
                await call.wait_ended()

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(talks))
            await call.ended()
            await place.app.drain()

    clock.run(main(), virtual=True)
    (file,) = tmp_path.glob("*.opus")
    assert soundfile.info(str(file)).duration == pytest.approx(3.0, abs=0.3)


def test_another_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="wav or opus"):
        Settings.load(environment={"HOOKFLASH_RECORD_FORMAT": "mp3"})
    loaded = Settings.load(environment={"HOOKFLASH_RECORD_FORMAT": "opus"})
    assert loaded.record_format == "opus"
