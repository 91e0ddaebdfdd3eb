"""The connection of a call to a realtime model: kept, replaced when it breaks or grows too old,
and fed with what the caller says.
"""  # noqa: D205

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from hookflash.agent.emitter import Emitter
from hookflash.agent.realtime_memory import RealtimeMemory
from hookflash.audio.frames import FRAME_MS
from hookflash.errors import HookflashError, LinkError, LinkTimeout, ProviderError
from hookflash.machines.turn import TurnConfig
from hookflash.providers.base import STT, Hearing, Transcript
from hookflash.providers.realtime import (
    CallerCommitted,
    CallerSpeech,
    RealtimeConversation,
    RealtimeEvent,
    RealtimeModel,
    RealtimeSetup,
)
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner

__all__ = ["LinkUser", "RealtimeEars", "RealtimeLink"]

_log = logging.getLogger("hookflash.agent")

# Connections in a row that break before anything comes of them.
_TRIES = 4
_BACKOFF = 0.25
# So long before the vendor ends a conversation it is renewed in the first moment of silence, and
# so long before in any case.
_RENEW_BEFORE = 300.0
_RENEW_AT_LAST = 15.0
# Of the caller's audio: what is kept from before they are found to speak (the longest that the
# usual detectors take, twice over), and what is kept while nobody can take it.
_BEFORE_FRAMES = 600 // FRAME_MS
_MOST_FRAMES = 20_000 // FRAME_MS


class LinkUser(Protocol):
    """Who talks over the connection."""

    @property
    def busy(self) -> bool:
        """Whether an answer, or words of the caller's, are on their way."""
        ...

    def take(self, event: RealtimeEvent) -> None:
        """Something came."""
        ...

    def link_ended(self, error: HookflashError | None) -> None:
        """The connection is over, by our own will if there is no error; another may follow."""
        ...

    def given_up(self, error: HookflashError) -> None:
        """There will be no other connection."""
        ...


class RealtimeLink:
    """Keeps one call connected to a realtime model, until its owner ends it.

    Attributes:
        current: the connection; None while there is none.
        lost: why there will be none any more; None while there is hope.
    """

    def __init__(
        self,
        model: RealtimeModel,
        memory: RealtimeMemory,
        user: LinkUser,
        *,
        sample_rate: int,
        hears: bool,
        speaks: bool,
        turn: TurnConfig,
        emitter: Emitter,
        owner: TaskOwner,
    ) -> None:
        """Begin to connect.

        Args:
            model: prepared.
            memory: what the model shall know of the conversation.
            user: who talks over it.
            sample_rate: Hz of the leg.
            hears: whether the model is given the caller's audio.
            speaks: whether it shall answer in audio.
            turn: how patient the agent is, if the model does not detect turns.
            emitter: is told of broken connections.
            owner: whose task keeps it.
        """
        self.current: RealtimeConversation | None = None
        self.lost: HookflashError | None = None
        self._model = model
        self._memory = memory
        self._user = user
        self._rate = sample_rate
        self._hears = hears
        self._speaks = speaks
        self._turn = turn
        self._emitter = emitter
        self._owner = owner
        self._settled = asyncio.Event()
        self._renewing = False
        self._renewal: asyncio.TimerHandle | None = None
        self._frames: deque[bytes] = deque(maxlen=_MOST_FRAMES)
        self._speaking = False
        self._commit: asyncio.TimerHandle | None = None
        owner.start(self._keep(), name="realtime")

    async def wait(self, within: float) -> RealtimeConversation:
        """Wait until there is a connection, at most so many seconds.

        Raises:
            LinkTimeout: there was none in time.
            HookflashError: there will be none any more.
        """
        try:
            async with asyncio.timeout(within):
                while self.current is None and self.lost is None:
                    await self._settled.wait()
        except TimeoutError as exc:
            msg = f"no connection to {self._model.name} within {within:.1f} s"
            raise LinkTimeout(msg) from exc
        if self.current is None:
            raise self.lost or LinkError(f"{self._model.name} is not connected")
        return self.current

    def replace(self) -> None:
        """Open another connection instead of this one, which does not answer or grows too old."""
        link, self.current = self.current, None
        if link is not None:
            self._renewing = True
            self._settled.clear()
            self._owner.start(link.aclose(), name="replace")

    def close(self) -> None:
        """The session ends; the connection ends with its owner's tasks. Idempotent."""
        for timer in (self._renewal, self._commit):
            if timer is not None:
                timer.cancel()

    # What the caller says.

    def hear(self, pcm: bytes) -> None:
        """Let the model hear the caller: 20 ms of PCM16."""
        self._frames.append(pcm)
        if self.current is None:
            return
        if not self._speaking:
            while len(self._frames) > _BEFORE_FRAMES:
                self._frames.popleft()
        if self._speaking or self._model.detects_turns:
            self.current.push(pcm)

    def caller_speaking(self, speaking: bool) -> None:
        """A detector of ours hears the caller begin to speak, or stop."""
        if not self._hears or self._model.detects_turns:
            return
        if self._commit is not None:
            self._commit.cancel()
            self._commit = None
        if not speaking:
            # The detector has waited for a part of the time already.
            wait = max(0.0, self._turn.min_delay - self._turn.detector_stop)
            self._commit = asyncio.get_running_loop().call_later(wait, self._end_turn)
        elif not self._speaking:
            self._speaking = True
            self._push_kept()

    def _end_turn(self) -> None:
        self._commit = None
        self._speaking = False
        if self.current is not None:
            self.current.commit()

    def _push_kept(self) -> None:
        if self.current is not None:
            for pcm in self._frames:
                self.current.push(pcm)

    # The connection.

    async def _keep(self) -> None:
        """Keep a connection to the model until the session ends, or none can be had."""
        failures = 0
        while True:
            try:
                link = await self._model.connect(self._setup())
                try:
                    self._begin(link)
                    async for event in link.events():
                        failures = 0
                        self._take(event)
                finally:
                    self._end()
                    await asyncio.shield(link.aclose())
                error: HookflashError = LinkError(f"{self._model.name} closed the connection")
            except HookflashError as exc:
                error = exc
            except Exception as exc:  # noqa: BLE001  # a provider's bug: the caller must hear something
                _log.error("the realtime model's provider raised", exc_info=exc)
                error = ProviderError(f"{type(exc).__name__} in the realtime model's provider")
                error.__cause__ = exc
            if self._renewing:
                self._renewing = False
                self._user.link_ended(None)
                continue
            failures += 1
            if not error.retryable or failures >= _TRIES:
                self.lost = error
                self._settled.set()
                self._user.link_ended(error)
                self._user.given_up(error)
                return
            self._emitter.tell_error("realtime", error.reason, str(error))
            self._user.link_ended(error)
            await asyncio.sleep(_BACKOFF * 2 ** (failures - 1))

    def _setup(self) -> RealtimeSetup:
        instructions, tools = self._memory.begin()
        return RealtimeSetup(
            sample_rate=self._rate,
            instructions=instructions,
            tools=tools,
            hears=self._hears,
            speaks=self._speaks,
        )

    def _begin(self, link: RealtimeConversation) -> None:
        self.current = link
        self._memory.tell(link)
        if self._speaking or self._model.detects_turns:
            self._push_kept()
        if self._model.longest is not None:
            wait = max(0.0, self._model.longest - _RENEW_BEFORE)
            last = clock.now() + max(wait, self._model.longest - _RENEW_AT_LAST)
            self._renewal = asyncio.get_running_loop().call_later(wait, self._renew, last)
        self._settled.set()

    def _end(self) -> None:
        self.current = None
        self._settled.clear()
        if self._renewal is not None:
            self._renewal.cancel()
            self._renewal = None

    def _renew(self, last: float) -> None:
        """Let a fresh connection take over, as soon as nobody speaks."""
        if (self._user.busy or self._speaking) and clock.now() < last:
            self._renewal = asyncio.get_running_loop().call_later(1.0, self._renew, last)
        else:
            self.replace()

    def _take(self, event: RealtimeEvent) -> None:
        match event:
            case CallerSpeech():
                self._speaking = event.speaking
            case CallerCommitted():
                self._frames.clear()
            case _:
                pass
        self._user.take(event)


class RealtimeEars(STT):
    """Lets the realtime model hear what a recogniser would: a recogniser that gives no words.

    So what silences or changes the caller's audio for recognisers does so for the model.
    """

    name = "realtime"

    def __init__(self, hear: Callable[[bytes], None]) -> None:
        """`hear` takes the audio."""
        self._hear = hear

    def listen(self, sample_rate: int) -> Hearing:
        """Open a stream."""
        return _RealtimeHearing(self._hear)


class _RealtimeHearing(Hearing):
    def __init__(self, hear: Callable[[bytes], None]) -> None:
        self._hear = hear
        self._closed = asyncio.Event()

    def push(self, pcm: bytes) -> None:
        if not self._closed.is_set():
            self._hear(pcm)

    def flush(self) -> None:
        """The model finds the ends of turns by itself, or is told of them."""

    async def transcripts(self) -> AsyncIterator[Transcript]:
        await self._closed.wait()
        nothing: tuple[Transcript, ...] = ()
        for transcript in nothing:
            yield transcript

    async def aclose(self) -> None:
        self._closed.set()
