"""Every part of a session out of order in every way, for one turn.

Whatever breaks: the fault is told with its source, the caller hears something, the agent is ready
for the next turn, the history is sound, the next turn is answered, and nothing is left running.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from tests.agent.stage import APOLOGY, Stage

from hookflash.agent import Agent, SessionOptions, StopResponse, ToolError, function_tool
from hookflash.errors import LinkError, ProviderError
from hookflash.events.providers import ProviderSwitched
from hookflash.events.session import AgentState, ErrorOccurred, TurnCompleted, UtteranceSpoken
from hookflash.pipeline import Pipeline
from hookflash.providers.base import (
    LLM,
    STT,
    TTS,
    VAD,
    Hearing,
    LlmChunk,
    SpeechChunk,
    TextDelta,
    ToolCallReady,
    Transcript,
    Usage,
    VoiceStream,
    VoiceVerdict,
    WordTime,
)
from hookflash.providers.chat import (
    ChatContext,
    ChatMessage,
    ChatRole,
    ToolCall,
    ToolOutput,
    ToolSchema,
)
from hookflash.providers.fallback import FallbackLLM, FallbackSTT, FallbackTTS
from hookflash.providers.tool_server import ToolServer, ToolServerUser
from hookflash.runtime import clock
from hookflash.testing import ScriptedLLM, ScriptedSTT, ScriptedTTS
from hookflash.testing.scripted import ScriptedHearing

REFUSAL = ProviderError("no credit")
LOST = LinkError("the stream broke off")
BUG = KeyError("choices")
PARDON = "Pardon?"
NINE = "We open at nine in the morning."
OPTIONS = SessionOptions(
    apology=APOLOGY,
    not_understood=PARDON,
    llm_within=4.0,
    tts_within=3.0,
    hook_within=2.0,
    tool_timeout=5.0,
)


@dataclass(frozen=True)
class Outcome:
    """What came of the turn in which something broke.

    Attributes:
        errors: source and reason of each `error` event.
        heard: what the caller heard, utterance by utterance.
        items: the history in short.
    """

    errors: list[tuple[str, str]]
    heard: list[str]
    items: list[str]

    @property
    def sources(self) -> set[str]:
        return {source for source, _ in self.errors}


async def survive(
    agent: Agent | None = None,
    *,
    stt: ScriptedSTT | FallbackSTT | None = None,
    llm: LLM | None = None,
    tts: TTS | None = None,
    vad: VAD | None = None,
    prepare: Callable[[Stage], None] = lambda stage: None,
    first: Callable[[Stage], Any] | None = None,
    second: Callable[[Stage], Any] | None = None,
    answers_the_next: bool = True,
) -> Outcome:
    """Hold a call in which the first turn meets the fault, and the second must be answered."""
    stage = Stage(agent or Agent("Be brief."), ["First."], options=OPTIONS)
    session = stage.session
    if isinstance(stt, ScriptedSTT):
        stage.stt = stt
    session.pipeline = stage.pipeline = Pipeline(
        stt=stt or stage.stt, llm=llm or stage.llm, tts=tts or stage.tts, vad=vad or stage.vad
    )
    prepare(stage)
    await session.start(stage.leg)
    try:
        await session.say("Hello.")
        await (stage.caller_says("first question") if first is None else first(stage))
        await asyncio.sleep(25)
        outcome = Outcome(
            errors=[(error.source, error.reason) for error in stage.of(ErrorOccurred)],
            heard=[said.heard for said in stage.of(UtteranceSpoken) if said.heard != "Hello."],
            items=stage.items,
        )
        check(stage)
        turns = len(stage.of(TurnCompleted))
        await (stage.caller_says("second question") if second is None else second(stage))
        await asyncio.sleep(10)
        check(stage)
        assert not session.closed
        assert len(stage.of(TurnCompleted)) == turns + 1
        if answers_the_next:
            assert stage.items[-2:] == ["user: second question", "assistant: All right."]
    finally:
        await session.close()
        stage.leg.close()
        assert session.call is not None
        await session.call.aclose()
    check_history(stage)
    return outcome


def check(stage: Stage) -> None:
    """The agent waits for the caller, and the history is sound."""
    assert stage.session.agent_state in {AgentState.IDLE, AgentState.LISTENING}
    check_history(stage)


def check_history(stage: Stage) -> None:
    """Each call has one output, behind it; each utterance that was heard has one message."""
    waiting: list[str] = []
    for item in stage.session.history.items:
        match item:
            case ToolCall():
                assert item.call_id not in waiting
                waiting.append(item.call_id)
            case ToolOutput():
                assert item.call_id in waiting
                waiting.remove(item.call_id)
            case ChatMessage():
                assert item.text.strip()
                assert item.text.isprintable()
            case _:
                pass
    assert waiting == []
    messages = stage.session.history.messages
    said = [message.text for message in messages if message.role is ChatRole.ASSISTANT]
    assert said == [spoken.heard for spoken in stage.of(UtteranceSpoken) if spoken.heard]


# The mind.


class BrokenLLM(LLM):
    """A model whose first answer is broken; all others are fine."""

    name = "broken"

    def __init__(self, *steps: object, at_once: Exception | None = None) -> None:
        self._steps: Sequence[object] | None = steps
        self._at_once = at_once

    def chat(
        self,
        context: ChatContext,
        *,
        tools: Sequence[ToolSchema] = (),
        tool_choice: str | None = None,
    ) -> AsyncGenerator[LlmChunk, None]:
        steps, self._steps = self._steps, None
        if steps is not None and self._at_once is not None:
            raise self._at_once
        return self._answer(["All right."] if steps is None else steps)

    async def _answer(self, steps: Sequence[object]) -> AsyncGenerator[LlmChunk, None]:
        for step in steps:
            match step:
                case Exception():
                    raise step
                case str():
                    yield TextDelta(text=step)
                case float():
                    await asyncio.sleep(step)
                case _:
                    yield step  # type: ignore[misc]  # garbage is what it is for


def call(tool: str, arguments: str = "{}", call_id: str = "c1") -> ToolCallReady:
    return ToolCallReady(call=ToolCall(call_id=call_id, tool=tool, arguments=arguments))


MODELS: dict[str, tuple[Sequence[object], str, list[str] | None]] = {
    "refuses": ([REFUSAL], "provider_failed", [APOLOGY]),
    "is lost": ([LOST], "link", [APOLOGY]),
    "has a bug": ([BUG], "provider_failed", [APOLOGY]),
    "hangs": ([1000.0], "timeout", [APOLOGY]),
    "hangs after words": ([f"{NINE} And", 1000.0], "timeout", [NINE, APOLOGY]),
    "gives nothing": ([], "provider_failed", [APOLOGY]),
    "gives empty text": (["", "", " "], "provider_failed", [APOLOGY]),
    "gives control characters": (["\x00\x07", "\x1b"], "provider_failed", [APOLOGY]),
    "gives no chunks": ([5, {"text": "x"}, [], object()], "provider_failed", [APOLOGY]),
    "gives text that is none": ([TextDelta(text=None)], "provider_failed", [APOLOGY]),  # type: ignore[arg-type]
    "gives usage alone": ([Usage(input_tokens=-5)], "provider_failed", [APOLOGY]),
    "breaks off after words": ([f"{NINE} And", LOST], "link", [NINE, APOLOGY]),
    "breaks off after a call": ([call("look"), LOST], "link", [APOLOGY]),
    "floods words": (["word "] * 20_000, "provider_failed", None),
    "floods nothing": ([""] * 20_000, "provider_failed", [APOLOGY]),
    "floods calls": ([call("look")] * 20_000, "provider_failed", [APOLOGY]),
}


@pytest.mark.parametrize("fault", MODELS)
def test_a_model_that(fault: str) -> None:
    steps, reason, heard = MODELS[fault]

    async def main() -> None:
        if heard is None:
            outcome = await survive(llm=BrokenLLM(*steps), first=interrupts_after(20.0))
        else:
            outcome = await survive(llm=BrokenLLM(*steps))
            assert [words for words in outcome.heard if words] == heard
        assert set(outcome.errors) == {("llm", reason)}

    clock.run(main(), virtual=True)


def interrupts_after(seconds: float) -> Callable[[Stage], Any]:
    async def act(stage: Stage) -> None:
        await stage.caller_says("first question")
        await asyncio.sleep(seconds)
        assert stage.session.agent_state is AgentState.SPEAKING
        stage.session.interrupt()

    return act


def test_a_model_that_raises_before_it_streams() -> None:
    async def main() -> None:
        outcome = await survive(llm=BrokenLLM(at_once=TypeError("chat")))
        assert outcome.errors == [("llm", "provider_failed")]
        assert outcome.heard == [APOLOGY]

    clock.run(main(), virtual=True)


# Tools.


class Clerk(Agent):
    """Has a tool for each way to go wrong."""

    def __init__(self) -> None:
        super().__init__("Be brief.")

    @function_tool
    async def declines(self) -> str:
        raise ToolError("The calendar is closed.")

    @function_tool
    async def raises(self) -> str:
        raise BUG

    @function_tool
    def raises_in_a_thread(self) -> str:
        raise StopIteration

    @function_tool
    async def hangs(self) -> str:
        await asyncio.sleep(1000)
        return "late"

    @function_tool
    async def will_not_be_cancelled(self) -> str:
        for _ in range(40):
            try:
                await asyncio.sleep(1.0)
            except asyncio.CancelledError:
                continue
        return "late"

    @function_tool
    async def returns_nothing(self) -> None:
        return None

    @function_tool
    async def returns_what_no_json_holds(self) -> object:
        return {"when": object()}

    @function_tool
    async def returns_control_characters(self) -> str:
        return "\x00\x07\ud800"

    @function_tool
    async def floods(self) -> str:
        return "word " * 1_000_000

    @function_tool
    async def says_and_stops(self) -> str:
        await self.session.say("Done.")
        raise StopResponse

    @function_tool
    async def cancels_itself(self) -> str:
        raise asyncio.CancelledError

    @function_tool
    async def counts(self, number: int) -> int:
        return number


TOOLS: dict[str, tuple[list[ToolCallReady], set[str], int]] = {
    "declines": ([call("declines")], {"tool"}, 1),
    "raises": ([call("raises")], {"tool"}, 1),
    "raises in a thread": ([call("raises_in_a_thread")], {"tool"}, 1),
    "hangs": ([call("hangs")], set(), 1),
    "will not be cancelled": ([call("will_not_be_cancelled")], {"tool"}, 1),
    "returns nothing": ([call("returns_nothing")], set(), 1),
    "returns what no JSON holds": ([call("returns_what_no_json_holds")], {"tool"}, 1),
    "returns control characters": ([call("returns_control_characters")], set(), 1),
    "floods": ([call("floods")], set(), 1),
    "cancels itself": ([call("cancels_itself")], set(), 1),
    "does not exist": ([call("no_such_tool")], set(), 1),
    "has no name": ([call("")], set(), 1),
    "is given no JSON": ([call("counts", "{number: five")], set(), 1),
    "is given a list": ([call("counts", "[1, 2]")], set(), 1),
    "is given nothing": ([call("counts", "")], set(), 1),
    "is given too deep a JSON": ([call("counts", "[" * 100_000)], set(), 1),
    "is given control characters": ([call("counts", '{"number": "\x00"}')], set(), 1),
    "is given what it does not take": ([call("counts", '{"number": 5, "x": 1}')], {"tool"}, 1),
    "is called twice under one id": ([call("counts"), call("counts")], set(), 2),
    "is called a hundred times": (
        [call("counts", f'{{"number": {n}}}', f"c{n}") for n in range(100)],
        set(),
        100,
    ),
}


@pytest.mark.parametrize("fault", TOOLS)
def test_a_tool_that(fault: str) -> None:
    calls, sources, answered = TOOLS[fault]

    async def main() -> None:
        # The session knows what a tool said, and asks the model again.
        outcome = await survive(Clerk(), llm=BrokenLLM(*calls))
        assert outcome.sources == sources
        assert outcome.heard == ["All right."]
        outputs = [item for item in outcome.items if item.startswith(("output", "error"))]
        assert len(outputs) == answered
        assert all(len(output) < 100_000 for output in outputs)

    clock.run(main(), virtual=True)


def test_a_tool_that_says_all_there_is_to_say() -> None:
    async def main() -> None:
        outcome = await survive(Clerk(), llm=BrokenLLM(call("says_and_stops")))
        assert (outcome.errors, outcome.heard) == ([], ["Done."])

    clock.run(main(), virtual=True)


def test_a_model_that_never_stops_calling_tools() -> None:
    class Obsessed(ScriptedLLM):
        async def chat(
            self,
            context: ChatContext,
            *,
            tools: Sequence[ToolSchema] = (),
            tool_choice: str | None = None,
        ) -> AsyncGenerator[LlmChunk, None]:
            if context.last_user_text() == "first question":
                yield call("counts", f'{{"number": {len(context)}}}', f"c{len(context)}")
            else:
                yield TextDelta(text="All right.")

    async def main() -> None:
        outcome = await survive(Clerk(), llm=Obsessed())
        # In the last round it was to speak and did not.
        assert outcome.heard == [APOLOGY]
        assert outcome.sources == {"llm"}

    clock.run(main(), virtual=True)


# Tools of other processes.


class BrokenServer(ToolServer):
    """A tool server that breaks at one thing."""

    def __init__(self, **breaks: object) -> None:
        super().__init__("crm", prefix=None, tool_timeout=3.0)
        self._breaks = breaks

    async def _break(self, at: str) -> object:
        fault = self._breaks.get(at)
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, float):
            await asyncio.sleep(fault)
        return fault

    @property
    def tools(self) -> tuple[ToolSchema, ...]:
        return (ToolSchema(name="look_up", description="Look it up."),)

    async def join(self, user: ToolServerUser) -> None:
        await self._break("join")
        user.tools_changed(self)

    async def leave(self, user: ToolServerUser) -> None:
        await self._break("leave")

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, object],
        on_progress: Callable[[str], None] | None = None,
    ) -> str:
        if "call" not in self._breaks:
            return "found"
        return await self._break("call")  # type: ignore[return-value]  # garbage is what it is for


@pytest.mark.parametrize(
    "breaks",
    [
        {"join": BUG},
        {"join": LOST},
        {"join": 1000.0},
        {"leave": BUG},
        {"leave": 1000.0},
        {"call": BUG},
        {"call": LOST},
        {"call": 1000.0},
        {"call": None},
        {"call": b"\x00\xff"},
    ],
    ids=str,
)
def test_a_tool_server_that_breaks_at(breaks: dict[str, object]) -> None:
    agent = Agent("Be brief.", mcp_servers=[BrokenServer(**breaks)])

    async def main() -> None:
        outcome = await survive(agent, llm=BrokenLLM(call("look_up")))
        assert outcome.heard == ["All right."]
        assert len([item for item in outcome.items if item.startswith(("output", "error"))]) == 1
        assert clock.now() < 70

    clock.run(main(), virtual=True)


# The voice.


class BrokenTTS(ScriptedTTS):
    """A voice that breaks at the first question's answer, and speaks all else."""

    name = "broken"

    def __init__(self, *steps: object, at_once: Exception | None = None) -> None:
        super().__init__()
        self._steps = steps
        self._at_once = at_once

    def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        if text != "First.":
            return super().speak(text, sample_rate)
        if self._at_once is not None:
            raise self._at_once
        return self._broken(sample_rate)

    async def _broken(self, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        for step in self._steps:
            match step:
                case Exception():
                    raise step
                case float():
                    await asyncio.sleep(step)
                case bytes():
                    yield SpeechChunk(pcm=step)
                case _:
                    yield step  # type: ignore[misc]  # garbage is what it is for


TENTH = b"\x01\x00" * 800
NONSENSE_TIMES = SpeechChunk(
    pcm=TENTH * 2,
    words=(
        WordTime(word="nobody", end_ms=-5.0),
        WordTime(word="First.", end_ms=math.nan),
        WordTime(word="", end_ms=math.inf),
        WordTime(word="said", end_ms=3.0),
    ),
)

VOICES: dict[str, tuple[list[object], str | None, list[str]]] = {
    "refuses": ([REFUSAL], "provider_failed", ["", APOLOGY]),
    "is lost": ([LOST], "link", ["", APOLOGY]),
    "has a bug": ([BUG], "provider_failed", ["", APOLOGY]),
    "hangs": ([1000.0], "timeout", ["", APOLOGY]),
    "hangs after audio": ([TENTH, 1000.0], "timeout", ["", APOLOGY]),
    "gives nothing": ([], "provider_failed", ["", APOLOGY]),
    "gives empty audio": ([b"", b""], "provider_failed", ["", APOLOGY]),
    "gives half a sample": ([b"\x01"], "provider_failed", ["", APOLOGY]),
    "gives odd bytes": ([TENTH[:801], TENTH[801:]], None, ["First."]),
    "gives no chunks": (["text", 5], "provider_failed", ["", APOLOGY]),
    "gives audio that is none": (
        [SpeechChunk(pcm=None)],  # type: ignore[arg-type]
        "provider_failed",
        ["", APOLOGY],
    ),
    "gives times that cannot be": ([NONSENSE_TIMES], None, ["First."]),
    "breaks off after audio": ([TENTH, LOST], "link", ["", APOLOGY]),
    "floods audio": ([TENTH * 10] * 3000, "provider_failed", ["First.", APOLOGY]),
    "floods nothing": ([b""] * 20_000, "provider_failed", ["", APOLOGY]),
}


@pytest.mark.parametrize("fault", VOICES)
def test_a_voice_that(fault: str) -> None:
    steps, reason, heard = VOICES[fault]

    async def main() -> None:
        outcome = await survive(llm=ScriptedLLM(["First."]), tts=BrokenTTS(*steps))
        assert outcome.errors == ([] if reason is None else [("tts", reason)])
        assert outcome.heard == heard

    clock.run(main(), virtual=True)


def test_a_voice_that_raises_before_it_streams() -> None:
    async def main() -> None:
        tts = BrokenTTS(at_once=TypeError("speak"))
        outcome = await survive(llm=ScriptedLLM(["First."]), tts=tts)
        assert outcome.errors == [("tts", "provider_failed")]
        assert outcome.heard == ["", APOLOGY]

    clock.run(main(), virtual=True)


# The ears.


class BrokenSTT(ScriptedSTT):
    """A recogniser whose first stream breaks when it is told to."""

    def __init__(self, *, listen: Exception | None = None, push: Exception | None = None) -> None:
        super().__init__()
        self._listen = listen
        self._push = push

    def listen(self, sample_rate: int) -> ScriptedHearing:
        error, self._listen = self._listen, None
        if error is not None:
            raise error
        stream = super().listen(sample_rate)
        error, self._push = self._push, None
        if error is not None:
            stream.push = raising(error)  # type: ignore[method-assign]
        return stream


def raising(error: Exception) -> Callable[..., None]:
    def fail(*args: object, **options: object) -> None:
        raise error

    return fail


def speaks(*transcripts: object, ends: bool = True) -> Callable[[Stage], Any]:
    """The caller speaks for a second, and this comes of it."""

    async def act(stage: Stage) -> None:
        hearing, voice = stage.stt.hearing, stage.vad.voice
        voice.verdict(True, stage.now())
        await asyncio.sleep(1.0)
        if ends:
            voice.verdict(False, stage.now())
        for found in transcripts:
            hearing._out.put_nowait(found)  # type: ignore[arg-type]

    return act


EARS: dict[str, tuple[Sequence[object], list[tuple[str, str]], list[str]]] = {
    "refuses": ([REFUSAL], [("stt", "provider_failed")], [APOLOGY]),
    "is lost": ([LOST], [("stt", "link")], [APOLOGY]),
    "ends its stream early": ([None], [("stt", "link")], [APOLOGY]),
    "hangs": ([], [("stt", "no_transcript")], [PARDON]),
    "gives no transcripts": (["words"], [("stt", "provider_failed")], [APOLOGY]),
    "gives text that is none": (
        [Transcript(text=None, final=True)],  # type: ignore[arg-type]
        [("stt", "provider_failed")],
        [APOLOGY],
    ),
    "gives control characters": (
        [Transcript(text="first\x00 \x1bquestion", final=True)],
        [],
        ["All right."],
    ),
    "gives an odd confidence and odd times": (
        [Transcript(text="first question", final=True, confidence=math.nan, start=9.0, end=-1.0)],
        [],
        ["All right."],
    ),
    "floods partials": (
        [Transcript(text=f"word {n}", final=False) for n in range(5000)]
        + [Transcript(text="first question", final=True)],
        [],
        ["All right."],
    ),
}


@pytest.mark.parametrize("fault", EARS)
def test_a_recogniser_that(fault: str) -> None:
    transcripts, errors, heard = EARS[fault]

    async def main() -> None:
        outcome = await survive(llm=ScriptedLLM(), first=speaks(*transcripts))
        assert outcome.errors == errors
        assert outcome.heard == heard

    clock.run(main(), virtual=True)


def test_a_recogniser_that_finds_no_words() -> None:
    async def main() -> None:
        outcome = await survive(llm=ScriptedLLM(), first=speaks(Transcript(text="", final=True)))
        assert outcome.errors == [("stt", "no_transcript")]
        assert outcome.heard == [PARDON]

    clock.run(main(), virtual=True)


def test_a_recogniser_that_cannot_be_opened_at_first() -> None:
    async def main() -> None:
        outcome = await survive(
            llm=ScriptedLLM(), stt=BrokenSTT(listen=BUG), first=lambda stage: asyncio.sleep(0)
        )
        assert outcome.errors == [("stt", "provider_failed")]
        assert outcome.heard == [APOLOGY]

    clock.run(main(), virtual=True)


def test_a_recogniser_that_raises_at_audio() -> None:
    async def hears_sound(stage: Stage) -> None:
        await stage.leg.say(bytes(320 * 5))

    async def main() -> None:
        outcome = await survive(
            llm=ScriptedLLM(), stt=BrokenSTT(push=BrokenPipeError()), first=hears_sound
        )
        assert outcome.errors == [("stt", "provider_failed")]
        assert outcome.heard == [APOLOGY]

    clock.run(main(), virtual=True)


def test_a_recogniser_that_never_works_ends_the_call_with_an_apology() -> None:
    class Dead(STT):
        name = "dead"

        def listen(self, sample_rate: int) -> Hearing:
            raise LOST

    async def main() -> None:
        stage = Stage(Agent("Be brief."), options=OPTIONS)
        stage.session.pipeline = Pipeline(stt=Dead(), llm=stage.llm, tts=stage.tts, vad=stage.vad)
        await stage.session.start(stage.leg)
        assert await stage.session.wait_closed() == "error"
        errors = stage.of(ErrorOccurred)
        assert [error.source for error in errors] == ["stt"] * 4
        assert [error.recoverable for error in errors] == [True, True, True, False]
        assert APOLOGY in [said.heard for said in stage.of(UtteranceSpoken)]
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)


# The detector.


class BrokenVAD(VAD):
    """A detector that raises where it is told to, so many times."""

    name = "broken"

    def __init__(self, *, watch: int = 0, push: int = 0) -> None:
        self._watch = watch
        self._push = push
        self.verdict: Callable[[VoiceVerdict], None] = lambda verdict: None

    def watch(self, sample_rate: int, on_verdict: Callable[[VoiceVerdict], None]) -> VoiceStream:
        self._watch -= 1
        if self._watch >= 0:
            raise BUG
        self.verdict = on_verdict
        self._push -= 1
        return BrokenVoice(breaks=self._push >= 0)


class BrokenVoice(VoiceStream):
    def __init__(self, *, breaks: bool) -> None:
        self._breaks = breaks

    def push(self, pcm: bytes, at: float) -> None:
        if self._breaks:
            raise ZeroDivisionError

    def close(self) -> None:
        pass


def with_sound(words: str) -> Callable[[Stage], Any]:
    """The caller is heard by the recogniser alone, which ends segments by itself."""

    async def act(stage: Stage) -> None:
        await stage.leg.say(bytes(320 * 20))
        stage.stt.hearing.final(words)

    return act


@pytest.mark.parametrize(
    ("detector", "told"),
    [
        ({"watch": 1}, 1),
        ({"push": 1}, 1),
        ({"push": 9}, 4),
        ({"watch": 9}, 4),
    ],
)
def test_a_detector_that_raises(detector: dict[str, int], told: int) -> None:
    async def main() -> None:
        outcome = await survive(
            llm=ScriptedLLM(),
            vad=BrokenVAD(**detector),
            first=with_sound("first question"),
            second=with_sound("second question"),
        )
        assert outcome.errors == [("vad", "provider_failed")] * told
        assert outcome.heard[-1] == "All right."

    clock.run(main(), virtual=True)


def test_a_detector_that_is_dead_leaves_the_turn_to_the_recogniser() -> None:
    async def main() -> None:
        outcome = await survive(
            llm=ScriptedLLM(),
            vad=BrokenVAD(),
            first=with_sound("first question"),
            second=with_sound("second question"),
        )
        assert (outcome.errors, outcome.heard) == ([], ["All right."])

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    "verdicts",
    [
        [(True, 0.0), (True, 0.1), (False, 0.0), (False, 0.2)],
        [(False, 0.0)],
        [(True, 5.0), (False, -50.0)],
        [(True, -1e9), (False, 1e9)],
        [(n % 2 == 0, 0.0) for n in range(2000)],
    ],
    ids=["twice", "stops first", "ends before it begins", "out of time", "floods"],
)
def test_a_detector_whose_verdicts_cannot_be(verdicts: list[tuple[bool, float]]) -> None:
    vad = BrokenVAD()

    async def act(stage: Stage) -> None:
        await asyncio.sleep(1.0)
        for speaking, after in verdicts:
            vad.verdict(VoiceVerdict(speaking=speaking, at=stage.now() + after))
        stage.stt.hearing.final("first question")

    async def main() -> None:
        outcome = await survive(
            llm=ScriptedLLM(), vad=vad, first=act, second=with_sound("second question")
        )
        assert outcome.heard[-1] == "All right."

    clock.run(main(), virtual=True)


# The program's own functions.


def broken_hook(fault: str, *, plain: bool = False) -> Callable[..., Any]:
    def fails(value: object) -> object:
        if fault == "raises":
            raise BUG
        if fault == "cancels":
            raise asyncio.CancelledError
        return 5

    async def fails_later(value: object) -> object:
        if fault == "hangs":
            await asyncio.sleep(1000)
        return fails(value)

    return fails if plain else fails_later


class Hooked(Agent):
    """Its turn hook breaks once, its last one always."""

    def __init__(self, fault: str, *, exits: bool = False) -> None:
        super().__init__("Be brief.")
        self._hook = broken_hook(fault)
        self._used = False
        self._exits = exits

    async def on_user_turn_completed(self, text: str) -> None:
        if not self._used and not self._exits:
            self._used = True
            await self._hook(text)

    async def on_exit(self) -> None:
        if self._exits:
            await self._hook(None)


def test_a_turn_hook_that_raises() -> None:
    async def main() -> None:
        outcome = await survive(Hooked("raises"), llm=ScriptedLLM())
        assert outcome.errors == [("hook", "hook_failed")]
        assert outcome.heard == ["All right."]

    clock.run(main(), virtual=True)


def test_a_turn_hook_that_hangs_is_given_up_when_the_line_was_silent_for_too_long() -> None:
    async def main() -> None:
        outcome = await survive(Hooked("hangs"), llm=ScriptedLLM())
        assert outcome.errors == [("hook", "hook_failed")]
        assert outcome.heard == ["All right."]

    clock.run(main(), virtual=True)


def test_a_turn_hook_that_is_cancelled_wants_no_reply() -> None:
    async def main() -> None:
        outcome = await survive(Hooked("cancels"), llm=ScriptedLLM())
        assert (outcome.errors, outcome.heard) == ([], [])

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("fault", ["raises", "hangs", "cancels"])
def test_a_last_hook_that_breaks_does_not_keep_the_session_from_closing(fault: str) -> None:
    async def main() -> None:
        await survive(Hooked(fault, exits=True), llm=ScriptedLLM())
        assert clock.now() < 60

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("fault", ["raises", "hangs", "returns garbage"])
@pytest.mark.parametrize(
    "point", ["stt.words", "llm.request", "tts.words", "tool.call", "tool.output"]
)
def test_a_hook_at_a_stage(point: str, fault: str) -> None:
    used = False

    async def once(value: object) -> object:
        nonlocal used
        if used:
            return None
        used = True
        return await broken_hook(fault)(value)

    def prepare(stage: Stage) -> None:
        on: Any = stage.session.hooks.on
        on(point)(once)

    async def main() -> None:
        llm = BrokenLLM(call("counts", '{"number": 5}')) if point.startswith("tool") else None
        outcome = await survive(Clerk(), llm=llm or ScriptedLLM(), prepare=prepare)
        assert used
        assert outcome.sources <= {"hook", "stt", "llm", "tts", "tool"}
        assert outcome.errors
        assert outcome.heard

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("fault", ["raises", "returns garbage"])
@pytest.mark.parametrize(
    "point",
    ["stt.audio", "tts.audio", "user_turn.started", "user_turn.ended", "agent_turn.started"],
)
def test_a_plain_hook_at_a_stage(point: str, fault: str) -> None:
    used = False

    def once(value: object) -> object:
        nonlocal used
        if used:
            return None
        used = True
        return broken_hook(fault, plain=True)(value)

    def prepare(stage: Stage) -> None:
        on: Any = stage.session.hooks.on
        on(point)(once)

    async def first(stage: Stage) -> None:
        await stage.leg.say(bytes(320))
        await stage.caller_says("first question")

    async def main() -> None:
        outcome = await survive(llm=ScriptedLLM(), prepare=prepare, first=first)
        assert used
        assert outcome.heard[-1] == "All right."

    clock.run(main(), virtual=True)


def test_a_word_stream_hook_that_breaks_off_or_gives_nothing() -> None:
    async def breaks(words: AsyncIterator[str]) -> AsyncGenerator[str, None]:
        async for _ in words:
            raise BUG
        yield ""

    def prepare(stage: Stage) -> None:
        stage.session.hooks.on("llm.words")(breaks)

    async def main() -> None:
        await survive(llm=ScriptedLLM(["One two."]), prepare=prepare, answers_the_next=False)

    clock.run(main(), virtual=True)


def test_an_event_handler_that_hangs_does_not_keep_the_session_from_closing() -> None:
    async def hangs(event: object) -> None:
        await asyncio.sleep(1000)

    def prepare(stage: Stage) -> None:
        stage.session.on("*", hangs)

    async def main() -> None:
        outcome = await survive(llm=ScriptedLLM(), prepare=prepare)
        assert outcome.heard == ["All right."]
        assert clock.now() < 60

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_event_handler_that_raises(asynchronous: bool) -> None:
    def raises(event: object) -> None:
        raise BUG

    async def raises_later(event: object) -> None:
        raise BUG

    def prepare(stage: Stage) -> None:
        stage.session.on("*", raises_later if asynchronous else raises)

    async def main() -> None:
        outcome = await survive(llm=ScriptedLLM(), prepare=prepare)
        assert outcome.sources == {"handler"}
        assert outcome.heard == ["All right."]

    clock.run(main(), virtual=True)


# With another provider at hand the caller hears no apology.


def test_with_fallbacks_the_turn_is_answered_and_the_switch_is_told() -> None:
    async def main() -> None:
        switches: list[tuple[str, str, str, str]] = []

        def prepare(stage: Stage) -> None:
            stage.session.on(
                ProviderSwitched,
                lambda event: switches.append((event.stage, event.old, event.new, event.reason)),
            )

        llm = FallbackLLM([BrokenLLM("We open at nine. We", LOST), ScriptedLLM(["close at five."])])
        outcome = await survive(llm=llm, prepare=prepare)
        assert (outcome.errors, outcome.heard) == ([], ["We open at nine. close at five."])
        tts = FallbackTTS([BrokenTTS(LOST), ScriptedTTS()])
        outcome = await survive(tts=tts, prepare=prepare)
        assert (outcome.errors, outcome.heard) == ([], ["First."])
        assert (llm._listeners, tts._listeners) == ([], [])
        assert switches == [
            ("llm", "broken", "scripted", "link"),
            ("tts", "broken", "scripted", "link"),
        ]

    clock.run(main(), virtual=True)


def test_with_fallback_ears_the_words_are_heard_by_the_next() -> None:
    async def main() -> None:
        first, second = ScriptedSTT(), ScriptedSTT()
        stage = Stage(Agent("Be brief."), options=OPTIONS)
        stage.session.pipeline = Pipeline(
            stt=FallbackSTT([first, second]), llm=stage.llm, tts=stage.tts, vad=stage.vad
        )
        await stage.session.start(stage.leg)
        await asyncio.sleep(0.1)
        stage.vad.voice.verdict(True, stage.now())
        await stage.leg.say(bytes(320 * 50))
        first.hearing.partial("when do")
        first.hearing.fail(LOST)
        await asyncio.sleep(0.1)
        assert second.hearing.pushed == 320 * 50
        stage.vad.voice.verdict(False, stage.now())
        second.hearing.final("when do you open")
        await asyncio.sleep(5)
        assert stage.items[1:] == ["user: when do you open", "assistant: All right."]
        assert stage.of(ErrorOccurred) == []
        assert [event.new for event in stage.of(ProviderSwitched)] == ["scripted-2"]
        await stage.session.close()
        stage.leg.close()
        assert stage.session.call is not None
        await stage.session.call.aclose()

    clock.run(main(), virtual=True)
