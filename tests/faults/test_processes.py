"""Workers are killed, the service is stopped, and clocks of instances differ."""

from tests.faults import scenarios


def test_killed_workers_lose_nothing(postgres, tmp_path):
    figures = scenarios.workers_killed(postgres, tmp_path, kills=4)
    assert figures.harmless, figures
    assert figures.unavailable == 0, figures
    assert figures.recovered < 5, figures


def test_stopping_server_finishes_its_requests(postgres, tmp_path):
    figures = scenarios.stopped_and_started(postgres, tmp_path, times=2)
    assert figures.harmless, figures
    assert figures.unavailable == 0, figures
    assert figures.broken_connections <= 4, figures  # those that arrive as the port closes, of four clients


def test_clocks_five_seconds_apart_are_nothing_to_notice(postgres, tmp_path):
    figures = scenarios.clocks_apart(postgres, tmp_path, seconds=3)
    assert figures.flawless, figures
