"""Identifiers that look like the vendor's and are the same in every run."""

from hashlib import sha256

__all__ = ["Sids"]


class Sids:
    """Makes identifiers: two capital letters and 32 hexadecimal digits.

    The same seed gives the same sequence, counted for each kind by itself, so that a second call
    keeps its name when a test records one message more before it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._counts: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        """Return the next identifier of a kind: `AC`, `CA`, `PN`, `MZ`, `RE`, `NO` ..."""
        return prefix + self.secret(prefix)

    def secret(self, kind: str) -> str:
        """Return 32 hexadecimal digits, the shape of an auth token. Not fit to guard anything."""
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        return sha256(f"{self._seed}/{kind}/{count}".encode()).hexdigest()[:32]
