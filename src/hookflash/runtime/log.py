"""Logs that can be shown to anyone: a call id on every line, no numbers, words or secrets.

The rule is kept where lines are written: nobody passes a transcript, a digit or a token to a
logger, and telephone numbers pass through `mask`. `RedactingFilter`, which `set_up` installs, is
the net below: it masks whatever still looks like a telephone number and hides what looks like a
card's, also in the tracebacks of a program that raised with one in its message.
"""

import logging
import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["RedactingFilter", "call_scope", "mask", "set_up"]

_call: ContextVar[str] = ContextVar("hookflash_call", default="-")

# E.164 has at most 15 digits; shorter than 8 is no public number. Not part of a longer word, so
# that identifiers in hexadecimal stay readable.
_NUMBER = re.compile(r"(?<![\w.])\+?\d{8,15}(?![\w.])")
# Payment cards have 13 to 19 digits (ISO/IEC 7812-1), written in groups or not.
_CARD = re.compile(r"(?<![\w.+])\d(?:[ -]?\d){12,18}(?![\w.])")
_SHOWN_HEAD = 5
_SHOWN_TAIL = 4


def mask(number: str) -> str:
    """Return a telephone number fit for a log: `+14155550100` becomes `+1415•••0100`.

    Anything too short to hide part of is hidden whole; a SIP address keeps its host.
    """
    if number.startswith(("sip:", "sips:")) and "@" in number:
        scheme, _, rest = number.partition(":")
        return f"{scheme}:•••@{rest.rpartition('@')[2]}"
    if len(number) < _SHOWN_HEAD + _SHOWN_TAIL + 1:
        return "•••"
    return f"{number[:_SHOWN_HEAD]}•••{number[-_SHOWN_TAIL:]}"


@contextmanager
def call_scope(call_id: str) -> Generator[None]:
    """Put a call's id on every line logged inside, and by tasks started inside."""
    token = _call.set(call_id)
    try:
        yield
    finally:
        _call.reset(token)


class RedactingFilter(logging.Filter):
    """Adds `record.call` and masks numbers in the finished message and the traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; keep it."""
        record.call = _call.get()
        message = record.getMessage()
        masked = _masked(message)
        if masked != message:
            record.msg = masked
            record.args = None
        if record.exc_info:
            record.exc_text = _masked(_formatter.formatException(record.exc_info))
        return True


_formatter = logging.Formatter()


def _masked(text: str) -> str:
    return _NUMBER.sub(lambda match: mask(match.group()), _CARD.sub("•••", text))


def set_up(level: int = logging.INFO) -> None:
    """Log hookflash's lines to standard error, redacted, with the call's id. For programs."""
    handler = logging.StreamHandler()
    handler.addFilter(RedactingFilter())
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(call)s %(name)s: %(message)s")
    )
    logger = logging.getLogger("hookflash")
    logger.handlers = [handler]
    logger.setLevel(level)
    logger.propagate = False
