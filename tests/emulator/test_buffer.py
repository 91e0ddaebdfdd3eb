from hypothesis import given
from hypothesis import strategies as st

from hookflash.emulator.buffer import PlayoutBuffer


def test_audio_comes_out_in_pieces_in_the_order_in_which_it_came_in() -> None:
    buffer = PlayoutBuffer()
    buffer.play(b"abcd")
    buffer.play(b"ef")
    assert [buffer.take(3), buffer.take(3), buffer.take(3)] == [b"abc", b"def", None]


def test_a_piece_that_is_not_full_is_padded_with_silence() -> None:
    buffer = PlayoutBuffer(silence=0xFF)
    buffer.play(b"a")
    assert buffer.take(3) == b"a\xff\xff"
    assert buffer.queued == 0


def test_a_mark_on_an_empty_buffer_comes_back_at_once() -> None:
    assert PlayoutBuffer().mark("m") == ["m"]


def test_a_mark_comes_back_when_all_before_it_has_been_played_and_not_before() -> None:
    buffer = PlayoutBuffer()
    buffer.play(b"abcdef")
    assert buffer.mark("m") == []
    assert (buffer.passed(), buffer.take(3)) == ([], b"abc")
    assert (buffer.passed(), buffer.take(3)) == ([], b"def")
    assert (buffer.passed(), buffer.take(3)) == (["m"], None)


def test_a_mark_waits_for_the_piece_that_is_being_played() -> None:
    buffer = PlayoutBuffer()
    buffer.play(b"abc")
    buffer.take(3)
    assert buffer.mark("m") == []
    assert buffer.passed() == ["m"]


def test_clear_drops_the_audio_and_returns_the_marks_in_order() -> None:
    buffer = PlayoutBuffer()
    buffer.play(b"abcdef")
    buffer.mark("one")
    buffer.play(b"ghi")
    buffer.mark("two")
    buffer.mark("three")
    buffer.take(2)
    assert buffer.clear() == ["one", "two", "three"]
    assert buffer.take(3) is None
    assert buffer.passed() == []
    assert (buffer.queued, buffer.pending) == (0, 0)


def test_after_a_clear_a_mark_comes_back_at_once() -> None:
    buffer = PlayoutBuffer()
    buffer.play(b"abc")
    buffer.clear()
    assert buffer.mark("m") == ["m"]


def test_what_is_sent_after_a_clear_plays() -> None:
    buffer = PlayoutBuffer()
    buffer.play(b"abcd")
    buffer.take(3)
    buffer.clear()
    buffer.play(b"xyz")
    assert buffer.take(3) == b"xyz"


def test_empty_audio_is_nothing() -> None:
    buffer = PlayoutBuffer()
    buffer.play(b"")
    assert buffer.take(3) is None
    assert buffer.mark("m") == ["m"]


class Model:
    """The rules once more, as a list: numbers are audio, texts are marks."""

    def __init__(self) -> None:
        self.waiting: list[int | str] = []
        self.sounding = False

    def mark(self, name: str) -> list[str]:
        if not self.waiting and not self.sounding:
            return [name]
        self.waiting.append(name)
        return []

    def clear(self) -> list[str]:
        marks = [one for one in self.waiting if isinstance(one, str)]
        self.waiting.clear()
        self.sounding = False
        return marks

    def passed(self) -> list[str]:
        self.sounding = False
        returned: list[str] = []
        while self.waiting and isinstance(self.waiting[0], str):
            returned.append(self.waiting.pop(0))  # type: ignore[arg-type]  # narrowed by index
        return returned

    def take(self, size: int) -> bytes | None:
        numbers = [one for one in self.waiting if isinstance(one, int)][:size]
        if not numbers:
            return None
        for number in numbers:
            self.waiting.remove(number)
        self.sounding = True
        return bytes(1 + number % 255 for number in numbers).ljust(size, b"\0")


STEPS = st.one_of(
    st.tuples(st.just("play"), st.integers(0, 9)),
    st.tuples(st.just("mark"), st.just(0)),
    st.tuples(st.just("clear"), st.just(0)),
    st.tuples(st.just("turn"), st.integers(1, 4)),
)


@given(st.lists(STEPS, max_size=60))
def test_any_sequence_behaves_like_a_list_of_octets_and_marks(
    steps: list[tuple[str, int]],
) -> None:
    buffer, model = PlayoutBuffer(silence=0), Model()
    played = 0
    for serial, (step, number) in enumerate(steps):
        match step:
            case "play":
                octets = range(played, played + number)
                played += number
                buffer.play(bytes(1 + octet % 255 for octet in octets))
                model.waiting += octets
            case "mark":
                assert buffer.mark(f"{serial}") == model.mark(f"{serial}")
            case "clear":
                assert buffer.clear() == model.clear()
            case _:
                assert buffer.passed() == model.passed()
                assert buffer.take(number) == model.take(number)
        assert buffer.queued == sum(isinstance(one, int) for one in model.waiting)
        assert buffer.pending == sum(isinstance(one, str) for one in model.waiting)
