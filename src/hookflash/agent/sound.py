"""The sounds around a session's speech: background, thinking, music on hold."""

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from typing import Literal, TypeAlias

import msgspec

from hookflash.agent.emitter import Emitter
from hookflash.errors import ConfigError, HookflashError, LegClosed, SessionClosed
from hookflash.events.session import AgentState, AgentStateChanged
from hookflash.events.sound import SoundEnded, SoundKind, SoundStarted
from hookflash.legs.base import Leg
from hookflash.pipeline.bed import Bed
from hookflash.pipeline.sound import SoundSource, check_source, sound_of
from hookflash.runtime import clock
from hookflash.runtime.tasks import TaskOwner

__all__ = ["BackgroundAudioHandlerConfig", "HoldMusic", "SessionSound", "ThinkingAudio"]

_Say: TypeAlias = Callable[[str], Awaitable[object]]

_DUCK_DB = 14.0
_CHANGE = 0.4
# A sound that gives way to speech or to the session's end is gone before the second syllable.
_HUSH = 0.15
_THINKS = frozenset({AgentState.THINKING, AgentState.TOOL_RUNNING})
_SPEAKS = frozenset({AgentState.SPEAKING, AgentState.CLOSING})


# A dataclass, for only that takes fields by place and others by name alone.
@dataclass(frozen=True, slots=True)
class BackgroundAudioHandlerConfig:
    """A sound in the background of a call.

    Raises:
        ConfigError: a field is out of its range, or there is no such file.
    """

    file_path: SoundSource
    """A file, a built-in sound's name (`office`, `hold_music`, ...) or a `Sound`."""
    enabled: bool = True
    """False plays nothing."""
    mode: Literal["playback", "mixing"] = "playback"
    """For programs that come from VideoSDK. Here each sound is mixed under what is said, so both
    words mean the same."""
    volume: float = 1.0
    """Factor from 0 to 1. Not more: what is louder than its own file clips, on some calls and at
    some moments only."""
    looping: bool = False
    """Begin again where it ends, until it is stopped."""
    _: KW_ONLY
    fade_in: float = _CHANGE
    """Seconds, 0 to 60, until it is at its volume; the sound before it fades out as long."""
    fade_out: float = _CHANGE
    """Seconds, 0 to 60, in which it is gone when it is stopped."""
    duck_db: float = _DUCK_DB
    """Decibels, 0 or more, by which it is softer while the agent speaks. 14 leave it audible and
    every word clear; infinity hushes it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_source(self.file_path, "file_path")
        if self.mode not in ("playback", "mixing"):
            msg = f"mode is {self.mode!r}; give 'playback' or 'mixing'"
            raise ConfigError(msg)
        _check("volume", self.volume, 1.0)
        _check("fade_in", self.fade_in, 60.0)
        _check("fade_out", self.fade_out, 60.0)
        _check("duck_db", self.duck_db, math.inf)


class ThinkingAudio(msgspec.Struct, frozen=True):
    """What is heard while the agent thinks or a tool runs and nothing is said.

    Raises:
        ConfigError: a field is out of its range, or there is no such file.
    """

    file: SoundSource = "keyboard"
    """A file, a built-in sound's name or a `Sound`; it loops."""
    volume: float = 0.3
    """Factor from 0 to 1."""
    delay: float = 0.6
    """Seconds, 0 to 60, of thinking before it begins: a quick answer needs no typing."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_source(self.file, "file")
        _check("volume", self.volume, 1.0)
        _check("delay", self.delay, 60.0)


class HoldMusic(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller on hold hears.

    Raises:
        ConfigError: a field is out of its range, or there is no such file.
    """

    music: SoundSource | None = "hold_music"
    """A file, a built-in sound's name or a `Sound`; it loops. None plays nothing."""
    volume: float = 0.8
    """Factor from 0 to 1."""
    comfort: Sequence[str] | Callable[[float], str | None] = (
        "Thank you for holding. Somebody will be with you shortly.",
        "Thank you for your patience. You are still in line.",
    )
    """Lines that are said by turns over the music; or a function that is given the seconds waited
    so far and returns a line, such as an estimate of the rest, or None for none. Empty says
    nothing."""
    comfort_every: float = 30.0
    """Seconds, 1 or more, of music between two lines."""

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if self.music is not None:
            check_source(self.music, "music")
        _check("volume", self.volume, 1.0)
        if isinstance(self.comfort, str):
            msg = "comfort is one text; give a list of lines, such as [text]"
            raise ConfigError(msg)
        if not 1.0 <= self.comfort_every < math.inf:
            msg = f"comfort_every is {self.comfort_every!r}; give seconds, 1 or more"
            raise ConfigError(msg)


def _check(field: str, value: float, most: float) -> None:
    # Not-a-number fails this too.
    if not 0.0 <= value <= most:
        msg = f"{field} is {value!r}; give a number from 0 to {most:g}"
        raise ConfigError(msg)


def _by_turns(lines: Sequence[str]) -> Callable[[float], str]:
    turns = itertools.cycle(lines)
    return lambda _: next(turns)


class SessionSound:
    """Lays sounds under the speech of one session. Made inside a running loop.

    There is at most one sound of each kind. All go on when the agent is interrupted; the
    thinking sound alone ends with the first word.
    """

    def __init__(
        self,
        leg: Leg,
        *,
        emitter: Emitter,
        owner: TaskOwner,
        thinking: Callable[[], ThinkingAudio | None],
    ) -> None:
        """Follow the agent's state, as the emitter tells it.

        Args:
            leg: who hears the sounds.
            emitter: tells `AgentStateChanged`, and is told when sounds begin and end.
            owner: whose tasks load files and say comfort lines.
            thinking: gives the present agent's thinking sound; None has none.
        """
        self._leg = leg
        self._emitter = emitter
        self._owner = owner
        self._thinking_audio = thinking
        self._loop = asyncio.get_running_loop()
        self._beds: dict[SoundKind, Bed] = {}
        # Counts what was asked for: while one file is loaded another may be wanted, or none.
        self._wishes: Counter[SoundKind] = Counter()
        self._fade_out = 0.0
        self._over_thinking = True
        self._state = AgentState.STARTING
        self._asked_to_think = False
        self._think_timer: asyncio.TimerHandle | None = None
        self._on_hold = False
        self._holds: dict[str, tuple[HoldMusic, _Say]] = {}
        self._comforting: asyncio.Task[None] | None = None
        self._closed = False
        emitter.on(AgentStateChanged, self._state_changed)

    # Background.

    async def play_background_audio(
        self, config: BackgroundAudioHandlerConfig, override_thinking: bool = True
    ) -> None:
        """Play a sound in the background, in place of the one that plays: the two cross-fade.

        Returns when it has begun. A file is loaded in a thread, once for all calls.

        Args:
            config: what, and how.
            override_thinking: True lets the thinking sound be heard over it; False keeps it away
                while this plays.

        Raises:
            ConfigError: the file cannot be read; the message says why.
            MissingExtra: it needs `hookflash[sound]`.
        """
        if not config.enabled:
            return
        wish = self._wish(SoundKind.BACKGROUND)
        pcm, label = await self._load(config.file_path)
        if self._gone or wish != self._wishes[SoundKind.BACKGROUND]:
            return
        self._fade_out = config.fade_out
        self._over_thinking = override_thinking

        def over() -> None:
            # Whoever hears of it may speak or interrupt: not in the middle of a frame.
            self._loop.call_soon(self._ran_out, bed)

        bed = Bed(
            pcm,
            self._leg.sample_rate,
            volume=config.volume,
            looping=config.looping,
            fade_in=_CHANGE if self._on_hold else config.fade_in,
            duck_db=config.duck_db,
            on_over=over,
        )
        if self._on_hold:
            bed.fade(0.0, 0.0)
        self._lay(SoundKind.BACKGROUND, bed, label, instead=config.fade_in)
        self._review_thinking()

    async def stop_background_audio(self) -> None:
        """Fade the background out. Nothing happens if there is none."""
        self._wish(SoundKind.BACKGROUND)
        self._over_thinking = True
        self._lift(SoundKind.BACKGROUND, self._fade_out)
        self._review_thinking()

    # Thinking.

    async def start_thinking_audio(self) -> None:
        """Play the thinking sound now, until the agent speaks or `stop_thinking_audio`.

        The session does this by itself when the agent has thought for a while, if the agent has
        a thinking sound. One that has none gets the built-in keyboard here.

        Raises:
            ConfigError, MissingExtra: as `play_background_audio`.
        """
        self._asked_to_think = True
        await self._think_aloud()

    async def stop_thinking_audio(self) -> None:
        """Hush the thinking sound until the agent thinks anew. Idempotent."""
        self._stop_thinking()

    # Hold.

    def hold(self, config: HoldMusic, say: _Say, *, reason: str) -> None:
        """Put music under the call, hush all other sounds, and say comfort lines over it.

        Returns at once. A file that cannot be loaded is an `error` event; the lines are said
        all the same. Of several reasons the newest has its music.

        Args:
            config: what, and how often.
            say: says a line; awaiting it waits until the line was heard.
            reason: for `unhold`.
        """
        self._holds.pop(reason, None)
        self._holds[reason] = (config, say)
        self._play_on_hold(config, say)

    def _play_on_hold(self, config: HoldMusic, say: _Say) -> None:
        wish = self._wish(SoundKind.HOLD)
        self._on_hold = True
        self._end_comfort()
        self._stop_thinking()
        if SoundKind.BACKGROUND in self._beds:
            self._beds[SoundKind.BACKGROUND].fade(0.0, _CHANGE)
        if config.music is None:
            self._lift(SoundKind.HOLD, _CHANGE)
        else:
            self._owner.start(self._lay_hold_music(config, config.music, wish), name="hold music")
        if config.comfort:
            self._comforting = self._owner.start(self._comfort(config, say), name="comfort")

    def unhold(self, reason: str) -> None:
        """Fade the music out, and let the background come back. Idempotent.

        Another reason that is left has its music again.
        """
        newest = next(reversed(self._holds), None)
        if self._holds.pop(reason, None) is None:
            return
        if not self._holds:
            self.lull()
        elif reason == newest or not self._on_hold:
            self._play_on_hold(*self._holds[next(reversed(self._holds))])

    def lull(self) -> None:
        """Be silent as if nobody were on hold, until the next `hold` or `unhold`. Idempotent."""
        if not self._on_hold:
            return
        self._wish(SoundKind.HOLD)
        self._on_hold = False
        self._end_comfort()
        self._lift(SoundKind.HOLD, _CHANGE)
        if SoundKind.BACKGROUND in self._beds:
            self._beds[SoundKind.BACKGROUND].fade(1.0, _CHANGE)
        self._review_thinking()

    async def _lay_hold_music(self, config: HoldMusic, music: SoundSource, wish: int) -> None:
        try:
            pcm, label = await self._load(music)
        except HookflashError as exc:
            self._emitter.tell_error("sound", exc.reason, str(exc))
            return
        if self._gone or wish != self._wishes[SoundKind.HOLD]:
            return
        bed = Bed(
            pcm,
            self._leg.sample_rate,
            volume=config.volume,
            looping=True,
            fade_in=_CHANGE,
            duck_db=_DUCK_DB,
        )
        self._lay(SoundKind.HOLD, bed, label, instead=_CHANGE)

    # The end.

    def close(self) -> None:
        """Fade everything out. Idempotent; afterwards nothing is played."""
        self._closed = True
        self._emitter.off(self._state_changed)
        self._end_comfort()
        self._stop_thinking()
        for kind in tuple(self._beds):
            self._lift(kind, _HUSH)

    @property
    def _gone(self) -> bool:
        return self._closed or self._leg.closed

    # Laying and lifting.

    def _wish(self, kind: SoundKind) -> int:
        self._wishes[kind] += 1
        return self._wishes[kind]

    async def _load(self, source: SoundSource) -> tuple[bytes, str]:
        sound = await sound_of(source)
        return await sound.ready(self._leg.sample_rate), sound.label

    def _lay(self, kind: SoundKind, bed: Bed, label: str, *, instead: float) -> None:
        self._lift(kind, instead)
        self._beds[kind] = bed
        self._leg.lay_bed(bed)
        self._emitter.tell(SoundStarted, sound=kind, label=label)

    def _lift(self, kind: SoundKind, within: float) -> None:
        bed = self._beds.pop(kind, None)
        if bed is not None:
            bed.fade_out(within)
            self._emitter.tell(SoundEnded, sound=kind)

    def _ran_out(self, bed: Bed) -> None:
        """A background that does not loop has ended by itself."""
        if self._beds.get(SoundKind.BACKGROUND) is bed:
            del self._beds[SoundKind.BACKGROUND]
            self._over_thinking = True
            self._emitter.tell(SoundEnded, sound=SoundKind.BACKGROUND)
            self._review_thinking()

    # When to think aloud.

    def _state_changed(self, event: AgentStateChanged) -> None:
        before, self._state = self._state, event.new
        if event.new in _THINKS:
            if before not in _THINKS:
                self._think_soon()
        elif event.new in _SPEAKS or not self._asked_to_think:
            self._stop_thinking()

    def _think_soon(self) -> None:
        audio = self._thinking_audio()
        if audio is not None and self._think_timer is None and not self._closed:
            self._think_timer = self._loop.call_later(audio.delay, self._thought_for_long)

    def _thought_for_long(self) -> None:
        self._think_timer = None
        self._owner.start(self._think_aloud_unasked(), name="thinking sound")

    async def _think_aloud_unasked(self) -> None:
        try:
            await self._think_aloud()
        except HookflashError as exc:
            self._emitter.tell_error("sound", exc.reason, str(exc))

    def _may_think_aloud(self) -> bool:
        wanted = self._asked_to_think or self._state in _THINKS
        return wanted and self._over_thinking and not self._on_hold and not self._gone

    async def _think_aloud(self) -> None:
        if not self._may_think_aloud() or SoundKind.THINKING in self._beds:
            return
        wish = self._wish(SoundKind.THINKING)
        audio = self._thinking_audio() or ThinkingAudio()
        pcm, label = await self._load(audio.file)
        # The agent may have spoken, and begun to think anew, while a file was loaded.
        if wish != self._wishes[SoundKind.THINKING] or not self._may_think_aloud():
            return
        bed = Bed(
            pcm,
            self._leg.sample_rate,
            volume=audio.volume,
            looping=True,
            fade_in=_HUSH,
            duck_db=math.inf,
        )
        self._lay(SoundKind.THINKING, bed, label, instead=_HUSH)

    def _review_thinking(self) -> None:
        """What keeps the thinking sound away has come or gone."""
        if not self._may_think_aloud():
            self._lift(SoundKind.THINKING, _HUSH)
        elif SoundKind.THINKING not in self._beds:
            self._think_soon()

    def _stop_thinking(self) -> None:
        self._asked_to_think = False
        self._wish(SoundKind.THINKING)
        if self._think_timer is not None:
            self._think_timer.cancel()
            self._think_timer = None
        self._lift(SoundKind.THINKING, _HUSH)

    # Comfort.

    async def _comfort(self, config: HoldMusic, say: _Say) -> None:
        began = clock.now()
        next_line = config.comfort if callable(config.comfort) else _by_turns(config.comfort)
        with suppress(SessionClosed, LegClosed):
            while True:
                await asyncio.sleep(config.comfort_every)
                line = next_line(clock.now() - began)
                if line:
                    await say(line)

    def _end_comfort(self) -> None:
        if self._comforting is not None:
            self._comforting.cancel()
            self._comforting = None
