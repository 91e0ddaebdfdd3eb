"""Which ears, mind and voice serve a session."""

import asyncio

import msgspec

from hookflash.errors import ConfigError, UsageError
from hookflash.pipeline.hooks import Hooks
from hookflash.providers.base import LLM, STT, TTS, VAD, Provider, TurnDetector
from hookflash.providers.realtime import RealtimeModel

__all__ = ["Pipeline", "changed", "differences"]


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A cascade: speech to text, language model, text to speech, with voice-activity detection.

    One pipeline may serve any number of sessions. What is None is simply absent: without `stt`
    the agent hears only keys, without `vad` turns end by what the recogniser says, without `llm`
    it says only what the program says, without `tts` only ready-made audio.

    With `realtime`, a model that hears and speaks is mind, ears and voice. Parts given beside it
    take over what it would do: with `stt` (and `vad`) we hear for it and give it the words, with
    `tts` it answers in text and we speak, with `vad` alone we notice interruptions.

    Attributes:
        stt: ears.
        llm: mind.
        tts: voice.
        vad: notices speech and silence.
        turn_detector: judges from the words whether the caller has finished; without one, the
            rules of the turn machine do.
        realtime: a speech-to-speech model, instead of `llm`.
        hooks: functions that see, and may change, what goes through:
            `@pipeline.hooks.on("llm.request")`.
    """

    stt: STT | None = None
    llm: LLM | None = None
    tts: TTS | None = None
    vad: VAD | None = None
    turn_detector: TurnDetector | None = None
    realtime: RealtimeModel | None = None
    hooks: Hooks = msgspec.field(default_factory=Hooks)

    def __post_init__(self) -> None:
        """Refuse parts that exclude each other.

        Raises:
            ConfigError: two minds, or nobody who notices the end of the caller's turn.
        """
        if self.realtime is None:
            return
        if self.llm is not None:
            msg = "realtime and llm are two minds: give Pipeline one of them"
            raise ConfigError(msg)
        if self.stt is None and self.vad is None and not self.realtime.detects_turns:
            msg = (
                "nobody would notice the end of the caller's turn: give the realtime model "
                "turn_detection, or Pipeline a vad"
            )
            raise ConfigError(msg)

    @classmethod
    def local(
        cls,
        *,
        stt: STT | None = None,
        llm: LLM | None = None,
        tts: TTS | None = None,
        vad: VAD | None = None,
    ) -> "Pipeline":
        """Everything on this machine, with no key and no network; parts can be replaced.

        Needs `pip install 'hookflash[local]'`. What to expect of it: see
        `docs/reference/local-speech.md`.
        """
        from hookflash.providers.local import local_providers  # loaded when chosen

        found = local_providers()
        return cls(
            stt=stt or found.stt, llm=llm or found.llm, tts=tts or found.tts, vad=vad or found.vad
        )

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Those that are there."""
        parts: tuple[Provider | None, ...] = (
            self.stt,
            self.llm,
            self.tts,
            self.vad,
            self.turn_detector,
            self.realtime,
        )
        return tuple(part for part in parts if part is not None)

    async def prepare(self) -> None:
        """Load and connect everything, at the same time. Idempotent.

        Raises:
            MissingExtra: a package is not installed.
            ProviderError: a provider cannot work as configured.
        """
        await asyncio.gather(*(provider.prepare() for provider in self.providers))

    async def aclose(self) -> None:
        """Free everything. Idempotent; sessions that use it must be closed."""
        for provider in self.providers:
            await provider.aclose()


def changed(
    pipeline: Pipeline,
    *,
    stt: STT | None = None,
    llm: LLM | None = None,
    tts: TTS | None = None,
    vad: VAD | None = None,
    voice: str | None = None,
    language: str | None = None,
) -> Pipeline:
    """Return a pipeline with other parts, or variants of them; what is None stays.

    Raises:
        UsageError: a part has no such voice or language, or is not there.
        ConfigError: the parts exclude each other.
    """
    tts, stt = tts or pipeline.tts, stt or pipeline.stt
    if voice is not None or language is not None:
        if tts is None:
            msg = "there is no synthesiser whose voice or language could be changed"
            raise UsageError(msg)
        tts = tts.variant(voice=voice, language=language)
    if language is not None and stt is not None:
        stt = stt.variant(language=language)
    return msgspec.structs.replace(
        pipeline, stt=stt, llm=llm or pipeline.llm, tts=tts, vad=vad or pipeline.vad
    )


def differences(one: Pipeline, other: Pipeline) -> tuple[str, ...]:
    """Return the names of the parts in which two pipelines differ."""
    names = ("stt", "llm", "tts", "vad")
    return tuple(name for name in names if getattr(one, name) is not getattr(other, name))
