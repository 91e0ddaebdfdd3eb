"""Speech with espeak-ng, in a helper process: no key, no network, clear and robotic.

libespeak-ng is GPL, so it never enters this process: `espeak_helper` runs as a program of its own
and is spoken to over pipes. It needs a millisecond or two for a sentence, and one helper serves
all calls of the process, one sentence after the other. Where the package that carries the library
is missing, an installed `espeak-ng` program is used; it does not tell when words end.
"""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

import msgspec
import numpy as np

from hookflash.audio.frames import pcm_bytes, samples
from hookflash.audio.levels import amplitude
from hookflash.audio.resample import Resampler
from hookflash.errors import MissingExtra, ProviderError, UsageError
from hookflash.providers.base import TTS, SpeechChunk, WordTime

__all__ = ["EspeakTTS"]

Engine: TypeAlias = Literal["auto", "bundled", "system"]

_HELPER = Path(__file__).with_name("espeak_helper.py")
_LONGEST = 4_000
"""Characters of one text; a minute of speech is about 900."""
_MOST_BYTES = 64_000_000
_CHUNK_MS = 200
_PROGRAM_SECONDS = 30.0

# The level that telephone networks are planned for: active speech at about -20 dBm0, peaks below
# clipping (ITU-T G.121, P.56).
_SPEECH_DBFS = -20.0
_PEAK_DBFS = -3.0
# espeak-ng opens and closes sentences with up to 0.3 s of silence.
_SILENCE_DBFS = -50.0
_EDGE_MS = 30


class _Spoken(msgspec.Struct, frozen=True):
    """One text as the helper spoke it: samples at `rate`, and where each word begins."""

    wave: "np.ndarray[tuple[int], np.dtype[np.float64]]"
    rate: int
    words: tuple[tuple[int, int, float], ...]


class EspeakTTS(TTS):
    """A voice of espeak-ng."""

    name = "espeak"

    def __init__(
        self,
        voice: str = "en-us",
        *,
        words_per_minute: int = 165,
        pitch: int = 50,
        engine: Engine = "auto",
    ) -> None:
        """Choose a voice.

        Args:
            voice: language and variant, such as `en-us`, `en-gb`, `en-us+f3`.
            words_per_minute: 80 to 450.
            pitch: 0 to 99.
            engine: `bundled` is the library of `espeakng-loader`, `system` the program
                `espeak-ng` on the path, `auto` the first of the two that is there.

        Raises:
            UsageError: a number outside its range, or a voice that is no name.
        """
        if not 80 <= words_per_minute <= 450 or not 0 <= pitch <= 99:
            msg = "words_per_minute is 80 to 450, and pitch 0 to 99"
            raise UsageError(msg)
        if not voice or not voice.replace("-", "").replace("+", "").isalnum():
            msg = f"{voice!r} is no voice; try en-us, en-gb or en-us+f3"
            raise UsageError(msg)
        self._voice = voice
        self._words_per_minute = words_per_minute
        self._pitch = pitch
        self._engine: Engine = engine
        self._helper: _Helper | _System | None = None

    @property
    def identity(self) -> str:
        """Voice, speed, pitch, and which library speaks."""
        return f"espeak/{self._engine}/{self._voice}/{self._words_per_minute}/{self._pitch}"

    def variant(self, *, voice: str | None = None, language: str | None = None) -> "EspeakTTS":
        """Return the same with another voice; a language alone keeps the variant (`+f3`).

        Raises:
            UsageError: that is no name of a voice.
        """
        if voice is None and language is not None:
            variant = self._voice.partition("+")[2]
            voice = f"{language.lower()}+{variant}" if variant else language.lower()
        return EspeakTTS(
            voice or self._voice,
            words_per_minute=self._words_per_minute,
            pitch=self._pitch,
            engine=self._engine,
        )

    async def prepare(self) -> None:
        """Start the helper.

        Raises:
            MissingExtra: espeakng-loader is not installed.
            ProviderError: the helper does not work.
        """
        if self._helper is None:
            self._helper = self._choose()
            try:
                await asyncio.to_thread(self._helper.start)
            except BaseException:
                self._helper = None
                raise

    def _choose(self) -> "_Helper | _System":
        bundled = find_spec("espeakng_loader") is not None
        if self._engine == "system" or (self._engine == "auto" and not bundled):
            program = shutil.which("espeak-ng")
            if program is not None:
                return _System(program)
            if self._engine == "system":
                msg = "there is no program espeak-ng on the path; install it or use engine='auto'"
                raise ProviderError(msg)
        return _Helper()

    async def aclose(self) -> None:
        """End the helper."""
        helper, self._helper = self._helper, None
        if helper is not None:
            await asyncio.to_thread(helper.stop)

    async def speak(self, text: str, sample_rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """Speak a text; its words' ends are exact to a few milliseconds.

        Raises:
            ProviderError: the helper died, twice; or the voice does not exist.
            UsageError: the text is longer than 4,000 characters.
        """
        if len(text) > _LONGEST:
            msg = f"a text has at most {_LONGEST} characters; cut it into sentences"
            raise UsageError(msg)
        await self.prepare()
        assert self._helper is not None
        request = {
            "text": text,
            "voice": self._voice,
            "words_per_minute": self._words_per_minute,
            "pitch": self._pitch,
        }
        spoken = await asyncio.to_thread(self._helper.speak, request)
        pcm, words = _finish(spoken, text, sample_rate)
        size = 2 * (sample_rate * _CHUNK_MS // 1000)
        for start in range(0, len(pcm), size):
            until = (start + size) * 500 / sample_rate
            ready = tuple(word for word in words if word.end_ms <= until)
            words = words[len(ready) :]
            yield SpeechChunk(pcm=pcm[start : start + size], words=ready)
        if words:
            yield SpeechChunk(pcm=b"", words=tuple(words))


def _finish(spoken: _Spoken, text: str, sample_rate: int) -> tuple[bytes, list[WordTime]]:
    """Trim the silence at both ends, set the level, resample; return word ends to match."""
    wave = spoken.wave
    loud = np.flatnonzero(np.abs(wave) > amplitude(_SILENCE_DBFS))
    if not len(loud):
        return b"", []
    edge = spoken.rate * _EDGE_MS // 1000
    first = max(0, int(loud[0]) - edge)
    wave = wave[first : int(loud[-1]) + edge]
    level = float(np.sqrt(np.mean(wave[np.abs(wave) > amplitude(_SILENCE_DBFS)] ** 2)))
    gain = min(amplitude(_SPEECH_DBFS) / level, amplitude(_PEAK_DBFS) / float(np.max(np.abs(wave))))
    resampler = Resampler(spoken.rate, sample_rate)
    pcm = resampler.push(pcm_bytes(wave * gain)) + resampler.flush()
    total = len(pcm) * 500 / sample_rate
    shift = first * 1000 / spoken.rate
    if not spoken.words:
        return pcm, []
    begins = [(position, max(0.0, ms - shift)) for position, _, ms in spoken.words]
    return pcm, _word_ends(text, begins, total)


def _word_ends(text: str, begins: list[tuple[int, float]], total: float) -> list[WordTime]:
    """Give each written word the moment at which the next one that was spoken begins.

    Args:
        text: as it was spoken.
        begins: for each spoken word, its place in the text (from 1) and when it begins (ms).
        total: milliseconds of the whole.
    """
    ends: list[WordTime] = []
    position = 0
    for word in text.split():
        start = text.index(word, position)
        position = start + len(word)
        # "Dr." and "9.30" are several spoken words: what follows is what begins behind it.
        later = next((ms for place, ms in begins if place - 1 >= position), total)
        ends.append(WordTime(word=word, end_ms=min(later, total)))
    return ends


class _Helper:
    """The helper process. Its methods block; call them in a thread. Used by one at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._rate = 0

    def start(self) -> None:
        with self._lock:
            self._start()

    def stop(self) -> None:
        with self._lock:
            self._stop()

    def speak(self, request: Mapping[str, object]) -> _Spoken:
        line = json.dumps(request).encode() + b"\n"
        with self._lock:
            try:
                return self._exchange(line)
            except (OSError, EOFError):
                self._stop()
            try:
                self._start()
                return self._exchange(line)
            except (OSError, EOFError) as exc:
                self._stop()
                msg = "the espeak helper died twice at the same text"
                raise ProviderError(msg) from exc

    def _start(self) -> None:
        if find_spec("espeakng_loader") is None:
            package, extra = "espeakng-loader", "local"
            raise MissingExtra(package, extra)
        # Paths only: importing this package loads no library.
        import espeakng_loader

        self._process = subprocess.Popen(  # noqa: S603  # our own program, our own arguments
            [
                sys.executable,
                "-I",
                str(_HELPER),
                espeakng_loader.get_library_path(),
                espeakng_loader.get_data_path(),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            kind, body = self._part()
        except (OSError, EOFError) as exc:
            self._stop()
            msg = "the espeak helper did not start; is espeakng-loader's library for this machine?"
            raise ProviderError(msg) from exc
        if kind != b"R":
            self._stop()
            msg = f"the espeak helper did not start: {body.decode(errors='replace')}"
            raise ProviderError(msg)
        self._rate = int.from_bytes(body, "big")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(OSError):  # it is dead already, and what was to be written with it
            process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()

    def _exchange(self, line: bytes) -> _Spoken:
        if self._process is None:
            raise EOFError
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        audio = bytearray()
        words: list[tuple[int, int, float]] = []
        failed = ""
        while True:
            kind, body = self._part()
            match kind:
                case b"A":
                    audio += body
                case b"W":
                    position, length, ms = json.loads(body)
                    words.append((int(position), int(length), float(ms)))
                case b"X":
                    failed = body.decode(errors="replace")
                case _:
                    break
        if failed:
            msg = f"espeak: {failed}"
            raise ProviderError(msg)
        return _Spoken(samples(bytes(audio)).astype(np.float64), self._rate, tuple(words))

    def _part(self) -> tuple[bytes, bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        head = self._process.stdout.read(5)
        size = int.from_bytes(head[1:], "big")
        if len(head) < 5 or size > _MOST_BYTES:
            raise EOFError
        body = self._process.stdout.read(size)
        if len(body) < size:
            raise EOFError
        return head[:1], body


class _System:
    """An installed `espeak-ng`, run once for each text. Its methods block."""

    def __init__(self, program: str) -> None:
        self._program = program

    def start(self) -> None:
        """There is nothing to start."""

    def stop(self) -> None:
        """There is nothing to stop."""

    def speak(self, request: Mapping[str, object]) -> _Spoken:
        command = [self._program, "-v", str(request["voice"]), "-p", str(request["pitch"])]
        command += ["-s", str(request["words_per_minute"]), "--stdin", "--stdout"]
        try:
            done = subprocess.run(  # noqa: S603  # found on the path, arguments checked
                command,
                input=str(request["text"]).encode(),
                capture_output=True,
                timeout=_PROGRAM_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            msg = "the program espeak-ng could not be run"
            raise ProviderError(msg) from exc
        # A WAV header of 44 bytes; its sizes are wrong, since the program cannot seek in a pipe.
        if done.returncode != 0 or done.stdout[:4] != b"RIFF":
            msg = "the program espeak-ng could not speak this; is there such a voice?"
            raise ProviderError(msg)
        rate = int.from_bytes(done.stdout[24:28], "little")
        body = done.stdout[44:]
        return _Spoken(samples(body[: len(body) & ~1]).astype(np.float64), rate, ())
