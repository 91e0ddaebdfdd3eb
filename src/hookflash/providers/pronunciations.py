"""Looks words up in a pronouncing dictionary on disk, without reading it into memory."""

import mmap
import re
from bisect import bisect_left
from pathlib import Path

import numpy as np

__all__ = ["Pronunciations"]

_VARIANT = re.compile(rb"\((\d+)\)$")


class Pronunciations:
    """A dictionary in the CMU format: lines of `word PHONE PHONE ...`, sorted by word.

    Further pronunciations of a word follow it as `word(2)`, `word(3)`. The file is mapped, not
    read: 135,000 words cost half a megabyte for where the lines begin, and a search takes a few
    microseconds.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be read.
            ValueError: it is empty.
        """
        with path.open("rb") as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        ends = np.flatnonzero(np.frombuffer(self._text, dtype=np.uint8) == ord("\n"))
        starts = np.concatenate((np.zeros(1, dtype=np.int64), ends + 1))
        self._starts = starts[starts < len(self._text)].astype(np.uint32)
        self._found: dict[str, tuple[str, ...]] = {}

    def __contains__(self, word: str) -> bool:
        return bool(self.of(word))

    def __len__(self) -> int:
        return len(self._starts)

    def of(self, word: str) -> tuple[str, ...]:
        """Return the word's pronunciations, the usual one first; none if it is not known.

        Args:
            word: lower case, as the dictionary spells it.
        """
        found = self._found.get(word)
        if found is None:
            found = self._found[word] = self._search(word.encode())
        return found

    def _search(self, word: bytes) -> tuple[str, ...]:
        at = bisect_left(range(len(self._starts)), word, key=lambda line: self._line(line)[0])
        found: list[str] = []
        while at < len(self._starts):
            spelled, phones = self._line(at)
            if spelled != word:
                break
            found.append(phones)
            at += 1
        return tuple(found)

    def _line(self, number: int) -> tuple[bytes, str]:
        """Return a line's word, without the number of its variant, and its phones."""
        start = int(self._starts[number])
        end = self._text.find(b"\n", start)
        line = self._text[start : end if end >= 0 else len(self._text)]
        word, _, phones = line.partition(b" ")
        return _VARIANT.sub(b"", word), phones.decode().strip()
