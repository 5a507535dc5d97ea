"""The schema changes while clients send requests."""

from tests.faults import scenarios


def test_migration_that_waits_for_a_lock_fails_no_request(postgres, tmp_path):
    figures = scenarios.migrated(postgres, tmp_path)
    assert figures.flawless, figures
    assert figures.slowest < 8, figures
