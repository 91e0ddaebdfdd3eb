"""Speech to text with PocketSphinx: no key, no network, and the limits that come with it.

Over the telephone it listens by grammar: it tells apart the things that a caller is likely to
say next (`hookflash.providers.grammar`), which works; it cannot take down free speech there. At
16 kHz, close to a microphone, it can take dictation, with about one word in four wrong.

Decoding happens on the loop's thread, in slices of a few milliseconds. A thread would not help:
the decoder holds Python's global lock while it works. A caller who is silent costs nothing, one
who speaks about 5 % of a core in grammar mode and 7 % in dictation.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, cast

import msgspec
import numpy as np

from hookflash.audio.frames import Framer
from hookflash.audio.resample import Resampler
from hookflash.errors import MissingExtra, ProviderError, UsageError
from hookflash.events.turn import ExpectationSet
from hookflash.providers.base import STT, Hearing, Transcript
from hookflash.providers.chat import ToolSchema
from hookflash.providers.grammar import Grammar, build_grammar
from hookflash.providers.loudness_gate import LoudnessGate
from hookflash.providers.pronunciations import Pronunciations

__all__ = ["PocketsphinxHearing", "PocketsphinxSTT"]

Mode: TypeAlias = Literal["grammar", "dictation"]

_RATE = 16_000  # What the model was trained on.
_FRAME = 0.01  # Seconds of one of the decoder's frames.
_BLOCK = 0.02  # Seconds of one of ours.

# How unlike its words speech may sound before it is taken for something else: the mean distance,
# per frame, between the words' sounds and the best sounds of the whole model, in nats. Measured:
# docs/reference/local-speech.md.
_UNLIKE = 7.5
# The decoder keeps a path's score in steps of 2**10 of its own unit (SENSCR_SHIFT in its sources)
# and gives it out as if they were whole units.
_SCORE_STEP = 1024.0
# How fast certainty falls around that limit.
_STEEPNESS = 1.5

# Where the features of speech lie on average, so that a call's first words are heard as well as
# its later ones; the decoder adapts from there. At 8 kHz means over eight synthetic voices at
# -20 dBFS through mu-law; at 16 kHz those that the model comes with.
_MEANS = {
    8_000: "47.2,-6.0,-0.2,5.1,-1.7,-6.4,-4.3,-2.6,-8.2,1.3,-4.9,2.4,-2.2",
    16_000: "40,3,-1",
}

_PREROLL = 20  # Blocks before the first loud one that belong to the speech: soft consonants.
_QUIET = 75  # Quiet blocks after which speech is over even if nobody said so.
_LONGEST = 1_500  # Blocks of one segment.
_PARTIAL_EVERY = 5  # Blocks.
_BLOCKS_PER_SLICE = 5  # What is decoded in one go before the loop may do other things.
_SEARCHES_KEPT = 8  # Grammars that a decoder keeps, so that returning to one costs nothing.
_GRAMMARS_KEPT = 256

_log = logging.getLogger("hookflash.pocketsphinx")


class PocketsphinxSTT(STT):
    """The recogniser.

    In grammar mode each call has a decoder of its own: 15 ms to make, 5 MB. In dictation mode one
    takes 0.25 s and tens of MB; `prepare` makes the first.
    """

    name = "pocketsphinx"

    def __init__(
        self,
        *,
        mode: Mode = "grammar",
        phrases: Iterable[str] = (),
        rejection: float | None = _UNLIKE,
    ) -> None:
        """Configure; nothing is loaded before `prepare` or the first `listen`.

        Args:
            mode: `grammar` for telephones, `dictation` for a microphone at 16 kHz or more.
            phrases: what callers say besides the phrases of the agent's tools; grammar mode only.
            rejection: how unlike every phrase speech may sound before it counts as not
                understood, in nats per frame; higher accepts more. None takes everything for a
                phrase and halves the work.
        """
        self._mode: Mode = mode
        self._phrases = tuple(phrases)
        self._rejection = rejection
        self._model: _Model | None = None
        self._grammars: dict[tuple[ExpectationSet | None, tuple[str, ...]], Grammar] = {}

    async def prepare(self) -> None:
        """Open the dictionary and make the first decoder.

        Raises:
            MissingExtra: `pocketsphinx` is not installed.
            ProviderError: its model cannot be loaded.
        """
        self._load().warm()

    async def aclose(self) -> None:
        """Forget the model. Streams that are open keep theirs."""
        self._model = None
        self._grammars.clear()

    def listen(self, sample_rate: int) -> "PocketsphinxHearing":
        """Open a stream for one call.

        Args:
            sample_rate: Hz; a multiple of 50, at least 8000 (16000 for dictation).

        Raises:
            UsageError: that rate cannot be used.
            MissingExtra: `pocketsphinx` is not installed.
            ProviderError: its model cannot be loaded.
        """
        lowest = 8_000 if self._mode == "grammar" else _RATE
        if sample_rate < lowest:
            msg = f"{self._mode} needs {lowest} Hz or more, not {sample_rate}"
            if self._mode == "dictation":
                msg += "; over the telephone use mode='grammar'"
            raise UsageError(msg)
        model = self._load()
        recogniser = _Recogniser(model, model.take(sample_rate), self._rejection)
        return PocketsphinxHearing(self, recogniser, sample_rate)

    def grammar(
        self, expectation: ExpectationSet | None, phrases: tuple[str, ...]
    ) -> Grammar | None:
        """Return the grammar for a turn; None in dictation mode."""
        if self._mode == "dictation":
            return None
        key = (expectation, phrases)
        grammar = self._grammars.get(key)
        if grammar is None:
            known = self._load().pronunciations.__contains__
            grammar = build_grammar(expectation, (*self._phrases, *phrases), known)
            if grammar.left_out:
                _log.warning(
                    "not listened for, since a word is not in the dictionary: %s",
                    ", ".join(repr(phrase) for phrase in grammar.left_out),
                )
            while len(self._grammars) >= _GRAMMARS_KEPT:
                del self._grammars[next(iter(self._grammars))]
            self._grammars[key] = grammar
        return grammar

    def _load(self) -> "_Model":
        if self._model is None:
            self._model = _Model(self._mode, compare=self._rejection is not None)
        return self._model


class PocketsphinxHearing(Hearing):
    """One call's stream. Made by `PocketsphinxSTT.listen`.

    Each flush is answered by exactly one final transcript, empty if nothing was understood. A
    segment that no flush ends is over after 1.5 s of quiet, or after 30 s; its final comes by
    itself, unless it is empty.
    """

    def __init__(self, stt: PocketsphinxSTT, recogniser: "_Recogniser", sample_rate: int) -> None:
        """Begin to listen for what callers say at any time."""
        self._stt = stt
        self._recogniser = recogniser
        self._loop = asyncio.get_running_loop()
        self._framer = Framer(sample_rate)
        self._gate = LoudnessGate(_BLOCK)
        self._resampler: Resampler | None = None
        if sample_rate not in {8_000, _RATE}:
            self._resampler = Resampler(sample_rate, _RATE)
        self._twice = sample_rate == 8_000
        self._todo: deque[bytes | _Flush | _Expect] = deque()
        self._scheduled = False
        self._closed = False
        self._out: asyncio.Queue[Transcript | ProviderError | None] = asyncio.Queue()
        self._before: deque[bytes] = deque(maxlen=_PREROLL)
        self._listening = False
        self._blocks = 0
        self._began = 0
        self._quiet = 0
        self._partial = ""
        self._next_grammar = stt.grammar(None, ())
        self._recogniser.use(self._next_grammar)

    def push(self, pcm: bytes) -> None:
        """Take the next audio; it is decoded once the loop is free."""
        self._add(*self._framer.push(pcm))

    def flush(self) -> None:
        """Ask for the final words of what was pushed so far."""
        self._add(_Flush())

    def expect(self, expectation: ExpectationSet, tools: Sequence[ToolSchema] = ()) -> None:
        """Listen for this from the next segment on."""
        phrases = tuple(phrase for tool in tools for phrase in tool.phrases)
        self._add(_Expect(expectation, phrases))

    async def transcripts(self) -> AsyncGenerator[Transcript, None]:
        """Iterate over transcripts until the stream is closed.

        Raises:
            ProviderError: the decoder failed.
        """
        while (found := await self._out.get()) is not None:
            if isinstance(found, ProviderError):
                raise found
            yield found

    async def aclose(self) -> None:
        """End the stream. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._todo.clear()
        self._recogniser.close()
        self._out.put_nowait(None)

    def _add(self, *todo: "bytes | _Flush | _Expect") -> None:
        if self._closed:
            return
        self._todo.extend(todo)
        if self._todo and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._work)

    def _work(self) -> None:
        """Do a slice of what is to do."""
        self._scheduled = False
        try:
            for _ in range(min(_BLOCKS_PER_SLICE, len(self._todo))):
                self._do(self._todo.popleft())
        except (RuntimeError, ValueError, KeyError) as exc:  # what the decoder raises
            error = ProviderError("pocketsphinx failed while decoding")
            error.__cause__ = exc
            self._closed = True
            self._todo.clear()
            self._out.put_nowait(error)
            return
        self._add()

    def _do(self, todo: "bytes | _Flush | _Expect") -> None:
        match todo:
            case bytes():
                self._hear(todo)
            case _Flush():
                self._finish(flushed=True)
            case _Expect():
                self._next_grammar = self._stt.grammar(todo.expectation, todo.phrases)
                if not self._listening:
                    self._recogniser.use(self._next_grammar)

    def _hear(self, block: bytes) -> None:
        self._blocks += 1
        loud = self._gate.push(block)
        if self._resampler is not None:
            block = self._resampler.push(block)
        elif self._twice:
            # Every sample twice: the mirror image above 4 kHz is wrong, but nearer to what the
            # model knows of consonants than nothing at all.
            block = np.repeat(np.frombuffer(block, dtype=np.int16), 2).tobytes()
        if not self._listening:
            self._before.append(block)
            if loud:
                self._begin()
            return
        self._recogniser.feed(block)
        self._quiet = 0 if loud else self._quiet + 1
        lasted = self._blocks - self._began
        if self._quiet >= _QUIET or lasted >= _LONGEST:
            self._finish(flushed=False)
        elif lasted % _PARTIAL_EVERY == 0:
            self._tell_partial()

    def _begin(self) -> None:
        self._recogniser.use(self._next_grammar)
        self._recogniser.begin()
        for block in self._before:
            self._recogniser.feed(block)
        self._began = self._blocks - len(self._before)
        self._before.clear()
        self._listening = True
        self._quiet = 0
        self._partial = ""

    def _tell_partial(self) -> None:
        text = self._recogniser.partial()
        if text and text != self._partial:
            self._partial = text
            self._out.put_nowait(Transcript(text=text, final=False))

    def _finish(self, *, flushed: bool) -> None:
        if not self._listening:
            if flushed:
                self._out.put_nowait(Transcript(text="", final=True))
            return
        self._listening = False
        heard = self._recogniser.finish()
        if heard.text or flushed:
            offset = self._began * _BLOCK
            transcript = Transcript(
                text=heard.text,
                final=True,
                confidence=heard.confidence,
                start=offset + heard.start if heard.text else None,
                end=offset + heard.end if heard.text else None,
            )
            self._out.put_nowait(transcript)


class _Flush(msgspec.Struct, frozen=True):
    """Give the final words."""


class _Expect(msgspec.Struct, frozen=True):
    """Use another grammar from now on."""

    expectation: ExpectationSet
    phrases: tuple[str, ...]


class _Heard(msgspec.Struct, frozen=True):
    """A segment's words; times are seconds from its beginning."""

    text: str
    confidence: float | None = None
    start: float = 0.0
    end: float = 0.0


# The package has no type hints; these are the parts of it that are used here.


class _Segment(Protocol):
    word: str
    start_frame: int
    end_frame: int
    ascore: float


class _Hypothesis(Protocol):
    hypstr: str


class _Decoder(Protocol):
    def add_word(self, word: str, phones: str, update: bool) -> int | None: ...
    def add_jsgf_string(self, name: str, jsgf_string: str) -> None: ...
    def remove_search(self, search_name: str) -> None: ...
    def activate_search(self, search_name: str) -> None: ...
    def set_cmn(self, cmn: str) -> None: ...
    def start_utt(self) -> None: ...
    def process_raw(self, data: bytes, no_search: bool, full_utt: bool) -> int: ...
    def end_utt(self) -> None: ...
    def hyp(self) -> _Hypothesis | None: ...
    def seg(self) -> Iterable[_Segment] | None: ...


class _Package(Protocol):
    def Config(self, **settings: object) -> object: ...  # noqa: N802  # its own spelling
    def Decoder(self, config: object) -> _Decoder: ...  # noqa: N802  # its own spelling


class _Model:
    """What all decoders share, and how to make one."""

    def __init__(self, mode: Mode, *, compare: bool) -> None:
        spec = find_spec("pocketsphinx")
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtra("pocketsphinx", "local")
        self._mode: Mode = mode
        self._compare = compare
        self._folder = Path(spec.submodule_search_locations[0]) / "model" / "en-us"
        self._spare: _Decoder | None = None
        try:
            self.pronunciations = Pronunciations(self._folder / "cmudict-en-us.dict")
        except (OSError, ValueError) as exc:
            msg = "pocketsphinx carries no English model. Run: pip install 'pocketsphinx>=5.0.4'"
            raise ProviderError(msg) from exc

    @property
    def by_grammar(self) -> bool:
        return self._mode == "grammar"

    def warm(self) -> None:
        """Make one decoder ahead; making it also brings the model's files into memory."""
        if self._spare is None:
            self._spare = self._make()

    def take(self, sample_rate: int) -> _Decoder:
        """Return a decoder of one's own."""
        decoder, self._spare = self._spare or self._make(), None
        decoder.set_cmn(_MEANS[8_000 if sample_rate == 8_000 else _RATE])
        return decoder

    def give_back(self, decoder: _Decoder) -> None:
        """Take back what was expensive to make."""
        if not self.by_grammar:
            self._spare = decoder

    def _make(self) -> _Decoder:
        package = cast("_Package", import_module("pocketsphinx"))
        settings: dict[str, object] = {"hmm": str(self._folder / "en-us"), "loglevel": "FATAL"}
        if self.by_grammar:
            # No dictionary: the few words of a grammar are added as they come. With all sounds of
            # the model computed, a word's score tells how well it fits; see `_UNLIKE`. The search
            # through the lattice at the end is left out: it takes up to 90 ms.
            settings |= {
                "lm": None,
                "dict": None,
                "compallsen": self._compare,
                "bestpath": False,
            }
        else:
            # Without the second and third pass and with fewer guesses kept, dictation is no
            # worse, twice as fast, and ends in 10 ms instead of 180.
            settings |= {
                "lm": str(self._folder / "en-us.lm.bin"),
                "dict": str(self._folder / "cmudict-en-us.dict"),
                "fwdflat": False,
                "maxwpf": 10,
                "maxhmmpf": 3_000,
            }
        try:
            return package.Decoder(package.Config(**settings))
        except (RuntimeError, ValueError, KeyError) as exc:
            msg = "pocketsphinx could not load its English model"
            raise ProviderError(msg) from exc


class _Recogniser:
    """One decoder and its grammars; plain calls, no waiting."""

    def __init__(self, model: _Model, decoder: _Decoder, rejection: float | None) -> None:
        self._model = model
        self._decoder = decoder
        self._rejection = rejection
        self._words: set[str] = set()
        self._made = 0
        self._names: dict[str, str] = {}
        self._grammar: Grammar | None = None
        self._in_segment = False

    def use(self, grammar: Grammar | None) -> None:
        """Listen for this from the next segment on; None takes dictation."""
        if grammar is None or grammar is self._grammar:
            return
        self._grammar = grammar
        name = self._names.get(grammar.jsgf)
        if name is None:
            for word in sorted(grammar.words - self._words):
                for number, phones in enumerate(self._model.pronunciations.of(word), start=1):
                    spelled = word if number == 1 else f"{word}({number})"
                    self._decoder.add_word(spelled, phones, False)
            self._words |= grammar.words
            self._made += 1
            name = f"turn{self._made}"
            self._decoder.add_jsgf_string(name, grammar.jsgf)
            self._names[grammar.jsgf] = name
        self._decoder.activate_search(name)
        if len(self._names) > _SEARCHES_KEPT:
            oldest = next(jsgf for jsgf in self._names if jsgf != grammar.jsgf)
            self._decoder.remove_search(self._names.pop(oldest))

    def begin(self) -> None:
        """Begin a segment."""
        self._decoder.start_utt()
        self._in_segment = True

    def feed(self, pcm: bytes) -> None:
        """Take 16 kHz audio of the segment."""
        if pcm:
            self._decoder.process_raw(pcm, False, False)

    def partial(self) -> str:
        """Return the words so far, if they are credible."""
        return self._hypothesis().text

    def finish(self) -> _Heard:
        """End the segment; return its words, none if they are not a sentence or not credible."""
        self._decoder.end_utt()
        self._in_segment = False
        return self._hypothesis()

    def close(self) -> None:
        """End what is going on and give the decoder back."""
        if self._in_segment:
            self._decoder.end_utt()
        self._model.give_back(self._decoder)

    def _hypothesis(self) -> _Heard:
        found = self._decoder.hyp()
        raw = found.hypstr if found is not None else ""
        if not raw:
            return _Heard("")
        frames = 0
        distance = 0.0
        first: int | None = None
        last = 0
        for segment in self._decoder.seg() or ():
            if segment.word[0] in "<[(":
                continue
            frames += segment.end_frame - segment.start_frame + 1
            score = segment.ascore
            distance += -math.log(score) * _SCORE_STEP if score > 0.0 else math.inf
            first = segment.start_frame if first is None else first
            last = segment.end_frame
        start, end = (first or 0) * _FRAME, (last + 1) * _FRAME
        text = " ".join(_plain(word) for word in raw.lower().split())
        if self._grammar is None or self._rejection is None:
            credible = self._in_segment or self._grammar is None or self._grammar.accepts(raw)
            return _Heard(text if credible else "", None, start, end)
        unlike = distance / frames if frames else math.inf
        confidence = 1.0 / (1.0 + math.exp(min(700.0, _STEEPNESS * (unlike - self._rejection))))
        # While the segment goes on, its words may be a sentence's beginning.
        whole = self._in_segment or self._grammar.accepts(raw)
        credible = whole and unlike <= self._rejection
        return _Heard(text if credible else "", confidence if whole else 0.0, start, end)


def _plain(word: str) -> str:
    """Return a word as people write it: the dictionary writes letters as `a.`, `b.`."""
    return word[0] if len(word) == 2 and word[1] == "." else word
