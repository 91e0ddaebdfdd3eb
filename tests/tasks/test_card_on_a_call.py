"""A card on a real call: nothing that is left when it is over holds the number or the code."""

import asyncio
import json
import logging
import re
from pathlib import Path

import pytest
from tests.server.street import OURS, THEIRS, street

from hookflash.agent import Agent, AgentSession
from hookflash.audio.tones import tone
from hookflash.audio.wav import read_wav, split
from hookflash.calls import Call
from hookflash.emulator import Line, person
from hookflash.events import Record, to_wire
from hookflash.events.recording import RecordingStopped
from hookflash.events.session import DtmfReceived, UserTranscription
from hookflash.machines.endpointing import spoken_digits
from hookflash.pipeline import Pipeline
from hookflash.runtime import clock
from hookflash.runtime.replay import replay
from hookflash.tasks.card import GetCreditCardResult, GetCreditCardTask
from hookflash.testing import ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD

CARD = "4111111111111111"
CODE = "918"
SPOKEN_CODE = "nine one eight"


class Till(Agent):
    """Takes a card at once, and lets the model say something about it."""

    def __init__(self) -> None:
        super().__init__("You take payments.")
        self.card: GetCreditCardResult | None = None

    async def on_enter(self) -> None:
        self.card = await GetCreditCardTask(mind="rules")
        await self.session.reply("Thank them.")
        await self.session.hangup()


def test_25_number_and_code_are_nowhere_when_the_call_is_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[Record] = []
    sessions: list[AgentSession[None]] = []
    tills: list[Till] = []
    llm, stt, vad = ScriptedLLM(), ScriptedSTT(), ScriptedVAD()

    async def speaks(words: str) -> None:
        vad.voice.verdict(True, clock.now())
        await asyncio.sleep(0.5)
        stt.hearing.partial(words[:8])
        await asyncio.sleep(0.5)
        vad.voice.verdict(False, clock.now())
        stt.hearing.final(words)

    async def pays(line: Line) -> None:
        async def says(words: str) -> None:
            await line.wait_speech()
            await line.wait_quiet()
            speaking = asyncio.create_task(speaks(words))
            await line.say(tone((500.0,), 900))
            await speaking

        await line.wait_quiet()
        line.press(f"{CARD[:8]}w{CARD[8:]}")
        await line.wait_speech(timeout=20)
        await line.wait_quiet()
        line.press("0435")
        await says("yes")
        await says(SPOKEN_CODE)
        await says(SPOKEN_CODE)
        await says("Jane Doe")
        await says("yes")
        await line.wait_end()

    async def main() -> None:
        async with street(record_dir=tmp_path) as place:

            @place.app.on_call
            async def answer(call: Call) -> None:
                tills.append(Till())
                pipeline = Pipeline(stt=stt, llm=llm, tts=ScriptedTTS(), vad=vad)
                session: AgentSession[None] = AgentSession(tills[0], pipeline)
                sessions.append(session)
                session.on("*", events.append)
                await session.start(call)

            call = place.carrier.call(to=OURS, from_=THEIRS, far_end=person(pays))
            await call.ended()
            await place.app.drain()

    with caplog.at_level(logging.DEBUG):
        clock.run(main(), virtual=True)
    card = tills[0].card
    assert card is not None
    assert card.card_number is not None
    assert card.security_code is not None
    assert (card.card_number.reveal(), card.security_code.reveal()) == (CARD, CODE)
    assert (card.issuer, card.expiration_date, card.last_four) == ("Visa", "04/35", "1111")
    assert card.cardholder_name == "Jane Doe"

    # Words and digits: history, requests, events, log, tape.
    (tape,) = tmp_path.glob("*.tape.jsonl")
    lines = tape.read_text("utf-8").splitlines()
    wire = [to_wire(event) for event in events]
    texts = [
        *(repr(item) for item in sessions[0].history.items),
        *(repr(request.items) for request in llm.requests),
        *(str(body[name]) for body in wire for name in ("text", "said", "heard") if name in body),
        *(record.getMessage() for record in caplog.records if record.name.startswith("hookflash")),
        *(
            str(record["text"])
            for line in map(json.loads, lines)
            for record in (line.get("event", {}), *line.get("commands", ()))
            if "text" in record
        ),
    ]
    assert llm.requests
    assert any(isinstance(event, UserTranscription) for event in events)
    for text in texts:
        # Identifiers made by chance may hold any three digits.
        plain = re.sub(r"_[0-9a-f]{12}|\b[A-Z]{2}[0-9a-f]{32}", "", text)
        for hidden in (CARD, CARD[:6], CODE, SPOKEN_CODE):
            assert hidden not in plain
            assert hidden not in spoken_digits(plain)
    keys = {event.digit for event in events if isinstance(event, DtmfReceived)}
    assert keys == {"•"}
    for digit in "0123456789":
        assert f'"digit":"{digit}"' not in "\n".join(lines)
    assert replay(lines).differences == ()

    # Whole files, and all of the log.
    for path in tmp_path.iterdir():
        content = path.read_bytes().decode("latin-1")
        for hidden in (CARD, CARD[:8], SPOKEN_CODE):
            assert hidden not in content, path.name
    for hidden in (CARD, CARD[:8], SPOKEN_CODE):
        assert hidden not in caplog.text

    # The recording is silent until the code is there; the name is on it.
    (stopped,) = (event for event in events if isinstance(event, RecordingStopped))
    ((began, ended),) = stopped.pauses
    (file,) = tmp_path.glob("*.wav")
    for side in split(read_wav(file).pcm, 2):
        assert not any(side[2 * round(began * 8000) : 2 * round(ended * 8000)])
        assert any(side[2 * round(ended * 8000) :])
