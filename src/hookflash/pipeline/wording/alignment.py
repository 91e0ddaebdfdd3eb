"""What is spoken beside what was written, and which of the one is how much of the other."""

from collections.abc import Iterable

import msgspec

__all__ = ["Edit", "SpokenText"]


class Edit(msgspec.Struct, frozen=True):
    """One place where the spoken form differs: `text` is said for `[start, end)`.

    `start == end` says something that is not written; an empty `text` leaves something out.
    """

    start: int
    end: int
    text: str


class SpokenText(msgspec.Struct, frozen=True):
    """A text as it was written, and as a synthesiser is given it.

    Attributes:
        written: the text.
        spoken: what is said for it.
        edits: where the two differ, in order and apart from each other; places are counted in
            `written`. Between them both are the same, character for character.
    """

    written: str
    spoken: str
    edits: tuple[Edit, ...] = ()

    @classmethod
    def plain(cls, text: str) -> "SpokenText":
        """A text that is spoken as it is written."""
        return cls(text, text)

    @classmethod
    def edited(cls, written: str, edits: Iterable[Edit]) -> "SpokenText":
        """Apply edits, which must be in order and apart from each other."""
        kept = tuple(edits)
        return cls(written, _apply(written, kept, 0, len(written)), kept)

    def then(self, edits: Iterable[Edit]) -> "SpokenText":
        """Change what is spoken further; the places of these edits are counted in `spoken`."""
        later = tuple(edits)
        if not later:
            return self
        # Old and new edits that overlap become one. `shift` is how far behind its place in
        # `spoken` a place in `written` lies.
        places: list[tuple[int, int, bool, Edit]] = [
            (edit.start, edit.end, True, edit) for edit in later
        ]
        shift = 0
        for edit in self.edits:
            start = edit.start - shift
            places.append((start, start + len(edit.text), False, edit))
            shift += edit.end - edit.start - len(edit.text)
        places.sort(key=lambda place: place[:3])

        joined: list[Edit] = []
        shift = 0
        index = 0
        while index < len(places):
            start, end = places[index][:2]
            written_start = start + shift
            news: list[Edit] = []
            while True:
                _, place_end, new, edit = places[index]
                end = max(end, place_end)
                if new:
                    news.append(edit)
                else:
                    shift += edit.end - edit.start - len(edit.text)
                index += 1
                if index == len(places) or places[index][0] >= end:
                    break
            joined.append(Edit(written_start, end + shift, _apply(self.spoken, news, start, end)))
        return SpokenText.edited(self.written, joined)

    def written_end(self, heard: int) -> int:
        """Return how much of `written` was heard when so much of `spoken` was.

        What is said differently from how it is written counts as heard only when the whole of it
        was: of "two dollars and fifty cents" nothing less than all is "$2.50". Marks that are not
        spoken count with what stands before them.

        Args:
            heard: characters of `spoken`, from its beginning.

        Returns:
            Characters of `written`, from its beginning; it never falls when `heard` grows.
        """
        if heard <= 0:
            return 0
        shift = 0
        for edit in self.edits:
            start = edit.start - shift
            if heard < start:
                break
            if heard < start + len(edit.text):
                return edit.start
            shift += edit.end - edit.start - len(edit.text)
        return min(heard + shift, len(self.written))


def _apply(text: str, edits: Iterable[Edit], start: int, end: int) -> str:
    """Return `text[start:end]` with the edits, which lie in it, applied."""
    parts: list[str] = []
    for edit in edits:
        parts += (text[start : edit.start], edit.text)
        start = edit.end
    parts.append(text[start:end])
    return "".join(parts)
