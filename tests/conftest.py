"""What holds for all tests."""

import pytest


@pytest.fixture(autouse=True)
def _every_test_cleans_up(no_loose_ends: None) -> None:
    """No test leaves a task or an exception behind."""
