"""SQLite: many writers in several processes, and a full disk."""

import subprocess

import pytest

from tests.faults import scenarios


def test_four_processes_of_sixteen_writers_all_get_their_turn(tmp_path):
    figures = scenarios.many_writers_on_sqlite(tmp_path, seconds=2)
    assert figures.harmless, figures
    assert figures.unavailable == 0, figures


@pytest.fixture
def small_disk(tmp_path):
    """A small disk. Without the permission to mount one, the test is skipped."""
    try:
        with scenarios.small_disk(tmp_path) as disk:
            yield disk
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        pytest.skip(f"no small disk could be mounted: {error}")


def test_full_disk_rejects_only_writes_until_there_is_room(small_disk, tmp_path):
    figures = scenarios.disk_full(small_disk, tmp_path, seconds=2)
    assert figures.harmless, figures
    assert figures.unavailable, figures
    assert figures.unread == 0, figures
    assert figures.recovered < 5, figures
