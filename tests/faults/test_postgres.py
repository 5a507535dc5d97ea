"""PostgreSQL goes away, and comes back."""

import pytest

from tests.faults import scenarios


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_restart_loses_nothing_and_all_are_served_within_seconds(postgres, tmp_path, how):
    figures = scenarios.postgres_restarted(postgres, tmp_path, how=how, down_seconds=1)
    assert figures.harmless, figures
    assert figures.recovered < 5, figures
