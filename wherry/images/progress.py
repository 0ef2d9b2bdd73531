"""What a client is told while an image comes: statuses in order, counts at intervals (images.md 11 and 13)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

Json = dict[str, Any]

INTERVAL = 0.1
"""Seconds between the counts of one blob."""


class Progress:
    """Messages on their way to one client; a slow one misses counts, nothing else, so that what waits is bounded."""

    def __init__(self, interval: float = INTERVAL) -> None:
        """Begin with nothing to say."""
        self._interval = interval
        self._queue: deque[Json] = deque()
        self._counts: dict[str, Json] = {}
        self._ended = False
        self._news = asyncio.Event()

    def say(self, status: str, ident: str = "") -> None:
        """Tell a status, of a part if one is named."""
        self._queue.append({"status": status, "id": ident} if ident else {"status": status})
        self._news.set()

    def step(self, ident: str, status: str, **detail: int | str) -> None:
        """Tell the status of a part that may be counted; its counts so far are of no interest any more."""
        self._counts.pop(ident, None)
        self._queue.append({"status": status, "progressDetail": detail, "id": ident})
        self._news.set()

    def count(self, ident: str, status: str, **detail: int | str) -> None:
        """Tell how far a part is, unless it is further before it can be told."""
        if not self._counts:
            self._news.set()
        self._counts[ident] = {"status": status, "progressDetail": detail, "id": ident}

    def fail(self, text: str) -> None:
        """Tell the failure that ends it."""
        self._queue.append({"errorDetail": {"message": text}, "error": text})
        self.end()

    def end(self) -> None:
        """Let `messages` end after what is queued."""
        self._ended = True
        self._news.set()

    async def messages(self) -> AsyncIterator[Json]:
        """Yield the messages as they come; for one reader."""
        clock, due = asyncio.get_running_loop().time, 0.0
        while True:
            while self._queue:
                yield self._queue.popleft()
            if self._ended:
                return
            if self._counts and clock() >= due:
                due = clock() + self._interval
                self._queue.extend(self._counts.values())
                self._counts = {}
                continue
            self._news.clear()
            try:
                async with asyncio.timeout_at(due if self._counts else None):
                    await self._news.wait()
            except TimeoutError:
                continue
