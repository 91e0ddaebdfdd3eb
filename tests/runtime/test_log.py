import logging

import pytest

from hookflash.runtime.log import RedactingFilter, call_scope, mask, set_up


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+14155550100", "+1415•••0100"),
        ("4155550100", "41555•••0100"),
        ("+155501", "•••"),
        ("", "•••"),
        ("sip:alice@example.com", "sip:•••@example.com"),
        ("sips:alice@example.com;transport=tcp", "sips:•••@example.com;transport=tcp"),
    ],
)
def test_numbers_are_masked(number: str, shown: str) -> None:
    assert mask(number) == shown


def test_a_line_says_which_call_it_is_about_and_hides_numbers() -> None:
    record = logging.LogRecord(
        "hookflash", logging.INFO, "", 0, "from %s to %s, id %s",
        ("+14155550100", "441632960961", "call_12ab34567890cd"), None,
    )  # fmt: skip
    with call_scope("call_1"):
        assert RedactingFilter().filter(record)
    assert record.__dict__["call"] == "call_1"
    assert record.getMessage() == "from +1415•••0100 to 44163•••0961, id call_12ab34567890cd"


def test_card_numbers_are_hidden_whole() -> None:
    record = logging.LogRecord(
        "hookflash", logging.INFO, "", 0, "%s and %s, but %s",
        ("4111111111111111", "3782 822463 10005", "call_4111111111111111"), None,
    )  # fmt: skip
    RedactingFilter().filter(record)
    assert record.getMessage() == "••• and •••, but call_4111111111111111"


def test_tracebacks_hide_numbers_too(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("hookflash")
    before = (logger.handlers, logger.level, logger.propagate)
    try:
        set_up()
        try:
            int("4111 1111 1111 1111")
        except ValueError:
            logging.getLogger("hookflash.agent").exception("a tool raised")
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])
    lines = capsys.readouterr().err
    assert "ValueError: invalid literal for int() with base 10: '•••'" in lines
    assert "Traceback" in lines


def test_lines_without_a_number_are_left_alone() -> None:
    record = logging.LogRecord("hookflash", logging.INFO, "", 0, "%d calls", (12,), None)
    RedactingFilter().filter(record)
    assert (record.msg, record.args) == ("%d calls", (12,))
    assert record.__dict__["call"] == "-"


def test_a_program_gets_redacted_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("hookflash")
    before = (logger.handlers, logger.level, logger.propagate)
    try:
        set_up()
        logging.getLogger("hookflash.calls").info("rings: %s", "+14155550100")
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])
    line = capsys.readouterr().err
    assert "INFO - hookflash.calls: rings: +1415•••0100" in line
