"""What the record of a session holds of the transfers that were tried in it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.agent.stage import Script
from tests.agent.transfer_stage import ANN, NUMBER, OPTIONS, SUMMARY, TransferStage, at_desks

from hookflash.agent.record import CallRecord, RecordConfig, TransferRecord, load_record, recover
from hookflash.calls.transfer_types import PhoneDestination
from hookflash.events.call import Outcome
from hookflash.events.transfer import AttemptEnder, TransferAttempt, WarmTransferPhase
from hookflash.runtime import clock
from hookflash.testing.scripted import Calls

DECLINED: Script = (
    "All right.",
    SUMMARY,
    Calls("decline_transfer", {"reason": "I am on my lunch break"}),
)


def record_of(
    folder: Path,
    play: Callable[[TransferStage], Awaitable[None]],
    *,
    script: Script = (SUMMARY,),
    **config: Any,
) -> CallRecord:
    """Play a session, end it, and read its record."""
    record = RecordConfig(directory=folder, **config)

    async def main() -> None:
        options = msgspec.structs.replace(OPTIONS, record=record)
        async with at_desks(script=script, options=options) as place:
            await play(place)

    clock.run(main(), virtual=True)
    (file,) = folder.glob("*.record.json")
    return load_record(file)


def times(attempt: TransferAttempt) -> list[float | None]:
    moments = (
        *(attempt.dialed_at, attempt.ringing_at, attempt.answered_at, attempt.human_at),
        *(attempt.accepted_at, attempt.merged_at, attempt.ended_at),
    )
    return [moment if moment is None else round(moment, 1) for moment in moments]


async def is_put_through(place: TransferStage) -> None:
    await asyncio.sleep(3.0)
    transfer = place.begin()
    supervisor = await place.briefed()
    supervisor.press("1")
    assert (await transfer).success
    assert await place.stage.session.wait_closed() == "transferred"


async def is_declined(place: TransferStage) -> None:
    await place.caller_says("A person, please")
    await asyncio.sleep(2.0)
    transfer = place.begin()
    await place.briefed()
    await place.supervisor_says("I am on my lunch break")
    assert (await transfer).reason == "declined"


def test_a_session_that_ended_by_a_transfer_has_it_whole_in_its_record(tmp_path: Path) -> None:
    record = record_of(tmp_path, is_put_through)
    (transfer,) = record.transfers
    assert (record.ended, record.call.outcome) == ("transferred", None)
    assert (transfer.phase, transfer.reason) == (WarmTransferPhase.TRANSFER_COMPLETE, None)
    assert transfer.at == pytest.approx(3.0, abs=0.1)
    assert transfer.seconds == pytest.approx(25.6, abs=0.1)
    (attempt,) = transfer.attempts
    assert (attempt.destination, attempt.reason, attempt.ended_by) == ("Ann", None, None)
    dialled, rang, answered, human, accepted, merged, ended = times(attempt)
    # Nine words of the hold line, 0.2 s each; then a ring of a second.
    assert (dialled, rang, answered, ended) == (1.8, 1.8, 2.8, None)
    assert human is not None
    assert 2.8 < human < 6.0
    assert (accepted, merged) == (23.6, 23.6), "the key is pressed when all was heard"


def test_why_an_attempt_failed_and_who_ended_it_is_in_the_record(tmp_path: Path) -> None:
    async def play(place: TransferStage) -> None:
        others = [ANN, PhoneDestination("+14155550111", "Bob")]
        transfer = place.begin(destinations=others)
        await place.desk.rings()
        await asyncio.sleep(2.0)
        place.desk.ends(Outcome.BUSY, "486")
        await place.desk.rings()
        await asyncio.sleep(3.0)
        place.stage.leg.press("*")
        assert (await transfer).reason == "caller_cancelled"

    record = record_of(tmp_path, play)
    (transfer,) = record.transfers
    assert (transfer.phase, transfer.reason) == ("transfer_cancelled", "caller_cancelled")
    assert transfer.seconds == pytest.approx(6.8)
    ann, bob = transfer.attempts
    assert times(ann) == [1.8, 1.8, None, None, None, None, 3.8]
    assert (ann.reason, ann.sip_code, ann.cause) == ("supervisor_busy", 486, "486")
    assert ann.ended_by is AttemptEnder.SUPERVISOR
    assert times(bob) == [3.8, 3.8, None, None, None, None, 6.8]
    assert (bob.reason, bob.ended_by) == ("caller_cancelled", AttemptEnder.AGENT)


def test_a_caller_who_hung_up_meanwhile_has_the_attempt_in_the_record(tmp_path: Path) -> None:
    async def play(place: TransferStage) -> None:
        place.begin()
        await place.desk.rings()
        await asyncio.sleep(4.0)
        place.stage.leg.hang_up()
        assert await place.stage.session.wait_closed() == "caller_hung_up"

    record = record_of(tmp_path, play)
    (transfer,) = record.transfers
    assert (transfer.phase, transfer.reason) == ("transfer_cancelled", "caller_disconnected")
    (attempt,) = transfer.attempts
    assert times(attempt) == [1.8, 1.8, None, None, None, None, 5.8]


def test_each_transfer_has_its_own_attempts(tmp_path: Path) -> None:
    async def play(place: TransferStage) -> None:
        for _ in range(2):
            transfer = place.begin()
            await place.desk.rings()
            place.desk.ends(Outcome.BUSY)
            await transfer
            await asyncio.sleep(10.0)

    first, second = record_of(tmp_path, play).transfers
    assert (first.reason, second.reason) == ("supervisor_busy", "supervisor_busy")
    assert second.at > first.at + 10.0
    assert len(first.attempts) == len(second.attempts) == 1


def test_what_the_supervisor_gave_as_the_reason_are_words_and_kept_as_such(tmp_path: Path) -> None:
    record = record_of(tmp_path, is_declined, script=DECLINED)
    (transfer,) = record.transfers
    assert transfer.attempts[0].decline_reason == "I am on my lunch break"
    assert SUMMARY not in msgspec.json.encode(record.transfers).decode()


def test_without_content_times_and_outcomes_are_kept_but_no_words(tmp_path: Path) -> None:
    record = record_of(tmp_path, is_declined, script=DECLINED, content=False)
    (file,) = tmp_path.glob("*.record.json")
    text = file.read_text("utf-8")
    assert "lunch" not in text
    assert "money" not in text, "a word of the summary"
    (transfer,) = record.transfers
    assert (transfer.phase, transfer.reason) == ("transfer_cancelled", "declined")
    (attempt,) = transfer.attempts
    assert (attempt.destination, attempt.reason, attempt.ended_by) == ("Ann", "declined", "agent")
    assert all(moment is not None for moment in (attempt.human_at, attempt.ended_at))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (NUMBER, "+1415•••0100"),
        ("(415) 555-0100", "(415)•••0100"),
        ("Ann, desk 4711", "Ann, desk 4711"),
    ],
)
def test_a_number_that_stands_for_a_name_is_masked(tmp_path: Path, name: str, shown: str) -> None:
    async def play(place: TransferStage) -> None:
        transfer = place.begin(destination=PhoneDestination(NUMBER, name))
        await place.desk.rings()
        place.desk.ends(Outcome.BUSY)
        await transfer

    (transfer,) = record_of(tmp_path / "masked", play).transfers
    assert transfer.attempts[0].destination == shown
    (file,) = (tmp_path / "masked").glob("*.record.json")
    assert NUMBER not in file.read_text("utf-8")
    (transfer,) = record_of(tmp_path / "whole", play, numbers=True).transfers
    assert transfer.attempts[0].destination == name


def test_of_a_process_that_died_it_is_known_how_far_the_transfer_had_come() -> None:
    head = b'{"journal":1,"session":"s","began":"","call":{"id":"c","direction":"inbound"}}'
    attempt = b'{"target":0,"destination":"Ann","dialed_at":2.0,"reason":"supervisor_busy"}'
    told = [
        b'{"event":{"name":"warm_transfer.attempt","sequence":1,"turn":"","at":1.0,"attempt":%s}}'
        % attempt,
        b'{"event":{"name":"warm_transfer","sequence":2,"turn":"","at":5.0,"phase":"started"}}',
        b'{"event":{"name":"warm_transfer","sequence":3,"turn":"","at":7.0,"phase":"supervisor_dialed"}}',
        b'{"event":{"name":"warm_transfer.attempt","sequence":4,"turn":"","at":9.0,"attempt":%s}}'
        % attempt,
    ]
    record = recover([head, *told])
    (transfer,) = record.transfers
    assert transfer == TransferRecord(
        at=5.0,
        phase=WarmTransferPhase.SUPERVISOR_DIALED,
        attempts=transfer.attempts,
    )
    assert [each.reason for each in transfer.attempts] == ["supervisor_busy"]


def test_a_record_of_before_there_were_transfers_can_be_read(tmp_path: Path) -> None:
    head = b'{"journal":1,"session":"s","began":"","call":{"id":"c","direction":"inbound"}}'
    body = msgspec.to_builtins(recover([head]))
    del body["transfers"]
    file = tmp_path / "old.record.json"
    file.write_bytes(msgspec.json.encode(body))
    assert load_record(file).transfers == ()
