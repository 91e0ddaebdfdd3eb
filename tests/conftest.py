"""What holds for all tests."""

import gc

import pytest
from hypothesis import settings

# On a busy machine an example may take any time; a test that hangs is CI's business.
settings.register_profile("hookflash", deadline=None)
settings.load_profile("hookflash")


def pytest_collection_finish() -> None:
    """Spare the collector six thousand tests, which it would look through again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _every_test_cleans_up(no_loose_ends: None) -> None:
    """No test leaves a task or an exception behind."""
