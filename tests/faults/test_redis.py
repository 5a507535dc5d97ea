"""Redis goes away, and comes back empty: nobody whose session was ended gets in meanwhile, or after."""

from tests.faults import scenarios


def test_killed_and_started_again_with_nothing_in_it(postgres, redis, tmp_path):
    figures = scenarios.redis_killed(postgres, redis, tmp_path, seconds=2)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.recovered < 5, figures


def test_frozen(postgres, redis, tmp_path):
    figures = scenarios.redis_frozen(postgres, redis, tmp_path, seconds=3)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.recovered < 5, figures
