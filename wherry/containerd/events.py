"""containerd's events: exits, OOM kills and what others did to our namespace (start.md 6.1)."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from wherry.base.errors import Unavailable
from wherry.containerd.channel import Channel
from wherry.containerd.gen.messages import CLASSES, AnyValue, Empty, as_dict, message, nanoseconds
from wherry.containerd.gen.pool import Message

EVENTS = "containerd.services.events.v1"
SERVICE = f"{EVENTS}.Events"
EnvelopeMessage = message("containerd.types.Envelope")
PublishRequest = message(f"{EVENTS}.PublishRequest")
SubscribeRequest = message(f"{EVENTS}.SubscribeRequest")

SUBSCRIBED = "/wherry/subscribed"
"""Topic of the first envelope: whatever happens after it is seen, so it is the time to read the state anew."""
PROBE_EVERY = 0.01


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event: `event` holds its fields by containerd's names, times in nanoseconds; empty for a type not known."""

    topic: str
    namespace: str
    at_ns: int
    event: dict[str, Any]


async def subscribe(channel: Channel, filters: Sequence[str] = ()) -> AsyncIterator[Envelope]:
    """Yield SUBSCRIBED once the subscription is live, then the events that match any of the filters (all without one).

    Filters are in containerd's syntax, quoted where there is a slash: `namespace==moby,topic~=|^/tasks/|`. The stream
    never ends by itself: Unavailable when containerd goes away. containerd does not say when a subscription begins, so
    an event of our own is published until something comes through.
    """
    probe = f"{SUBSCRIBED}/{secrets.token_hex(8)}"
    request = SubscribeRequest(filters=[*filters, f'topic=="{probe}"'] if filters else [])
    replies = channel.stream(f"{SERVICE}/Subscribe", request, EnvelopeMessage, idle=None)
    first = asyncio.ensure_future(_next(replies))
    try:
        while not first.done():
            await _publish(channel, probe)
            await asyncio.wait([first], timeout=PROBE_EVERY)
        found = await first
        yield Envelope(SUBSCRIBED, channel.namespace, time.time_ns(), {})
        while True:
            if found.topic != probe:
                yield _read(found)
            found = await _next(replies)
    finally:
        first.cancel()


async def _next(replies: AsyncIterator[Message]) -> Message:
    try:
        return await anext(replies)
    except StopAsyncIteration:
        raise Unavailable("containerd has ended the stream of events") from None


async def _publish(channel: Channel, topic: str) -> None:
    request = PublishRequest(topic=topic, event=AnyValue(type_url="google.protobuf.Empty"))
    await channel.call(f"{SERVICE}/Publish", request, Empty)


def _read(found: Message) -> Envelope:
    kind = CLASSES.get(found.event.type_url.rpartition("/")[2])
    event = {} if kind is None else as_dict(kind.FromString(found.event.value))
    return Envelope(found.topic, found.namespace, nanoseconds(found.timestamp), event)
