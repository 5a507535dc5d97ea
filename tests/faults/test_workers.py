"""Workers die, and others take their place."""

from tests.faults import scenarios


def test_workers_killed_every_two_seconds_lose_nothing(postgres, tmp_path):
    figures = scenarios.workers_killed(postgres, tmp_path, kills=4)
    assert figures.harmless, figures
    assert figures.recovered < 5, figures
