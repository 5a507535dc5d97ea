"""The service behind nginx with the configuration of deploy/."""

from tests.faults import scenarios


def test_restarting_one_instance_after_the_other_fails_no_request(postgres, nginx, tmp_path):
    figures = scenarios.rolling_restarts(postgres, tmp_path, restarts=2, drain_seconds=3)
    assert figures.flawless, figures


def test_many_slow_senders_delay_no_other_client(postgres, nginx, tmp_path):
    figures = scenarios.slow_senders(postgres, tmp_path, seconds=4)
    assert figures.flawless, figures
    assert figures.recovered < 2, figures
