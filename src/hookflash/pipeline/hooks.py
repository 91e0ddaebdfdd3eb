"""Hooks: functions that see, and may change, what goes through the stages of a pipeline.

A hook takes the value and returns the one to go on with, or None for "as it was". Several hooks of
one point run in the order in which they were added. One that raises, or takes too long, is an
`error` event; the value goes on as it was before that hook, so nobody is left in silence.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Generic, Literal, TypeAlias, TypeVar, cast, overload

from hookflash.errors import LinkTimeout, UsageError
from hookflash.providers.base import Transcript
from hookflash.providers.chat import ChatContext, ToolCall, ToolOutput

__all__ = [
    "AGENT_TURN_ENDED",
    "AGENT_TURN_STARTED",
    "LLM_REQUEST",
    "LLM_WORDS",
    "STT_AUDIO",
    "STT_WORDS",
    "TOOL_CALL",
    "TOOL_OUTPUT",
    "TTS_AUDIO",
    "TTS_WORDS",
    "USER_TURN_ENDED",
    "USER_TURN_STARTED",
    "HookPoint",
    "Hooks",
    "RunningHooks",
    "WordStream",
]

T = TypeVar("T")
HookT = TypeVar("HookT", bound=Callable[..., Any])

Hook: TypeAlias = Callable[[T], T | None] | Callable[[T], Awaitable[T | None]]
PlainHook: TypeAlias = Callable[[T], T | None]
WordStream: TypeAlias = Callable[[AsyncIterator[str]], AsyncIterator[str]]
Failed: TypeAlias = Callable[[str, Exception], None]


class HookPoint(Generic[T]):
    """Where hooks run, and what goes through there.

    Attributes:
        name: its dotted name.
        kind: what goes through there.
        plain: whether hooks must be plain functions, because nothing may wait there.
    """

    __slots__ = ("kind", "name", "plain")

    def __init__(self, name: str, kind: type[T], *, plain: bool = False) -> None:
        self.name = name
        self.kind = kind
        self.plain = plain

    def checked(self, value: T, found: object) -> T:
        """Return what a hook made of a value; None leaves it as it is.

        Raises:
            TypeError: it is something else.
            ValueError: it is audio of another length.
        """
        if found is None:
            return value
        if not isinstance(found, self.kind):
            msg = f"it returned {type(found).__name__} instead of {self.kind.__name__}"
            raise TypeError(msg)
        if isinstance(value, bytes) and isinstance(found, bytes) and len(found) != len(value):
            msg = f"it returned {len(found)} bytes instead of {len(value)}"
            raise ValueError(msg)
        return found


STT_AUDIO = HookPoint("stt.audio", bytes, plain=True)
"""20 ms of the caller before detector and recogniser: PCM16 at the leg's rate, same length out."""
STT_WORDS = HookPoint("stt.words", Transcript)
"""Words from the recogniser, partial and final. Words made empty are dropped."""
LLM_REQUEST = HookPoint("llm.request", ChatContext)
"""The conversation that the model is about to be given; a change is for this request alone."""
LLM_WORDS = HookPoint("llm.words", str)
"""The model's words as a stream: the hook is an async generator from words to words."""
TTS_WORDS = HookPoint("tts.words", str)
"""A piece of text before it is synthesised. The history keeps the words as they were."""
TTS_AUDIO = HookPoint("tts.audio", bytes, plain=True)
"""Synthesised audio before it is played: PCM16 at the leg's rate, same length out."""
TOOL_CALL = HookPoint("tool.call", ToolCall)
"""A tool call before it runs."""
TOOL_OUTPUT = HookPoint("tool.output", ToolOutput)
"""What a tool answered, before the model reads it."""
USER_TURN_STARTED = HookPoint("user_turn.started", str, plain=True)
"""The caller began to speak; the value is empty."""
USER_TURN_ENDED = HookPoint("user_turn.ended", str, plain=True)
"""The words of the caller's turn, before they enter the history."""
AGENT_TURN_STARTED = HookPoint("agent_turn.started", str, plain=True)
"""The caller begins to hear the agent; the value is empty."""
AGENT_TURN_ENDED = HookPoint("agent_turn.ended", str, plain=True)
"""The words of an utterance that the caller heard."""

_POINTS: dict[str, HookPoint[Any]] = {
    point.name: point
    for point in (
        STT_AUDIO,
        STT_WORDS,
        LLM_REQUEST,
        LLM_WORDS,
        TTS_WORDS,
        TTS_AUDIO,
        TOOL_CALL,
        TOOL_OUTPUT,
        USER_TURN_STARTED,
        USER_TURN_ENDED,
        AGENT_TURN_STARTED,
        AGENT_TURN_ENDED,
    )
}


class Hooks:
    """Hooks by point. A pipeline has some, for all its sessions; each session has its own."""

    def __init__(self) -> None:
        """Begin with none."""
        self._hooks: dict[str, list[Callable[..., Any]]] = {}

    @overload
    def on(
        self, point: Literal["stt.audio", "tts.audio"]
    ) -> Callable[[PlainHook[bytes]], PlainHook[bytes]]: ...
    @overload
    def on(
        self,
        point: Literal[
            "user_turn.started", "user_turn.ended", "agent_turn.started", "agent_turn.ended"
        ],
    ) -> Callable[[PlainHook[str]], PlainHook[str]]: ...
    @overload
    def on(self, point: Literal["stt.words"]) -> Callable[[Hook[Transcript]], Hook[Transcript]]: ...
    @overload
    def on(
        self, point: Literal["llm.request"]
    ) -> Callable[[Hook[ChatContext]], Hook[ChatContext]]: ...
    @overload
    def on(self, point: Literal["llm.words"]) -> Callable[[WordStream], WordStream]: ...
    @overload
    def on(self, point: Literal["tool.call"]) -> Callable[[Hook[ToolCall]], Hook[ToolCall]]: ...
    @overload
    def on(
        self, point: Literal["tool.output"]
    ) -> Callable[[Hook[ToolOutput]], Hook[ToolOutput]]: ...
    @overload
    def on(self, point: Literal["tts.words"]) -> Callable[[Hook[str]], Hook[str]]: ...

    def on(self, point: str) -> Callable[[HookT], HookT]:
        """Add a hook, as a decorator.

        Raises:
            UsageError: there is no such point, or it takes plain functions only.
        """
        found = _POINTS.get(point)
        if found is None:
            msg = f"there is no hook point {point!r}; they are: {', '.join(_POINTS)}"
            raise UsageError(msg)

        def add(hook: HookT) -> HookT:
            if found.plain and inspect.iscoroutinefunction(hook):
                msg = f"hooks of {point} run where nothing may wait: give a plain function"
                raise UsageError(msg)
            self._hooks.setdefault(point, []).append(hook)
            return hook

        return add

    def remove(self, hook: Callable[..., Any]) -> None:
        """Remove a hook from all its points. Idempotent."""
        for hooks in self._hooks.values():
            hooks[:] = [other for other in hooks if other is not hook]

    def of(self, point: HookPoint[Any]) -> tuple[Callable[..., Any], ...]:
        """Those of one point, in order."""
        return tuple(self._hooks.get(point.name, ()))


class RunningHooks:
    """The hooks of one session, run: the pipeline's first, then its own."""

    def __init__(self, sources: tuple[Hooks, ...], *, within: float, failed: Failed) -> None:
        """Know them.

        Args:
            sources: whose hooks run, in order.
            within: seconds that a hook may take.
            failed: is told the point's name and what a hook raised.
        """
        self._sources = sources
        self._within = within
        self._failed = failed

    def any(self, point: HookPoint[Any]) -> bool:
        """Whether there is any hook of that point."""
        return any(source.of(point) for source in self._sources)

    def plain(self, point: HookPoint[T], value: T) -> T:
        """Pass a value through plain hooks."""
        for hook in self._of(point):
            try:
                value = point.checked(value, hook(value))
            except Exception as exc:  # noqa: BLE001  # a user's hook: reported, passed over
                self._failed(point.name, exc)
        return value

    async def run(self, point: HookPoint[T], value: T) -> T:
        """Pass a value through hooks, plain ones or coroutine functions."""
        for hook in self._of(point):
            try:
                found = hook(value)
                if asyncio.iscoroutine(found) or asyncio.isfuture(found):
                    async with asyncio.timeout(self._within):
                        found = await cast("Awaitable[object]", found)
                value = point.checked(value, found)
            except TimeoutError:
                msg = f"a hook took more than {self._within:.1f} s"
                self._failed(point.name, LinkTimeout(msg))
            except Exception as exc:  # noqa: BLE001  # a user's hook: reported, passed over
                self._failed(point.name, exc)
        return value

    async def words(self, stream: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
        """Pass the model's words through stream hooks.

        When one of them raises, what it has not taken yet follows unchanged; what it took and
        did not give is lost with it, for nobody can tell what it meant to say.
        """
        source = _Source(stream)
        for hook in self._of(LLM_WORDS):
            source = _Source(self._guarded(hook, source))
        async with aclosing(source) as words:
            async for word in words:
                yield word

    async def _guarded(self, hook: WordStream, source: "_Source") -> AsyncGenerator[str, None]:
        try:
            async for word in hook(source):
                yield word
        except source.broken as exc:
            raise exc.error from exc
        except Exception as exc:  # noqa: BLE001  # a user's hook: reported, passed over
            self._failed(LLM_WORDS.name, exc)
            async for word in source:
                yield word

    def _of(self, point: HookPoint[Any]) -> list[Callable[..., Any]]:
        return [hook for source in self._sources for hook in source.of(point)]


class _SourceBroke(Exception):  # internal: carries the model's own error past a hook
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class _Source:
    """Words that a hook reads; its own failure is told from the hook's."""

    broken = _SourceBroke

    def __init__(self, stream: AsyncGenerator[str, None]) -> None:
        self._stream = stream

    def __aiter__(self) -> "_Source":
        return self

    async def __anext__(self) -> str:
        try:
            return await anext(self._stream)
        except StopAsyncIteration:
            raise
        except Exception as exc:
            raise _SourceBroke(exc) from exc

    async def aclose(self) -> None:
        await self._stream.aclose()
