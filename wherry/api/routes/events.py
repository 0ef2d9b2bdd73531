"""The event stream (api-containers.md 5)."""

import asyncio
import time
from collections.abc import AsyncIterator

from wherry.api.call import Call
from wherry.api.eventfilter import event_filter
from wherry.api.reply import JSON, Answer, Stream
from wherry.api.router import get
from wherry.api.versions import encode_event, shows_event
from wherry.base.errors import InvalidParameter
from wherry.base.events import Event, Subscription


async def events(call: Call) -> Answer:
    """Replay what the ring holds if a time is given, then follow; the head is sent before the first event."""
    since = call.query.timestamp("since", quoted="'since'")
    until = call.query.timestamp("until", quoted="'until'")
    if since is not None and until is not None and since > until:
        since_text, until_text = call.query.text("since"), call.query.text("until")
        raise InvalidParameter(f"`since` time ({since_text}) cannot be after `until` time ({until_text})")
    asked = event_filter(call.query.filters())
    version, bus = call.version, call.services.events

    def accepts(event: Event) -> bool:
        in_time = until is None or event.time_nano <= until
        return in_time and shows_event(event, version) and asked(event)

    reader = bus.subscribe(accepts)
    past = bus.past(accepts) if since is not None or until is not None else []
    replay = [event for event in past if event.time_nano >= (since or 0)]
    return Stream(_lines(replay, reader, until), JSON, cleanup=lambda: bus.unsubscribe(reader))


async def _lines(past: list[Event], reader: Subscription, until: int | None) -> AsyncIterator[bytes]:
    """Yield the replay, then live events until the bus closes or the time has come."""
    for event in past:
        yield encode_event(event)
    while (live := await _next(reader, until)) is not None:
        yield encode_event(live)


async def _next(reader: Subscription, until: int | None) -> Event | None:
    if until is None:
        return await reader.get()
    left = (until - time.time_ns()) / 1e9
    try:
        return await asyncio.wait_for(reader.get(), max(left, 0))
    except TimeoutError:
        return None


ROUTES = [get("/events", call=events, polls=True)]
