"""Images: load, list, inspect, tag, remove (images.md 6 to 9, 11, 16)."""

from collections.abc import AsyncIterator

import msgspec

from wherry.api.call import Call
from wherry.api.reply import JSON, Answer, Reply, Stream, json_reply
from wherry.api.router import delete, get, post
from wherry.api.services import Json
from wherry.api.versions import cut_image, cut_image_summary


async def load(call: Call) -> Answer:
    """Load an archive; its failures are messages of the stream, which is 200 from the start."""
    await call.invite()
    messages = call.services.images.load(call.chunks(), call.query.flag("quiet", True), call.query.text("platform"))
    return Stream(_lines(messages), JSON)


async def _lines(messages: AsyncIterator[Json]) -> AsyncIterator[bytes]:
    async for message in messages:
        yield msgspec.json.encode(message) + b"\r\n"


async def listing(call: Call) -> Answer:
    """Describe images; before 1.25 a filter was a reference in a parameter of its own."""
    filters = call.query.filters()
    old = call.query.text("filter")
    if old and call.version < (1, 25):
        filters = filters | {"reference": [*filters.get("reference", ()), old]}
    entries = await call.services.images.list(call.query.flag("all"), filters)
    return json_reply([cut_image_summary(entry, call.version) for entry in entries])


async def inspect(call: Call) -> Answer:
    """Describe one image."""
    return json_reply(cut_image(await call.services.images.inspect(call.params["name"]), call.version))


async def tag(call: Call) -> Answer:
    """Give an image one more name."""
    await call.services.images.tag(call.params["name"], call.query.text("repo"), call.query.text("tag"))
    return Reply(201)


async def remove(call: Call) -> Answer:
    """Remove a name or an image."""
    query = call.query
    deleted = await call.services.images.remove(call.params["name"], query.flag("force"), not query.flag("noprune"))
    return json_reply(deleted)


ROUTES = [
    post("/images/load", call=load, polls=True),
    get("/images/json", call=listing),
    get("/images/{name:.*}/json", call=inspect),
    post("/images/{name:.*}/tag", call=tag),
    delete("/images/{name:.*}", call=remove),
]
