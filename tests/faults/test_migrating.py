"""The schema changes while people work."""

from tests.faults import scenarios


def test_a_migration_that_has_to_wait_for_a_lock_fails_no_request_and_neither_does_the_next_try(postgres, tmp_path):
    figures = scenarios.migrated(postgres, tmp_path)
    assert figures.flawless, figures
    assert figures.slowest < 8, figures
