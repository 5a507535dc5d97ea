"""PostgreSQL goes away, and comes back."""

import pytest

from tests.faults import scenarios


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_restart_loses_nothing_and_all_are_served_within_seconds(postgres, tmp_path, how):
    figures = scenarios.postgres_restarted(postgres, tmp_path, how=how, down_seconds=1)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.recovered < 5, figures


def test_while_it_takes_no_writes_it_is_read(postgres, tmp_path):
    figures = scenarios.postgres_read_only(postgres, tmp_path, seconds=2)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.recovered < 5, figures


def test_while_it_is_frozen_the_answer_is_503_within_seconds(postgres, tmp_path):
    figures = scenarios.postgres_frozen(postgres, tmp_path, seconds=15, patience=3)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.slowest < 13, figures  # 5 for itself, and 5 for a thread, if its worker has none left
    assert figures.recovered < 5, figures
