"""The bench's processes, for a few seconds; figures of so short a run mean nothing."""

import pytest
from bench.report import table
from bench.runs import SYSTEMS, Result, run


@pytest.mark.slow
@pytest.mark.real_time
def test_calls_are_placed_answered_interrupted_and_counted() -> None:
    result = run(SYSTEMS["hookflash"], calls=2, seconds=3.2, settle=0.5)
    assert (result.turns, result.missed_turns, result.lost_calls) == (2, 0, 0)
    assert result.missed_barge_ins == 0
    assert 0 < result.cpu_ms < 1000
    assert result.base_mb > 10


def test_the_table_has_a_row_for_each_result_with_shares_at_equal_load() -> None:
    def result(system: str, calls: int, cpu_ms: float) -> Result:
        triple = (1.0, 2.0, 3.0)
        return Result(
            system=system,
            calls=calls,
            cpu_ms=cpu_ms,
            mb=0.25,
            base_mb=60.0,
            late_ms=triple,
            jitter_ms=triple,
            turn_ms=triple,
            barge_in_ms=triple,
            turns=10,
            missed_turns=1,
            missed_barge_ins=2,
            lost_calls=0,
            load_cpu=0.1,
            load_late_ms=triple,
        )

    results = [result("hookflash", 25, 3.0), result("pipecat", 25, 30.0), result("floor", 1, 9.0)]
    assert table(results).splitlines()[2:] == [
        "| 25 | hookflash | 3.0 |  | 0.10 | 0.25 | 2, 3 | 1, 2 | 1, 2 | 3 |",
        "| 25 | pipecat | 30.0 |  |  | 0.25 | 2, 3 | 1, 2 | 1, 2 | 3 |",
        "| 1 | floor | 9.0 |  |  | 0.25 | 2, 3 | 1, 2 | 1, 2 | 3 |",
    ]
