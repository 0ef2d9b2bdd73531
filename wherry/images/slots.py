"""Who downloads what: a few blobs at a time, and no blob twice at once (images.md 13)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

UNLIMITED = 1000
"""Downloads at a time if the configuration sets no limit."""


class Slots:
    """Shared by all pulls of the engine."""

    def __init__(self, limit: int) -> None:
        """Take how many downloads there may be at a time, 0 for no limit."""
        self._slots = asyncio.Semaphore(limit or UNLIMITED)
        self._blobs: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def limit(self, limit: int) -> None:
        """Change how many there may be from now on; who waits or loads already does so under the old limit."""
        self._slots = asyncio.Semaphore(limit or UNLIMITED)

    @asynccontextmanager
    async def blob(self, digest: str) -> AsyncIterator[None]:
        """Wait until nobody else handles a blob; whoever was faster may have stored it."""
        lock = self._blobs.setdefault(digest, asyncio.Lock())
        async with lock:
            yield

    @asynccontextmanager
    async def download(self) -> AsyncIterator[None]:
        """Wait for a place; a blob's own lock comes first, so that nobody waits for it with a place taken."""
        async with self._slots:
            yield
