"""What clients see of the service through nginx, with the site of deploy/."""

from tests.faults import scenarios


def test_restarting_one_instance_after_the_other_fails_no_request(postgres, nginx, tmp_path):
    figures = scenarios.rolling_restarts(postgres, tmp_path, restarts=2, drain_seconds=3)
    assert figures.flawless, figures


def test_more_slow_senders_than_there_are_threads_keep_nobody_waiting(postgres, nginx, tmp_path):
    figures = scenarios.slow_senders(postgres, tmp_path, seconds=4)
    assert figures.flawless, figures
    assert figures.recovered < 2, figures
