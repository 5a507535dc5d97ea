"""What programs do with the asynchronous client, under asyncio and trio."""

import time
from contextlib import aclosing

import anyio
import pytest
from conftest import ADDRESS, PASSWORD

from taskapi_client import AsyncTaskApi, SignedOut, VersionMismatch

pytestmark = pytest.mark.anyio


async def test_twenty_tasks_with_an_expired_token_refresh_once(async_api, relay, expire):
    expire()
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(async_api.account.get)
    assert relay.count("GET /me 200") == 20
    assert relay.count("POST /auth/refresh") == 1


# httpx does not close its generators, about which trio warns
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <async_generator:pytest.PytestUnraisableExceptionWarning")
async def test_changes_are_followed(username, store):
    async with AsyncTaskApi(ADDRESS, store=store) as api:
        if not hasattr(api, "changes") or not hasattr(api.changes, "stream"):
            pytest.skip("the API has no stream of changes")
        await api.login(username, PASSWORD)
        async with aclosing(api.follow_changes()) as cursors:
            first = await anext(cursors)
            await api.tasks.create(title="Water the plants")
            second = await anext(cursors)
        assert (await api.changes.list(since=first)).cursor == second != first


async def test_cancelled_poll_of_changes_ends_at_once(async_api, relay):
    if not hasattr(async_api, "changes") or not hasattr(async_api.changes, "stream"):
        pytest.skip("the API has no stream of changes")
    relay.reply(200, {"Content-Type": "application/json"}, {"cursor": "5"})
    relay.reply(503, {"Retry-After": "60"}, {"code": "stream_unavailable"})
    cursors = async_api.follow_changes(poll_seconds=60)
    assert await anext(cursors) == "5"
    start = time.monotonic()
    with anyio.move_on_after(1):
        await anext(cursors)
    assert time.monotonic() - start < 5


async def test_cancelled_refresh_releases_the_lock(async_api, relay, store, expire):
    expire()
    relay.delay["/auth/refresh"] = 1
    async with anyio.create_task_group() as group:
        group.start_soon(async_api.account.get)
        await anyio.to_thread.run_sync(relay.wait_for, "POST /auth/refresh 200")
        group.cancel_scope.cancel()
    relay.delay.clear()
    start = time.monotonic()
    assert (await async_api.account.get()).username
    assert time.monotonic() - start < 5
    assert store.acquire()


async def test_lost_response_is_repeated_with_the_same_key(async_api, relay):
    relay.lose = "/tasks"
    task = await async_api.tasks.create(title="Once")
    assert relay.count("POST /tasks 201") == 2
    assert [found.id async for found in async_api.tasks.list()] == [task.id]


async def test_list_is_read_page_by_page(async_api, relay):
    made = [(await async_api.tasks.create(title=f"Task {number}")).id for number in range(5)]
    assert [task.id async for task in async_api.tasks.list(limit=2, sort="created_at")] == made
    assert relay.count("GET /tasks") == 3
    assert len((await async_api.tasks.list(limit=4).page()).items) == 4


async def test_outdated_change_is_a_conflict(async_api):
    task = await async_api.tasks.create(title="Water the plants")
    done = await async_api.tasks.update(task, status="done")
    with pytest.raises(VersionMismatch) as error:
        await async_api.tasks.update(task, title="Rain")
    assert error.value.current == done


async def test_waiting_does_not_block_other_tasks(async_api, relay):
    relay.reply(503, {"Retry-After": "1"})
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await anyio.sleep(0.05)
            ticks += 1

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await async_api.account.get()
        group.cancel_scope.cancel()
    assert ticks > 5


async def test_logout_ends_the_session(async_api, relay, username):
    other = AsyncTaskApi(relay.url)
    await other.login(username, PASSWORD)
    await async_api.logout_everywhere()
    assert not async_api.is_signed_in
    with pytest.raises(SignedOut):
        await other.account.get()
    await other.logout()
    await other.aclose()
    response = await async_api.request("GET", "/healthz")
    assert response.status_code == 200
