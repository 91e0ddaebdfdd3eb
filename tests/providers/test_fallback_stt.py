"""Recognisers that stand in for each other: nothing the caller said is lost, or comes twice."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from hookflash.errors import (
    ConfigError,
    HookflashError,
    LinkError,
    LinkTimeout,
    ProviderError,
    UsageError,
)
from hookflash.events.turn import Expectation, ExpectationSet
from hookflash.providers.base import STT, Hearing, ProviderSwitch, Transcript
from hookflash.providers.chat import ToolSchema
from hookflash.providers.fallback import FallbackSTT
from hookflash.providers.fallback.stt import FallbackHearing
from hookflash.runtime import clock

BROKEN = LinkError("the stream broke off")
RATE = 8000
FRAME = 320
YES_NO = ExpectationSet(expects=Expectation.YES_NO)


class Ear(Hearing):
    """A stream that writes down what it is given, and hears what the test says."""

    def __init__(self, bug: str = "") -> None:
        self.given: list[str] = []
        self.closed = False
        self._bug = bug
        self._out: asyncio.Queue[Transcript | Exception | None] = asyncio.Queue()

    def push(self, pcm: bytes) -> None:
        if self._bug == "push" and len(self.given) > 2:
            raise BrokenPipeError
        self.given.append(chr(pcm[0]))

    def flush(self) -> None:
        self.given.append("|")

    def expect(self, expectation: ExpectationSet, tools: Sequence[ToolSchema] = ()) -> None:
        self.given.append(f"<{expectation.expects}>")

    def says(self, text: str, *, final: bool = False, end: float | None = None) -> None:
        self._out.put_nowait(Transcript(text=text, final=final, start=end and 0.0, end=end))

    def breaks(self, error: Exception | None = BROKEN) -> None:
        self._out.put_nowait(error)

    async def transcripts(self) -> AsyncGenerator[Transcript, None]:
        while (item := await self._out.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    async def aclose(self) -> None:
        if self._bug == "close":
            await asyncio.sleep(1000)
        self.closed = True
        self._out.put_nowait(None)

    @property
    def heard(self) -> str:
        return "".join(self.given)


class Recogniser(STT):
    """Opens such streams."""

    def __init__(self, name: str, *, bug: str = "") -> None:
        self.name = name
        self.ears: list[Ear] = []
        self._bug = bug

    @property
    def ear(self) -> Ear:
        return self.ears[-1]

    def variant(self, *, language: str) -> "Recogniser":
        if self._bug == "monoglot":
            raise UsageError("English only")
        return Recogniser(f"{self.name}-{language}")

    def listen(self, sample_rate: int) -> Ear:
        if self._bug == "rate":
            raise UsageError("16000 Hz only")
        self.ears.append(Ear(self._bug))
        return self.ears[-1]


class Stand:
    """A fallback's stream, and what came out of it."""

    def __init__(self, stt: FallbackSTT) -> None:
        self.hearing: FallbackHearing = stt.listen(RATE)
        self.out: list[str] = []
        self.times: list[tuple[float | None, float | None]] = []
        self.error: HookflashError | None = None
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for transcript in self.hearing.transcripts():
                self.out.append(transcript.text + ("." if transcript.final else ""))
                self.times.append((transcript.start, transcript.end))
        except HookflashError as exc:
            self.error = exc

    async def hears(self, letters: str) -> None:
        """Push 20 ms for each letter; `|` asks for the final words."""
        for letter in letters:
            if letter == "|":
                self.hearing.flush()
            else:
                self.hearing.push(letter.encode() * FRAME)
        await settle()


async def settle() -> None:
    await asyncio.sleep(0.001)


@asynccontextmanager
async def stand(stt: FallbackSTT) -> AsyncIterator[Stand]:
    place = Stand(stt)
    await settle()
    try:
        yield place
    finally:
        await place.hearing.aclose()
        await asyncio.wait([place.task], timeout=2.0)
        assert place.task.done()


def two(**options: float | None) -> tuple[Recogniser, Recogniser, FallbackSTT]:
    first, second = Recogniser("first"), Recogniser("second")
    return first, second, FallbackSTT([first, second], **options)  # type: ignore[arg-type]


def test_the_first_recogniser_hears_as_long_as_it_works() -> None:
    async def main() -> None:
        first, second, stt = two()
        async with stand(stt) as place:
            await place.hears("ab|")
            first.ear.says("A")
            first.ear.says("A b", final=True)
            await settle()
            assert place.out == ["A", "A b."]
            assert first.ear.heard == "ab|"
        assert first.ear.closed
        assert second.ears == []
        assert place.error is None

    clock.run(main(), virtual=True)


def test_audio_without_its_final_is_replayed_to_the_next_with_what_is_expected() -> None:
    async def main() -> None:
        first, second, stt = two()
        async with stand(stt) as place:
            place.hearing.expect(YES_NO)
            await place.hears("abc|")
            first.ear.says("abc", final=True)
            await settle()
            await place.hears("def|gh")
            first.ear.breaks()
            await settle()
            assert first.ear.closed
            assert second.ear.heard == "<yes_no>def|gh"
            await place.hears("i")
            assert second.ear.heard == "<yes_no>def|ghi"
            second.ear.says("def", final=True)
            await settle()
            assert place.out == ["abc.", "def."]

    clock.run(main(), virtual=True)


def test_a_final_with_a_time_settles_the_audio_up_to_it() -> None:
    async def main() -> None:
        first, second, stt = two()
        async with stand(stt) as place:
            await place.hears("abcdef")
            first.ear.says("abc", final=True, end=0.06)
            await settle()
            first.ear.breaks()
            await settle()
            assert second.ear.heard == "def"
            second.ear.says("de", final=True, end=0.04)
            await settle()
            # Its stream began 60 ms into the call.
            assert place.times == [(0.0, 0.06), (0.06, 0.1)]

    clock.run(main(), virtual=True)


def test_partials_that_were_given_before_do_not_come_again() -> None:
    async def main() -> None:
        first, second, stt = two()
        async with stand(stt) as place:
            await place.hears("abc")
            first.ear.says("I would")
            first.ear.says("I would like")
            first.ear.breaks()
            await settle()
            for guess in ("I", "I would", "i would like", "I would like to", "I would"):
                second.ear.says(guess)
            second.ear.says("I would like to pay", final=True)
            await settle()
            assert place.out == [
                "I would",
                "I would like",
                "I would like to",
                "I would",
                "I would like to pay.",
            ]

    clock.run(main(), virtual=True)


def test_a_recogniser_that_gives_nothing_after_the_end_of_speech_is_given_up() -> None:
    async def main() -> None:
        first, second, stt = two(reaction_timeout=4.0)
        async with stand(stt) as place:
            await asyncio.sleep(100)  # silence is no offence
            assert second.ears == []
            await place.hears("ab|")
            await asyncio.sleep(3.9)
            assert second.ears == []
            await asyncio.sleep(0.2)
            assert second.ear.heard == "ab|"
            second.ear.says("ab", final=True)
            await asyncio.sleep(100)
            assert place.out == ["ab."]
        assert len(first.ears) == 1

    clock.run(main(), virtual=True)


def test_a_partial_shows_that_it_lives() -> None:
    async def main() -> None:
        first, second, stt = two(reaction_timeout=4.0)
        async with stand(stt) as place:
            await place.hears("ab|")
            await asyncio.sleep(3.0)
            first.ear.says("A")
            await asyncio.sleep(3.0)
            assert second.ears == []
            await asyncio.sleep(1.1)
            assert second.ear.heard == "ab|"

    clock.run(main(), virtual=True)


def test_a_recogniser_that_ends_segments_by_itself_need_not_answer_a_flush_again() -> None:
    async def main() -> None:
        first, second, stt = two(reaction_timeout=4.0)
        async with stand(stt) as place:
            await place.hears("ab")
            first.ear.says("ab", final=True)
            await settle()
            await place.hears("|")
            await asyncio.sleep(100)
            assert second.ears == []
            # The next words have no final before the flush: now an answer is due.
            await place.hears("cd|")
            await asyncio.sleep(4.1)
            assert second.ear.heard == "cd|"

    clock.run(main(), virtual=True)


def test_without_a_reaction_timeout_it_may_be_silent_for_ever() -> None:
    async def main() -> None:
        _, second, stt = two(reaction_timeout=None)
        async with stand(stt) as place:
            await place.hears("ab|")
            await asyncio.sleep(1000)
            assert second.ears == []
            assert not place.task.done()

    clock.run(main(), virtual=True)


def test_a_recogniser_that_ends_its_stream_early_or_has_a_bug_is_replaced() -> None:
    async def main() -> None:
        for error in (None, KeyError("channel")):
            first, second, stt = two()
            async with stand(stt) as place:
                await place.hears("ab")
                first.ear.breaks(error)
                await settle()
                assert second.ear.heard == "ab"

    clock.run(main(), virtual=True)


def test_a_recogniser_that_raises_at_audio_is_replaced_and_the_leg_is_not_troubled(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        first, second = Recogniser("first", bug="push"), Recogniser("second")
        async with stand(FallbackSTT([first, second])) as place:
            await place.hears("abcde")
            await settle()
            assert first.ear.heard == "abc"
            assert second.ear.heard == "abcde"

    clock.run(main(), virtual=True)
    assert caplog.text.count("the provider Ear raised") == 1


def test_a_stream_that_cannot_be_closed_holds_nobody_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        first, second = Recogniser("first", bug="close"), Recogniser("second")
        async with stand(FallbackSTT([first, second])) as place:
            await place.hears("ab")
            first.ear.breaks()
            await asyncio.sleep(1.1)
            await place.hears("c")
            assert second.ear.heard == "abc"

    clock.run(main(), virtual=True)
    assert "Ear could not be closed: TimeoutError" in caplog.text


def test_only_the_newest_audio_is_kept_for_the_next() -> None:
    async def main() -> None:
        first, second, stt = two(keep_seconds=0.06)
        async with stand(stt) as place:
            await place.hears("abc|defgh")
            first.ear.breaks()
            await settle()
            assert second.ear.heard == "|fgh"

    clock.run(main(), virtual=True)


def test_when_all_fail_the_last_error_is_raised() -> None:
    async def main() -> None:
        first, second, stt = two()
        async with stand(stt) as place:
            await place.hears("ab")
            first.ear.breaks()
            await settle()
            second.ear.breaks(ProviderError("no credit"))
            await settle()
            assert str(place.error) == "no credit"
            assert place.task.done()
        # The next stream is not refused: the first is asked once more.
        async with stand(stt) as place:
            first.ear.says("Yes", final=True)
            await settle()
            assert place.out == ["Yes."]

    clock.run(main(), virtual=True)


def test_a_call_goes_back_to_the_first_when_the_second_fails_later() -> None:
    async def main() -> None:
        first, second, stt = two(temporary_disable_sec=30.0)
        switches: list[ProviderSwitch] = []
        stt.on_switch(switches.append)
        async with stand(stt) as place:
            first.ear.breaks()
            await settle()
            second.ear.says("Yes", final=True)
            await asyncio.sleep(40)
            assert len(first.ears) == 1  # the call stays where it is
            await place.hears("ab")
            second.ear.breaks()
            await settle()
            assert first.ear.heard == "ab"
            first.ear.says("ab", final=True)
            await settle()
            assert place.out == ["Yes.", "ab."]
        assert [(switch.old, switch.new, switch.reason) for switch in switches] == [
            ("first", "second", "link"),
            ("second", "first", "recovered"),
        ]

    clock.run(main(), virtual=True)


def test_recognisers_that_give_partials_and_fail_in_turn_end_in_the_error() -> None:
    class Flaky(Recogniser):
        def listen(self, sample_rate: int) -> Ear:
            ear = super().listen(sample_rate)
            ear.says(f"guess of {self.name}")
            ear.breaks()
            return ear

    async def main() -> None:
        first, second = Flaky("first"), Flaky("second")
        async with stand(FallbackSTT([first, second])) as place:
            await place.hears("ab")
            assert place.error is BROKEN
            assert place.out == ["guess of first", "guess of second"]

    clock.run(main(), virtual=True)


def test_slow_finals_in_a_row_are_a_failure_for_the_next_call() -> None:
    async def main() -> None:
        first, second, stt = two(latency_threshold_ms=500, consecutive_latency_hits=2)
        async with stand(stt) as place:
            for _ in range(2):
                await place.hears("a|")
                first.ear.says("so")
                await asyncio.sleep(0.6)
                first.ear.says("so", final=True)
                await settle()
            assert stt.current is second
            assert not place.task.done()

    clock.run(main(), virtual=True)


def test_a_recogniser_that_cannot_use_the_rate_is_passed_by() -> None:
    async def main() -> None:
        first, second = Recogniser("first", bug="rate"), Recogniser("second")
        stt = FallbackSTT([first, second])
        async with stand(stt) as place:
            await place.hears("ab")
            assert second.ear.heard == "ab"
            assert stt.current is first  # at another rate it may serve
        alone = FallbackSTT([first])
        async with stand(alone) as place:
            assert isinstance(place.error, UsageError)

    clock.run(main(), virtual=True)


def test_audio_that_comes_while_a_recogniser_is_being_prepared_is_not_lost() -> None:
    class Slow(Recogniser):
        async def prepare(self) -> None:
            await asyncio.sleep(1.0)

    async def main() -> None:
        slow = Slow("slow")
        async with stand(FallbackSTT([slow])) as place:
            await place.hears("ab|")
            assert slow.ears == []
            await asyncio.sleep(1.0)
            assert slow.ear.heard == "ab|"
        # Closed meanwhile: no stream is opened any more.
        other = Slow("other")
        place = Stand(FallbackSTT([other]))
        await settle()
        await place.hearing.aclose()
        await asyncio.wait([place.task], timeout=2.0)
        assert (place.task.done(), place.error, other.ears) == (True, None, [])
        never = Slow("never")
        stt = FallbackSTT([never], prepare_timeout=0.5)
        async with stand(stt) as place:
            await asyncio.sleep(0.6)
            assert isinstance(place.error, LinkTimeout)

    clock.run(main(), virtual=True)


def test_a_variant_leaves_out_who_does_not_know_the_language() -> None:
    stt = FallbackSTT([Recogniser("a"), Recogniser("b", bug="monoglot"), Recogniser("c")])
    german = stt.variant(language="de")
    assert [slot.name for slot in german.slots] == ["a-de", "c-de"]
    assert [slot.name for slot in stt.slots] == ["a", "b", "c"]
    with pytest.raises(UsageError, match="English only"):
        FallbackSTT([Recogniser("b", bug="monoglot")]).variant(language="de")


@pytest.mark.parametrize("field", ["reaction_timeout", "keep_seconds", "prepare_timeout"])
def test_times_that_cannot_be_are_refused_by_name(field: str) -> None:
    make: Callable[..., FallbackSTT] = FallbackSTT
    with pytest.raises(ConfigError, match=f"{field} is -1; give seconds above 0"):
        make([Recogniser("a")], **{field: -1})
