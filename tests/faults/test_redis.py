"""Redis is killed and restarted empty, or frozen: no request fails, and ended sessions stay ended."""

from tests.faults import scenarios


def test_killed_and_started_again_with_nothing_in_it(postgres, redis, tmp_path):
    figures = scenarios.redis_killed(postgres, redis, tmp_path, seconds=2)
    assert figures.flawless, figures
    assert figures.slowest < 2, figures


def test_frozen(postgres, redis, tmp_path):
    figures = scenarios.redis_frozen(postgres, redis, tmp_path, seconds=3)
    assert figures.flawless, figures
    assert figures.slowest < 2, figures
