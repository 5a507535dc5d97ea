"""Lists that are read page by page. `pages.py` is made from this module."""

from collections.abc import AsyncIterator, Awaitable
from typing import Generic, Protocol, TypeVar

from taskapi_client.calls import Call
from taskapi_client.models import Page

T = TypeVar("T")


class AsyncSend(Protocol):
    """A function that sends a call and returns its result."""

    def __call__(self, call: Call[T], /) -> Awaitable[T]: ...  # noqa: D102


class AsyncPages(Generic[T]):
    """The items of a list. A loop requests the next page when it needs it; `limit` is the size of a page."""

    def __init__(self, send: AsyncSend, call: Call[Page[T]]) -> None:
        self._send = send
        self._call = call

    async def page(self) -> Page[T]:
        """Request one page: the first one, or that of `cursor`."""
        return await self._send(self._call)

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Yield all pages."""
        call = self._call
        while True:
            page = await self._send(call)
            yield page
            if page.next_cursor is None:
                return
            call = call.after(page.next_cursor)

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self.pages():
            for item in page.items:
                yield item
