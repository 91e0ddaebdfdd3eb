"""E-mail addresses."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hookflash.errors import MissingExtra
from hookflash.tasks.spoken.english import ENGLISH
from hookflash.tasks.spoken.heard import Heard, ambiguous, incomplete, invalid, nothing
from hookflash.tasks.spoken.lexicon import Lexicon
from hookflash.tasks.spoken.repair import alike, best, repairs
from hookflash.tasks.spoken.units import Kind, Segment, Unit, read, said, segments, sounds_like

__all__ = ["PROVIDERS", "hear_email"]

PROVIDERS = {
    "gmail": "com", "googlemail": "com", "yahoo": "com", "hotmail": "com", "outlook": "com",
    "icloud": "com", "aol": "com", "live": "com", "msn": "com", "proton": "me",
    "protonmail": "com", "comcast": "net", "verizon": "net", "sbcglobal": "net",
    "bellsouth": "net", "btinternet": "com", "gmx": "com", "fastmail": "com", "ymail": "com",
    "hey": "com", "zoho": "com",
}  # fmt: skip
"""Providers of mailboxes that need not be named in full, and the ending of most of their
addresses."""

# Names one letter away from a provider's that exist: no misspellings.
_OTHERS = frozenset({"mail", "email", "gmx", "web", "me", "mac", "att", "cox", "may", "hoy"})
_ENDINGS = frozenset(
    (
        "com", "org", "net", "edu", "gov", "mil", "info", "biz", "io", "ai", "app", "dev", "co",
        "me", "tv", "online", "shop", "store", "tech", "cloud", "health", "care", "bank", "law",
        "agency", "design", "studio", "name", "pro", "xyz", "london", "email", "solutions",
        "consulting", "group", "company", "world", "digital", "global", "network", "int",
    )
)  # fmt: skip
_SECOND = frozenset({"co", "com", "org", "net", "ac", "gov", "edu", "ltd", "me", "sch", "nhs"})
# What recognisers make of a spoken ending. None of them is one.
_ENDINGS_HEARD = {
    "calm": "com", "come": "com", "comb": "com", "con": "com", "kom": "com", "comm": "com",
    "nett": "net", "orgue": "org", "dotcom": "com", "ukay": "uk",
}  # fmt: skip
# Slips for "com"; cm, om and co are endings, but not of the well-known providers.
_ENDINGS_TYPED = {"con", "cmo", "ocm", "vom", "xom", "comm", "cim", "cm", "om", "co"}
_MOST_WORDS = 4
_ALIKE = 0.55


@dataclass(frozen=True, slots=True)
class _Draft:
    """An address in the making.

    Attributes:
        local: before the `@`.
        domain: behind it; None if there was no `@`.
        breaks: places in `local` where what was said had a gap.
        words: how many plain words the local part was made of, without gaps.
            alone: what this is if it is a domain.
        doubt: what the caller may have meant differently.
    """

    local: str
    domain: str | None
    breaks: tuple[int, ...] = ()
    words: int = 0
    alone: str = ""
    doubt: bool = False

    @property
    def text(self) -> str:
        return self.local if self.domain is None else f"{self.local}@{self.domain}"


def hear_email(text: str, *, lexicon: Lexicon = ENGLISH) -> Heard[str]:
    """Hear an e-mail address, said, spelled or written.

    A domain that looks like a slip for a well-known one is asked about, never changed.

    Args:
        text: what was said.
        lexicon: the language.

    Returns:
        An address in lower case whose form is right by `email-validator`; whether it can be
        reached is not asked.

    Raises:
        MissingExtra: `email-validator` is not installed.
    """
    ways = {pairs: _heard(read(text, lexicon, pairs=pairs), lexicon) for pairs in (False, True)}
    words, letters = ways[False], ways[True]
    if words.value and letters.value and words.value != letters.value:
        return ambiguous(
            "It is not clear whether these are letters or words. Ask the caller to spell it.",
            words.used,
            (words.value, letters.value),
        )
    return words if words.value or not letters.value else letters


def _heard(units: Sequence[Unit], lexicon: Lexicon) -> Heard[str]:
    parts = segments(units)
    used = "; ".join(said(part.units) for part in parts)
    drafts = [(_draft(part.units, lexicon), part) for part in parts]
    drafts = [(draft, part) for draft, part in drafts if draft.text or part.wrong]
    if any(_prose(unit, lexicon) for unit in units) and not any(
        draft.domain for draft, _ in drafts
    ):
        drafts = []
    if not drafts:
        return nothing("No e-mail address was heard. Ask for it.", used)
    options: tuple[_Draft, ...] = (drafts[0][0],)
    for draft, part in drafts[1:]:
        repaired = [_repaired(before, draft, part) for before in options[:4]]
        options = tuple(dict.fromkeys(option for each in repaired for option in each))
    if any(unit.doubtful and unit.kind is Kind.LETTERS and "as in" in unit.raw for unit in units):
        options = tuple(_doubt(option) for option in options)
    return _verdict(options, used)


def _doubt(draft: _Draft) -> _Draft:
    return replace(draft, doubt=True)


def _verdict(options: Sequence[_Draft], used: str) -> Heard[str]:
    whole = [draft for draft in options if draft.domain and draft.local]
    if not whole:
        if all(draft.words > _MOST_WORDS or not draft.text for draft in options):
            return nothing("No e-mail address was heard. Ask for it.", used)
        if any(draft.domain for draft in options):
            return incomplete("The part before 'at' is missing. Ask for it.", used)
        return incomplete("The part from 'at' on is missing. Ask for it.", used)
    texts: tuple[str, ...] = tuple(
        dict.fromkeys(text for draft in whole if (text := _valid(draft.text)))
    )
    if len(texts) == 0:
        if any("." not in (draft.domain or "") for draft in whole):
            return incomplete("The ending, such as 'dot com', is missing. Ask for it.", used)
        return invalid("This is no e-mail address. Ask the caller to spell it.", used)
    if len(texts) > 1:
        return ambiguous("It is not clear what the caller corrected. Ask again.", used, texts)
    if whole[0].words > _MOST_WORDS or whole[0].doubt:
        return ambiguous(
            "It is not clear where the address begins. Ask the caller to spell it.", used, texts
        )
    meant = _suggestion(texts[0])
    if meant:
        return ambiguous(
            "The domain looks like a slip. Ask which one is right.", used, (meant, texts[0])
        )
    return Heard(value=texts[0], used=used)


def _valid(text: str) -> str | None:
    try:
        from email_validator import EmailNotValidError, validate_email
    except ImportError as exc:
        raise MissingExtra("email-validator", "tasks") from exc
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        return None


def _suggestion(address: str) -> str | None:
    """Return the address with the well-known domain that was perhaps meant."""
    local, _, domain = address.partition("@")
    name, _, ending = domain.partition(".")
    if ending in _ENDINGS_TYPED and PROVIDERS.get(name) == "com":
        return f"{local}@{name}.com"
    if name in PROVIDERS or name in _OTHERS or len(name) < 4:
        return None
    near = [known for known in PROVIDERS if len(known) > 3 and _one_slip(name, known)]
    return f"{local}@{near[0]}.{ending}" if near else None


def _one_slip(one: str, other: str) -> bool:
    """Return whether two words differ by one letter more, less, another, or two swapped."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])


def _draft(units: Sequence[Unit], lexicon: Lexicon) -> _Draft:
    at = _split(units, lexicon)
    if at is None:
        name = _local(_from_lead(units), lexicon)
        domain, rest = _domain(units, alone=True)
        return replace(name, alone=domain or "") if not rest else name
    local = _local(_from_lead(units[:at]), lexicon)
    domain, rest = _domain(units[at + 1 :])
    spelled = "".join(unit.text for unit in rest if unit.kind is Kind.LETTERS)
    made = _Draft(local.local, domain, local.breaks, local.words, doubt=local.doubt)
    return _respelled(made, spelled) if len(spelled) > 1 else made


def _split(units: Sequence[Unit], lexicon: Lexicon) -> int | None:
    """Return where the "at" is: the last before a domain; a misheard one only if need be."""
    signs = [place for place, unit in enumerate(units) if unit.kind is Kind.SIGN]
    ats = [place for place in signs if units[place].text == "@"]
    typed = [place for place in ats if units[place].raw == "@"]
    for place in reversed(typed or ats):
        if _domain(units[place + 1 :])[0]:
            return place
    if ats:
        return ats[-1]
    for place in range(len(units) - 2, 0, -1):
        if units[place].text in lexicon.signs_typed and _domain(units[place + 1 :], alone=True)[0]:
            return place
    return None


def _from_lead(units: Sequence[Unit]) -> list[Unit]:
    """Leave out what comes before the value: "the best one would be"."""
    start = max(
        (place + 1 for place, unit in enumerate(units) if unit.kind is Kind.LEAD), default=0
    )
    return list(units[start:])


def _local(units: Sequence[Unit], lexicon: Lexicon) -> _Draft:
    """Join what was said before the "at"; a word that is spelled out is what was spelled."""
    pieces: list[tuple[str, Kind]] = []
    breaks: list[int] = [0]
    told = False
    words = 0
    doubt = False
    for unit in units:
        if unit.kind is Kind.RESPELLED:
            told = True
            continue
        if unit.kind is Kind.SIGN and unit.text == "@":
            doubt = True
            pieces.append(("at", Kind.WORD))
            continue
        same = pieces and pieces[-1][1] is unit.kind is Kind.LETTERS
        if same and not told:
            pieces[-1] = (pieces[-1][0] + unit.text, Kind.LETTERS)
        else:
            pieces.append((unit.text, unit.kind))
        words += unit.kind is Kind.WORD and not unit.glued
        told = False if not same else told
    pieces = _spellings(pieces)
    text = ""
    for piece, kind in pieces:
        if kind is Kind.LETTERS:
            breaks += range(len(text), len(text) + len(piece))
        else:
            breaks.append(len(text))
        text += piece
    prose = words > 1 and any(_prose(unit, lexicon) for unit in units)
    return _Draft(text, None, tuple(sorted(set(breaks))), words, doubt=doubt or prose)


def _prose(unit: Unit, lexicon: Lexicon) -> bool:
    return unit.kind is Kind.WORD and unit.text in lexicon.prose


def _spellings(pieces: Sequence[tuple[str, Kind]]) -> list[tuple[str, Kind]]:
    """Put spellings in the place of the words that they spell: "smith s m y t h"."""
    kept: list[tuple[str, Kind]] = []
    for text, kind in pieces:
        before = _spelled_before(kept, text) if kind is Kind.LETTERS and len(text) > 2 else 0
        if before:
            kept[-before:] = [(text, kind)]
            continue
        if kind is Kind.LETTERS and kept and kept[-1][1] is Kind.WORD and len(text) > 2:
            word = kept[-1][0]
            if word[0] == text[0] and alike(word, text) >= _ALIKE:
                kept[-1] = (text, kind)
                continue
        if kind is Kind.WORD and kept and kept[-1] == (text, Kind.LETTERS):
            continue
        kept.append((text, kind))
    return kept


def _spelled_before(pieces: Sequence[tuple[str, Kind]], letters: str) -> int:
    """Return how many pieces a spelling repeats together: "j smith, j s m i t h"."""
    text = ""
    for count, (piece, kind) in enumerate(reversed(pieces), 1):
        text = piece + text
        if text == letters and count > 1:
            return count
        if kind not in {Kind.WORD, Kind.LETTERS} or len(text) > len(letters):
            return 0
    return 0


def _domain(units: Sequence[Unit], *, alone: bool = False) -> tuple[str | None, list[Unit]]:
    """Read a domain from the start of units.

    Args:
        units: what was said behind the "at".
        alone: whether it must prove to be a domain: end as one, or be well known.

    Returns:
        The domain, and what is left; (None, units) if it is none.
    """
    labels = [""]
    place = 0
    while place < len(units):
        unit = units[place]
        if unit.kind is Kind.SIGN and unit.text == ".":
            if not labels[-1]:
                break
            labels.append("")
        elif unit.kind is Kind.SIGN and unit.text == "-":
            labels[-1] += "-"
        elif unit.kind is Kind.LETTERS and len(labels) > 1 and not labels[-1]:
            labels[-1], place = _spelled_label(units, place)
            continue
        elif unit.kind in {Kind.WORD, Kind.LETTERS, Kind.FIGURES}:
            if len(labels) > 1 and _ended(labels, units, place):
                break
            if labels[-1] in PROVIDERS and unit.text in _ENDINGS:
                labels.append("")
            elif len(labels) == 1 and labels[-1] in PROVIDERS and not _dot_follows(units, place):
                break
            labels[-1] += unit.text
        else:
            break
        place += 1
    while labels and not labels[-1]:
        labels.pop()
    if not labels:
        return None, list(units)
    if labels[-1] in _ENDINGS_HEARD and not units[place - 1].glued and len(labels) > 1:
        labels[-1] = _ENDINGS_HEARD[labels[-1]]
    if len(labels) == 1 and labels[0] in PROVIDERS:
        labels.append(PROVIDERS[labels[0]])
    if alone and (len(labels) < 2 or not _plausible(labels[-1])):
        return None, list(units)
    if alone and len(labels[0]) > 24:
        return None, list(units)
    return ".".join(labels), list(units[place:])


def _spelled_label(units: Sequence[Unit], start: int) -> tuple[str, int]:
    """Read "c o m" behind a dot: all letters, or as many as make an ending."""
    end = start
    while end < len(units) and units[end].kind is Kind.LETTERS:
        end += 1
    texts = [unit.text for unit in units[start:end]]
    dot = end < len(units) and units[end].text in {".", "-"}
    sizes = () if dot else range(len(texts), 1, -1)
    size = next((size for size in sizes if _plausible("".join(texts[:size]))), len(texts))
    return "".join(texts[:size]), start + size


def _plausible(ending: str) -> bool:
    return ending in _ENDINGS or (len(ending) == 2 and ending.isalpha())


def _dot_follows(units: Sequence[Unit], place: int) -> bool:
    return any(unit.kind is Kind.SIGN for unit in units[place : place + 3])


def _ended(labels: Sequence[str], units: Sequence[Unit], place: int) -> bool:
    """Whether the last label is an ending, so that what follows is something else."""
    last = labels[-1]
    if not last:
        return False
    more = place + 1 < len(units) and units[place + 1].kind is Kind.SIGN
    if last in _ENDINGS or last in _ENDINGS_HEARD:
        return not (more and units[place + 1].text == ".")
    return len(last) == 2 or units[place - 1].kind is Kind.LETTERS


def _respelled(draft: _Draft, spelled: str) -> _Draft:
    """Read a spelling behind the whole address: "jane at gmail dot com, that's j a y n e"."""
    if spelled == draft.local.replace(".", ""):
        return draft
    chunks = _chunks(draft.local)
    near = sorted(((alike(draft.local[a:b], spelled), a, b) for a, b in chunks), reverse=True)
    if near and near[0][0] >= _ALIKE:
        _, begin, end = near[0]
        local = draft.local[:begin] + spelled + draft.local[end:]
        return _Draft(local, draft.domain, draft.breaks, draft.words, doubt=draft.doubt)
    return _doubt(draft)


def _chunks(local: str) -> list[tuple[int, int]]:
    """Return begin and end of what stands between signs, and between letters and figures."""
    edges = [0]
    for place, (one, other) in enumerate(pairwise(local), 1):
        if not one.isalnum() or not other.isalnum() or one.isdigit() != other.isdigit():
            edges.append(place)
    edges.append(len(local))
    return [(a, b) for a, b in pairwise(edges) if local[a:b].isalnum()]


def _repaired(before: _Draft, after: _Draft, part: Segment) -> tuple[_Draft, ...]:
    """Return what the address may be after a correction."""
    wrong = "".join(unit.text for unit in part.wrong)
    if wrong and after.domain is None and before.text.count(wrong) == 1:
        local, _, domain = before.text.replace(wrong, after.local).partition("@")
        return (_Draft(local, domain or None),)
    if not after.local or (after.domain is None and after.alone and before.domain):
        return (replace(before, domain=after.domain or after.alone or before.domain),)
    if before.domain is None:
        ways = repairs([(1.0, before.local)], after.local, starts=before.breaks, restart=0.3)
        texts = best(ways, bool)
        return tuple(_Draft(text, after.domain, after.breaks, after.words) for text in texts[:4])
    if after.domain is not None:
        return _restarted(before, after)
    return _substituted(before, after.local)


def _restarted(before: _Draft, after: _Draft) -> tuple[_Draft, ...]:
    """A whole address after a whole address: unless it resembles only the end of the first."""
    whole = alike(before.local, after.local)
    begin, end = _chunks(before.local)[-1] if _chunks(before.local) else (0, 0)
    if (
        begin
        and after.local.isalnum()
        and alike(before.local[begin:end], after.local) > max(whole, _ALIKE)
    ):
        joined = before.local[:begin] + after.local
        return after, _Draft(joined, after.domain)
    return (after,)


def _substituted(before: _Draft, new: str) -> tuple[_Draft, ...]:
    """Put a correction where it belongs in the part before the "@"."""
    old = before.local
    if len(new) == 1:
        places = [place for place, letter in enumerate(old) if sounds_like(letter, new)]
        return tuple(
            _Draft(old[:place] + new + old[place + 1 :], before.domain)
            for place in places
            if old[place] != new
        ) or (_doubt(before),)
    spans = [*_chunks(old), (0, len(old))]
    near = sorted(((alike(old[a:b], new), a, b) for a, b in spans), reverse=True)
    score, begin, end = near[0]
    if score < _ALIKE or (len(near) > 1 and near[1][0] > score - 0.1 and near[1][1:] != (0, 0)):
        same = {old[:a] + new + old[b:] for value, a, b in near if value > score - 0.1}
        if score < _ALIKE or len(same) > 1:
            return _doubt(before), _Draft(new, before.domain)
    return (_Draft(old[:begin] + new + old[end:], before.domain),)
