"""PostgreSQL is restarted, read-only or frozen."""

import pytest

from tests.faults import scenarios


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_restart_loses_nothing_and_service_resumes(postgres, tmp_path, how):
    figures = scenarios.postgres_restarted(postgres, tmp_path, how=how, down_seconds=1)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.recovered < 5, figures


def test_read_only_database_serves_reads(postgres, tmp_path):
    figures = scenarios.postgres_read_only(postgres, tmp_path, seconds=2)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.recovered < 5, figures


def test_replica_replaces_the_primary_without_loss(tmp_path):
    """Reads go on from the replica until it is promoted: of the few that fail, each one met the crash itself."""
    figures = scenarios.postgres_failed_over(tmp_path, seconds=3)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.recovered < 5, figures
    assert figures.unread < 20, figures


def test_frozen_database_gives_503_within_seconds(postgres, tmp_path):
    figures = scenarios.postgres_frozen(postgres, tmp_path, seconds=15, patience=3)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.slowest < 13, figures  # 5 for itself, and 5 for a thread, if its worker has none left
    assert figures.recovered < 5, figures
