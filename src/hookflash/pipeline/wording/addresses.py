"""Addresses of the internet: e-mail, web, files. They are read alike in all languages."""

import re
from collections.abc import Callable

import msgspec

from hookflash.pipeline.wording.rules import Match, Rule, rule

__all__ = ["AddressWords", "address_rules"]

# Domains that are certain enough without "www." before them. Names of files and of technologies
# (Node.js, e.g., a.m.) must not be among them.
_TOP = (
    "com|org|net|edu|gov|mil|info|biz|io|ai|app|dev|co|me|tv|uk|us|ca|au|nz|ie|in|de|at|ch|fr|be|nl|"
    "es|pt|it|pl|se|no|dk|fi|cz|jp|kr|cn|br|mx|ar|za|eu|online|shop|store|tech|cloud|health|care|bank|"
    "example|test|invalid|local|localhost"
)
# Names that are said as words; a space around each.
_SAID = (
    " com org net gov mil info biz app dev co me online shop store tech cloud health care bank "
    "example test invalid local localhost mail "
)
_FILES = (
    "pdf|docx?|xlsx?|pptx?|csv|txt|md|html?|xml|json|ya?ml|toml|ini|log|py|js|ts|sh|exe|zip|gz|tar|png|"
    "jpe?g|gif|svg|mp[34]|wav|ogg"
)
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.){1,6}"
# Beyond this a listener cannot follow; the host alone is said.
_LONGEST = 60


class AddressWords(msgspec.Struct, frozen=True, eq=False):
    """How the signs of addresses are read.

    Attributes:
        at: "@".
        dot: ".".
        slash: "/".
        dash: "-".
        underscore: "_".
        plus: "+".
        figure: gives the word for a figure from 0 to 9.
    """

    at: str
    dot: str
    slash: str
    dash: str
    underscore: str
    plus: str
    figure: Callable[[str], str]


def address_rules(words: AddressWords) -> list[Rule]:
    """Return the rules for one language, the first first."""
    signs = {
        "@": words.at,
        ".": words.dot,
        "/": words.slash,
        "-": words.dash,
        "_": words.underscore,
        "+": words.plus,
    }

    def read(text: str) -> str:
        """Read name by name; figures one by one; what has no vowel is spelled."""
        parts: list[str] = []
        for part in re.findall(r"[^\W\d_]+|[0-9]+|[^\w\s]|_", text):
            if part[0] in "0123456789":
                parts += (words.figure(figure) for figure in part)
            elif part in signs:
                parts.append(signs[part])
            else:
                parts.append(part)
        return " ".join(parts)

    def read_host(text: str) -> str:
        *names, top = text.split(".")
        second = names[-1] if len(names) > 1 and len(names[-1]) == 2 else None
        spoken = [
            read(name) if name is not second or f" {name} " in _SAID else " ".join(name.upper())
            for name in names
        ]
        spoken.append(top if f" {top.lower()} " in _SAID else _extension(top))
        return f" {words.dot} ".join(spoken)

    def mail(found: Match) -> str:
        return f"{read(found['user'])} {words.at} {read_host(found['host'])}"

    def web(found: Match) -> str | None:
        host, path = found["host"], (found["path"] or "").rstrip("/.,;:!?")
        lost = len(found["path"] or "") - len((found["path"] or "").rstrip(".,;:!?"))
        stop = (found["path"] or "")[-lost:] if lost else ""
        path = re.split(r"[?#]", path)[0].rstrip("/")
        spoken = read_host(host)
        if found["port"]:
            spoken += f" : {' '.join(words.figure(figure) for figure in found['port'])}"
        if path and len(host) + len(path) <= _LONGEST:
            spoken += f" {read(path)}"
        return f"{spoken}{stop}"

    def file(found: Match) -> str:
        name, ending = found["name"], found["ending"]
        return f"{read(name)} {words.dot} {_extension(ending)}"

    return [
        rule(
            r"(?:mailto:)?(?<![\w.+-])(?P<user>[\w](?:[\w.+%-]{0,62}[\w+])?)@"
            r"(?P<host>(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,6}[A-Za-z]{2,18})(?![\w@-])",
            mail,
        ),
        rule(
            r"(?:https?|wss?|ftp)://(?:www\.)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]{0,200}[A-Za-z0-9])"
            r"(?::(?P<port>[0-9]{1,5}))?(?P<path>[/?#][^\s<>()\[\]\"'\u201d]{0,2000})?",
            web,
        ),
        rule(
            r"(?<![\w@.-])www\.(?P<host>(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){1,6}[A-Za-z]{2,18})(?P<port>)"
            r"(?P<path>[/?#][^\s<>()\[\]\"'\u201d]{0,2000})?(?![\w@])",
            web,
        ),
        rule(
            rf"(?<![\w@./\\-])(?P<host>(?:[a-z0-9][a-z0-9-]{{0,62}}\.){{1,4}}(?:{_TOP}))(?P<port>)"
            r"(?P<path>/[^\s<>()\[\]\"'\u201d]{0,2000})?(?![\w@-]|\.\w)",
            web,
        ),
        rule(
            rf"(?<![\w@./\\-])(?P<name>[A-Za-z][\w-]{{0,60}})\.(?P<ending>(?i:{_FILES}))(?![\w@-]|\.\w)",
            file,
        ),
        # Paths: "/etc/hosts", "~/notes/a.txt".
        rule(
            r"(?<![\w/:.<])~?(?:/[\w.-]{1,60}){2,10}/?(?![\w/])",
            lambda found: read(found[0].rstrip("/.")) + ("." if found[0].endswith(".") else ""),
        ),
    ]


def _extension(text: str) -> str:
    """Spell an ending that is not a word."""
    return " ".join(text.upper())
