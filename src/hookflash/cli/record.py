"""What a person at the terminal sees of a session's record."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from hookflash.agent.measures import Distribution
from hookflash.agent.record import (
    JOURNAL_SUFFIX,
    CallRecord,
    TransferRecord,
    load_record,
    record_path,
    write_record,
)
from hookflash.errors import UsageError

__all__ = ["show_record"]


def show_record(file: Path, console: Console) -> None:
    """Print a record; of a journal that a dead process left, make the record first.

    The journal stays: a session that still lives goes on writing it.

    Raises:
        UsageError: the file is neither, or the record cannot be written.
    """
    record = load_record(file)
    if file.name.endswith(JOURNAL_SUFFIX):
        made = record_path(file)
        try:
            write_record(record, made)
        except OSError as exc:
            msg = f"cannot write {made}: {exc.strerror}"
            raise UsageError(msg) from exc
        console.print(f"recovered into {made}", style="dim", soft_wrap=True)
    _print(record, console)


def _print(record: CallRecord, console: Console) -> None:
    call, metrics, usage = record.call, record.metrics, record.usage
    facts = _table("", "")
    outcome = call.outcome or "unknown"
    for name, value in (
        ("session", record.session),
        ("call", f"{call.id}, {call.direction}, {call.from_ or '?'} to {call.to or '?'}"),
        ("began", record.began),
        ("ended", f"{record.ended}, after {record.usage.seconds:.1f} s; the call: {outcome}"),
        ("heard", f"caller {metrics.caller_speech:.1f} s, agent {metrics.agent_speech:.1f} s"),
        ("both heard", f"{metrics.talk_over:.1f} s"),
        ("dead air", f"{metrics.dead_air:.1f} s"),
        ("interruptions", f"{metrics.interruptions}, false {metrics.false_interruptions}"),
        ("tokens", f"{usage.input_tokens} in, {usage.output_tokens} out"),
        ("characters", f"{usage.characters} synthesised"),
    ):
        facts.add_row(name, value)
    console.print(facts)

    turns = _table("at", "caller", "heard in answer", "outcome", "ms")
    for turn in record.turns:
        outcome = "" if turn.metrics is None else turn.metrics.outcome.value
        latency = None if turn.metrics is None else turn.metrics.latency
        turns.add_row(f"{turn.at:.1f}", turn.text, turn.heard, outcome, _ms(latency))
    console.print(turns)

    spread = _table("ms", "p50", "p95", "most", "count")
    for name in (
        *("latency", "endpointing", "stt", "llm_first_text", "llm_total", "tts_first_audio"),
        *("barge_in", "tool"),
    ):
        of: Distribution = getattr(metrics, name)
        if of.count:
            spread.add_row(name, _ms(of.p50), _ms(of.p95), _ms(of.most), str(of.count))
    console.print(spread)

    for transfer in record.transfers:
        _print_transfer(transfer, console)

    for error in record.errors:
        at = error.get("at", 0.0)
        console.print(f"error at {at:.1f} s: {error.get('source')}, {error.get('reason')}")


def _print_transfer(transfer: TransferRecord, console: Console) -> None:
    sip = None if transfer.sip_code is None else f"SIP {transfer.sip_code}"
    took = None if transfer.seconds is None else f"after {transfer.seconds:.1f} s"
    told = ", ".join(filter(None, (transfer.phase.value, transfer.reason, sip, took)))
    console.print(f"transfer at {transfer.at:.1f} s: {told}")
    # Short words: nine columns are to fit into eighty characters.
    attempts = _table(
        *("to", "dial", "ring", "answer", "human", "yes", "merge", "end", "outcome", "by"), gap=1
    )
    for each in transfer.attempts:
        times = (
            *(each.dialed_at, each.ringing_at, each.answered_at, each.human_at),
            *(each.accepted_at, each.merged_at, each.ended_at),
        )
        reason = "connected" if each.reason is None else each.reason.value
        reason = reason.removeprefix("supervisor_")
        told = ", ".join(filter(None, (reason, each.decline_reason, each.cause)))
        by = "" if each.ended_by is None else each.ended_by.value
        attempts.add_row(each.destination, *map(_seconds, times), told, by)
    if transfer.attempts:
        console.print(attempts)


def _table(*columns: str, gap: int = 2) -> Table:
    table = Table(*columns, box=None, padding=(0, gap, 0, 0), show_header=any(columns))
    for column in table.columns:
        column.overflow = "fold"
    return table


def _ms(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f}"


def _seconds(moment: float | None) -> str:
    return "" if moment is None else f"{moment:.1f}"
