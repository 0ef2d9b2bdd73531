"""Images: pull, load, list, inspect, tag, remove (images.md 6 to 9, 11, 13, 16)."""

from collections.abc import AsyncIterator

import msgspec

from wherry.api.call import Call
from wherry.api.reply import JSON, Answer, Reply, Stream, json_reply
from wherry.api.router import delete, get, post
from wherry.api.services import Json, PullOptions
from wherry.api.versions import (
    cut_image,
    cut_image_summary,
    lift_image_filters,
    lift_inspect_manifests,
    lift_list_manifests,
    lift_pull_platform,
    lift_shared_size,
)
from wherry.base.errors import Unimplemented


async def create(call: Call) -> Answer:
    """Pull an image or all of a repository; its failures are messages once there has been one."""
    query = call.query
    if query.text("fromImage") == "":
        raise Unimplemented("importing images is not supported by this engine yet")
    platform = lift_pull_platform(query.text("platform"), call.version)
    auth = call.request.headers.get("X-Registry-Auth", "")
    transfer = await call.services.images.pull(PullOptions(query.text("fromImage"), query.text("tag"), platform, auth))
    return Stream(_lines(transfer.messages()), JSON, transfer.cancel)


async def load(call: Call) -> Answer:
    """Load an archive; its failures are messages of the stream, which is 200 from the start."""
    await call.invite()
    messages = call.services.images.load(call.chunks(), call.query.flag("quiet", True), call.query.text("platform"))
    return Stream(_lines(messages), JSON)


async def _lines(messages: AsyncIterator[Json]) -> AsyncIterator[bytes]:
    async for message in messages:
        yield msgspec.json.encode(message) + b"\r\n"


async def listing(call: Call) -> Answer:
    """Describe images."""
    query, version = call.query, call.version
    filters = lift_image_filters(query.filters(), query.text("filter"), version)
    shared = lift_shared_size(query.flag("shared-size"), version)
    manifests = lift_list_manifests(query.flag("manifests"), version)
    entries = await call.services.images.list(query.flag("all"), filters, shared, manifests)
    return json_reply([cut_image_summary(entry, version) for entry in entries])


async def inspect(call: Call) -> Answer:
    """Describe one image."""
    manifests = lift_inspect_manifests(call.query.flag("manifests"), call.version)
    found = await call.services.images.inspect(call.params["name"], manifests)
    return json_reply(cut_image(found, call.version))


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
    post("/images/create", call=create, polls=True),
    post("/images/load", call=load, polls=True),
    get("/images/json", call=listing),
    get("/images/{name:.*}/json", call=inspect),
    post("/images/{name:.*}/tag", call=tag),
    delete("/images/{name:.*}", call=remove),
]
