"""Voices that stand in for each other, in the middle of a sentence if need be."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Unpack

from hookflash.audio.frames import duration_ms
from hookflash.errors import HookflashError
from hookflash.providers.base import TTS, SpeechChunk, WordTime
from hookflash.providers.fallback.base import (
    Fallback,
    HealthOptions,
    Slot,
    is_request,
    positive,
)

__all__ = ["FallbackTTS"]

# A spoken unit: a word with its punctuation, or one sign of a script without spaces.
_WIDE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"[^\s{_WIDE}]*[{_WIDE}][^\s\w]*|[^\s{_WIDE}]+")
# Engines may speak "5 km" as three words, or leave out a dash: look a little ahead.
_AHEAD = 4
# How long a letter lasts, and the gap behind a word in letters: fitted to espeak-ng at 165 words
# a minute (as `hookflash.pipeline.heard`), until the voice shows its own pace.
_MS_PER_LETTER = 44.0
_GAP = 2
# A word was spoken if all but so much of it was: the rest is the gap behind it.
_TAIL_MS = 50.0


class FallbackTTS(Fallback[TTS], TTS):
    """Several voices, the best first: the words that one leaves unspoken, the next speaks.

    When a voice breaks off, the next one begins at the first word that was not spoken to its end.
    Where that is, the word times say; of a voice that gives none, the length of the audio beside
    the pace at which it spoke before. Nothing is left out: a word cut in two is spoken again.
    If no voice is left, the last error is raised.

    Its identity is that of the voice which is asked at present.
    """

    stage = "tts"

    def __init__(
        self,
        providers: Sequence[TTS],
        *,
        first_audio_timeout: float = 3.0,
        idle_timeout: float = 3.0,
        prepare_timeout: float = 30.0,
        **health: Unpack[HealthOptions],
    ) -> None:
        """Take the voices.

        Args:
            providers: the best first.
            first_audio_timeout: seconds within which a text's first audio must come.
            idle_timeout: seconds within which its next audio must come.
            prepare_timeout: seconds within which a voice must be prepared.
            **health: when a voice is left alone, and for how long: `BreakerConfig`.

        Raises:
            UsageError: no voice, one twice, or something else.
            ConfigError: a number is out of its range.
        """
        super().__init__(providers, TTS, prepare_timeout=prepare_timeout, health=health)
        self._first_within = positive("first_audio_timeout", first_audio_timeout)
        self._next_within = positive("idle_timeout", idle_timeout)
        self._pace: dict[Slot[TTS], float] = {}

    @property
    def identity(self) -> str:
        """That of the voice which is asked at present."""
        return self.current.identity

    def variant(self, *, voice: str | None = None, language: str | None = None) -> "FallbackTTS":
        """Return the same voices for another language, without those that do not know it.

        `voice` is one of the first one's vendor; the others keep theirs.

        Raises:
            UsageError: the first has no such voice, or none knows the language.
        """
        first = self.slots[0].provider

        def vary(tts: TTS) -> TTS:
            if voice is not None and tts is first:
                return tts.variant(voice=voice, language=language)
            return tts if language is None else tts.variant(language=language)

        if voice is not None:
            first.variant(voice=voice, language=language)
        return self.variants(vary)

    async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak a text, streaming, by whichever voice works. See `TTS.speak`.

        Raises:
            HookflashError: the last voice that was asked failed, or the request is wrong.
        """
        rest = text
        begin_ms = 0.0
        tried: list[Slot[TTS]] = []
        failure: HookflashError | None = None
        while (slot := self.next_slot(tried)) is not None:
            tried.append(slot)
            part = _Part(rest, sample_rate, begin_ms)
            speech = self.ask(
                slot,
                _request(rest, sample_rate),
                first_within=self._first_within,
                next_within=self._next_within,
                counts=_counts,
                may_be_empty=not any(sign.isalnum() for sign in rest),
            )
            try:
                async with aclosing(speech) as chunks:
                    async for chunk in chunks:
                        yield part.take(chunk)
            except HookflashError as exc:
                if is_request(exc):
                    raise
                failure = exc
                rest = rest[part.spoken(self._pace.get(slot, _MS_PER_LETTER)) :]
                begin_ms += part.ms
                if rest.strip():
                    continue
                return  # it failed behind its last word
            if part.ms and (letters := sum(map(_weight, _TOKEN.findall(rest)))):
                self._pace[slot] = part.ms / letters
            if words := part.words_left():
                yield SpeechChunk(pcm=b"", words=words)
            return
        assert failure is not None
        raise failure


def _request(text: str, sample_rate: int) -> Callable[[TTS], AsyncGenerator[SpeechChunk, None]]:
    return lambda tts: tts.speak(text, sample_rate)


def _counts(chunk: SpeechChunk) -> bool:
    return len(chunk.pcm) > 1


def _weight(token: str) -> int:
    return len(token) + _GAP


class _Part:
    """What one voice has spoken of its text.

    Attributes:
        ms: how much audio it gave.
    """

    def __init__(self, text: str, sample_rate: int, begin_ms: float) -> None:
        """Begin, so many milliseconds behind the start of the whole text."""
        self.ms = 0.0
        self._text = text
        self._rate = sample_rate
        self._begin_ms = begin_ms
        self._odd = b""
        self._known: list[WordTime] = []
        self._told = 0

    def take(self, chunk: SpeechChunk) -> SpeechChunk:
        """Return what may be given out: whole samples, and the words that they end."""
        pcm = self._odd + chunk.pcm
        whole = len(pcm) & ~1
        pcm, self._odd = pcm[:whole], pcm[whole:]
        self.ms += duration_ms(pcm, self._rate)
        self._known += chunk.words
        first = self._told
        while self._told < len(self._known) and self._known[self._told].end_ms <= self.ms:
            self._told += 1
        return SpeechChunk(pcm=pcm, words=self._shifted(first, self._told))

    def words_left(self) -> tuple[WordTime, ...]:
        """Return the words whose end lies behind the audio, when all audio was given."""
        return self._shifted(self._told, len(self._known))

    def spoken(self, ms_per_letter: float) -> int:
        """Return where in the text the first word begins that was not spoken to its end."""
        tokens = list(_TOKEN.finditer(self._text))
        if not self.ms or not tokens:
            return 0
        done = self._by_times(tokens) if self._known else self._by_pace(tokens, ms_per_letter)
        return tokens[done].start() if done < len(tokens) else len(self._text)

    def _by_times(self, tokens: list[re.Match[str]]) -> int:
        plain = [_plain(token[0]) for token in tokens]
        done = 0
        for word in self._known:
            if word.end_ms - _TAIL_MS > self.ms:
                break
            ahead = plain[done : done + _AHEAD]
            if (name := _plain(word.word)) and name in ahead:
                done += ahead.index(name) + 1
        return done

    def _by_pace(self, tokens: list[re.Match[str]], ms_per_letter: float) -> int:
        end = 0.0
        for index, token in enumerate(tokens):
            end += _weight(token[0]) * ms_per_letter
            if end - _TAIL_MS > self.ms:
                return index
        # It broke off, so something is missing, whatever the pace says.
        return len(tokens) - 1

    def _shifted(self, first: int, last: int) -> tuple[WordTime, ...]:
        return tuple(
            WordTime(word=word.word, end_ms=word.end_ms + self._begin_ms)
            for word in self._known[first:last]
        )


def _plain(word: str) -> str:
    return "".join(sign for sign in word.casefold() if sign.isalnum())
