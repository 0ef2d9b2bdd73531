"""The event bus: a ring of the last 256 events and bounded live subscriptions (api-containers.md 5, start.md 8.1)."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping

import msgspec

RING = 256
BUFFER = 1024


class Actor(msgspec.Struct, frozen=True):
    """The object that an event is about."""

    ident: str = msgspec.field(name="ID")
    attributes: dict[str, str] = msgspec.field(name="Attributes")


class Event(msgspec.Struct, frozen=True):
    """One event in the newest shape (API 1.52); api/versions.py adds what older clients read."""

    kind: str = msgspec.field(name="Type")
    action: str = msgspec.field(name="Action")
    actor: Actor = msgspec.field(name="Actor")
    scope: str
    time: int
    time_nano: int = msgspec.field(name="timeNano")


Accepts = Callable[[Event], bool]


class Subscription:
    """One reader: bounded; what does not fit is dropped and counted, the publisher never waits."""

    def __init__(self, accepts: Accepts) -> None:
        """Take the filter that every event passes first."""
        self._accepts = accepts
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue(BUFFER + 1)
        self.dropped = 0

    def offer(self, event: Event) -> None:
        """Queue the event if it is asked for and fits."""
        if not self._accepts(event):
            return
        if self._queue.qsize() >= BUFFER:
            self.dropped += 1
            return
        self._queue.put_nowait(event)

    def close(self) -> None:
        """End the reader after what is queued."""
        self._queue.put_nowait(None)

    async def get(self) -> Event | None:
        """Return the next event, or None when the bus has closed."""
        return await self._queue.get()


class EventBus:
    """Publishes events in order; `subscribe` reads the ring and joins the live stream without gap or double."""

    def __init__(self) -> None:
        """Begin with an empty ring."""
        self.published = 0
        self._ring: deque[Event] = deque(maxlen=RING)
        self._readers: set[Subscription] = set()

    def publish(self, kind: str, action: str, ident: str, attributes: Mapping[str, str]) -> Event:
        """Stamp an event with the wall clock, keep it in the ring and offer it to every reader."""
        now = time.time_ns()
        event = Event(kind, action, Actor(ident, dict(attributes)), "local", now // 1_000_000_000, now)
        self.published += 1
        self._ring.append(event)
        for reader in self._readers:
            reader.offer(event)
        return event

    def subscribe(self, accepts: Accepts) -> Subscription:
        """Begin a live stream; end it with `unsubscribe`."""
        reader = Subscription(accepts)
        self._readers.add(reader)
        return reader

    def past(self, accepts: Accepts) -> list[Event]:
        """Return what the ring holds of the asked, oldest first; call it right after `subscribe`, without an await."""
        return [event for event in self._ring if accepts(event)]

    def unsubscribe(self, reader: Subscription) -> None:
        """Forget a reader; twice is fine."""
        self._readers.discard(reader)

    def close(self) -> None:
        """End every live stream (engine shutdown)."""
        for reader in self._readers:
            reader.close()
        self._readers.clear()

    @property
    def readers(self) -> int:
        """How many live streams there are (`info`'s NEventsListener)."""
        return len(self._readers)
