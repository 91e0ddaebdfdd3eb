"""How the words of a trade, a place or a name are said, as its user wrote it down."""

import re
from collections.abc import Mapping

from hookflash.errors import ConfigError
from hookflash.pipeline.wording.rules import Match, Rule

__all__ = ["Lexicon"]

_LONGEST = 200
_NOTHING = re.compile(r"(?!)")


class Lexicon:
    """Whole words and phrases, the longest first.

    An entry written in small letters is found in any case; one with a capital in it is found only
    as it stands ("US" is not "us"). What an entry says is never looked at again.
    """

    def __init__(self, entries: Mapping[str, str]) -> None:
        """Take the entries: what is written, and what is said for it.

        Raises:
            ConfigError: an entry is empty or too long, or two differ only in the case of letters
                that do not matter.
        """
        self._entries: dict[str, str] = {}
        for written, spoken in entries.items():
            word = " ".join(written.split())
            if not word or max(len(word), len(spoken)) > _LONGEST:
                msg = f"lexicon: an entry must have 1 to {_LONGEST} characters: {written[:40]!r}"
                raise ConfigError(msg)
            self._entries[word] = spoken
        self.pattern = _pattern(self._entries) if entries else _NOTHING

    def __bool__(self) -> bool:
        return bool(self._entries)

    def rule(self) -> Rule:
        """A rule that claims the entries where they are written."""
        return Rule(self.pattern, self._say)

    def apply(self, words: str) -> str:
        """Apply the entries to words that another rule made."""
        return self.pattern.sub(self._say, words) if self._entries else words

    def _say(self, found: Match) -> str:
        written = " ".join(found[0].split())
        return self._entries.get(written) or self._entries.get(written.lower(), found[0])


def _pattern(entries: Mapping[str, str]) -> re.Pattern[str]:
    parts: list[str] = []
    for written in sorted(entries, key=len, reverse=True):
        words = r"\s+".join(re.escape(word) for word in written.split(" "))
        parts.append(f"(?i:{words})" if written == written.lower() else words)
    # Not within a longer word, nor within an address.
    return re.compile(rf"(?<![\w@/.])(?:{'|'.join(parts)})(?![\w@/]|[.]\w)")
