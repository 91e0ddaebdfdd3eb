"""Numbers that must not be seen: card numbers, codes.

While a concealment is on, every key and every number in the caller's words is `MASK` to whoever
sees, writes or is told of it: the machines and so the tape, the history and so the model, events
and so all that is made of them. Only who asks for the real ones gets them, in this process.

The machines decide on masks as they do on digits, so that calls go on in the same way and tapes
replay.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final

from hookflash.events.digits import MASK
from hookflash.machines.endpointing import ENGLISH, Lexicon

__all__ = ["LINGER", "Concealment", "mask_numbers"]

LINGER: Final = 3.0
"""Seconds for which a concealment outlasts its end when the caller is not finished: as long as the
turn machine waits for words after speech."""

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_TIE = re.compile("[2-9]0")


def mask_numbers(text: str, lexicon: Lexicon = ENGLISH, *, least: int = 1) -> str:
    """Put `MASK` in the place of each digit, read out or written; what has digits in it goes whole.

    The masks of a number word are as many as its digits ("fifteen" is two, so is "twenty three"),
    so that counting them counts digits.

    Args:
        text: of one language.
        lexicon: its number words.
        least: digits in a row below which they stay: 1 masks all, 3 spares "one moment".
    """
    found: list[tuple[int, int, int]] = []  # where it begins and ends, and of how many digits
    tie = False
    for match in _WORD.finditer(text):
        word = match.group().lower()
        number = lexicon.digits.get(word, "")
        if tie and len(number) == 1 and number != "0":
            # "twenty three": the unit takes the place of the zero.
            found[-1] = (found[-1][0], match.end(), 2)
            tie = False
            continue
        tie = _TIE.fullmatch(number) is not None
        if number or any(char.isdigit() for char in word):
            found.append((*match.span(), len(number or word)))
    kept = [row for row in _rows(text, found) if sum(count for _, _, count in row) >= least]
    masked = text
    for start, end, count in reversed([one for row in kept for one in row]):
        masked = masked[:start] + MASK * count + masked[end:]
    return masked


def _rows(text: str, found: list[tuple[int, int, int]]) -> list[list[tuple[int, int, int]]]:
    """Group what stands side by side, with nothing but spaces and punctuation between."""
    rows: list[list[tuple[int, int, int]]] = []
    for one in found:
        if rows and not _WORD.search(text, rows[-1][-1][1], one[0]):
            rows[-1].append(one)
        else:
            rows.append([one])
    return rows


class Concealment:
    """Whether one caller's numbers are concealed now; and the real ones, for who may know them.

    It is on from the first `begin` to the last `end`, and after that until the caller has finished
    the number or the sentence that was going on, at most `LINGER` after falling silent.

    Attributes:
        on: whether keys and words are masked now.
    """

    def __init__(
        self, lexicon: Lexicon = ENGLISH, *, changed: Callable[[bool], None] | None = None
    ) -> None:
        """Begin as off.

        Args:
            lexicon: the number words to mask.
            changed: is told each time it goes on or off.
        """
        self.on = False
        self._lexicon = lexicon
        self._changed = changed
        self._depth = 0
        self._speaking = False
        self._unfinished = False
        self._keys = ""
        # Of the turn that is going on: what was seen and what was said, segment by segment.
        self._finals: list[tuple[str, str]] = []
        self._partial: tuple[str, str] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Conceal from now on. Each `begin` has its `end`."""
        self._depth += 1
        self._set(on=True)

    def end(self) -> None:
        """Conceal no more, once the caller has finished and no other `begin` holds."""
        self._depth -= 1
        self._settle()

    def shown(self) -> Callable[[str], str]:
        """Return what makes of what the agent begins to say now what may be seen of it.

        It masks numbers of three digits or more; the agent's "one moment" is no secret.
        """
        return self._mask_long if self.on else _as_it_is

    def close(self) -> None:
        """The call is over: forget everything. Idempotent."""
        self._speaking = self._unfinished = False
        self._keys = ""
        self._finals.clear()
        self._partial = None
        self._stop_timer()

    # What the ears hear.

    def speaking(self, active: bool) -> None:
        """The caller began to speak, or stopped."""
        self._speaking = active
        self._unfinished = self._unfinished or active
        if not active and self._timer is not None:
            self._arm()

    def key(self, digit: str, *, finish_key: str) -> str:
        """The caller pressed a key; return what may be seen of it. The finish key is no secret."""
        if digit == finish_key:
            return digit
        self._keys += digit
        return MASK if self.on else digit

    def number(self, seen: str) -> str:
        """The digits machine has a number: return the real one."""
        real, self._keys = self._keys[: len(seen)], ""
        self._settle()
        return real

    def words(self, text: str, *, final: bool) -> str:
        """The recogniser has words; return what may be seen of them."""
        self._unfinished = True
        seen = mask_numbers(text, self._lexicon) if self.on else text
        self._partial = None if final else (seen, text)
        if final and seen:
            self._finals.append((seen, text))
        return seen

    def turn(self, seen: str) -> str:
        """The turn machine has a turn, or has dropped one: return its real words."""
        real: list[str] = []
        rest = seen
        segments, self._finals = self._finals, []
        for segment in (*segments, self._partial):
            if segment is not None and segment[0] and rest.startswith(segment[0]):
                real.append(segment[1])
                rest = rest[len(segment[0]) :].lstrip()
                if segment is self._partial:  # the machine has settled for the guess
                    self._partial = None
        self._unfinished = self._speaking
        self._settle()
        return " ".join([*real, rest] if rest else real)

    def _mask_long(self, text: str) -> str:
        return mask_numbers(text, self._lexicon, least=3)

    def _settle(self) -> None:
        if self._depth or not self.on:
            return
        if self._speaking or self._unfinished or self._keys:
            self._arm()
        else:
            self._set(on=False)

    def _arm(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(LINGER, self._lingered)

    def _lingered(self) -> None:
        self._timer = None
        if self._depth:
            return
        if self._speaking:
            self._arm()
        else:
            self._unfinished = False
            self._set(on=False)

    def _set(self, *, on: bool) -> None:
        self._stop_timer()
        if on is not self.on:
            self.on = on
            if self._changed is not None:
                self._changed(on)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _as_it_is(text: str) -> str:
    return text
