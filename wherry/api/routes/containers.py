"""Containers: create, the verbs of their life, inspect and list (api-containers.md 3)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable

from wherry.api.call import Call
from wherry.api.decode import EOF
from wherry.api.reply import JSON, NO_CONTENT, Answer, Reply, Stream, encode, json_reply
from wherry.api.router import delete, get, post
from wherry.api.services import Json, ListOptions
from wherry.api.typed import convert
from wherry.api.versions import cut_container, cut_summary, lift_create, lift_platform, lift_signal
from wherry.base.errors import InvalidParameter
from wherry.model.container import CreateRequest, HostConfig

OLD_START_BODY = 7
"""Bytes that a start body may have: old clients send `null` or `{}`, with a line end perhaps."""


async def create(call: Call) -> Answer:
    """Create; the body is mandatory here, and null is no configuration."""
    call.check_json()
    if call.length == 0:
        raise InvalidParameter(EOF)
    value = await call.value()
    if value is None:
        raise InvalidParameter("config cannot be empty in order to create a container")
    request = lift_create(convert(CreateRequest, value), call.version)
    platform = lift_platform(call.query.text("platform"), call.version)
    created = await call.services.containers.create(call.query.text("name"), request, platform, call.version)
    return json_reply(created, 201)


async def start(call: Call) -> Answer:
    """Start; a body was a HostConfig once, and is refused since 1.24."""
    if call.length > OLD_START_BODY or call.length < 0:
        raise InvalidParameter(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24"
        )
    checkpoint, directory = call.query.text("checkpoint"), call.query.text("checkpoint-dir")
    if checkpoint and not call.services.system.experimental:
        raise InvalidParameter("checkpoint is only supported in experimental mode")
    await call.body()
    timing = await call.services.containers.start(call.params["name"], checkpoint, directory)
    return Reply(204, headers=f"Server-Timing: {timing}\r\n".encode() if timing else b"")


async def restart(call: Call) -> Answer:
    """Stop if it runs, then start."""
    signal = lift_signal(call.query.text("signal"), call.version)
    await call.services.containers.restart(call.params["name"], call.query.integer("t"), signal)
    return NO_CONTENT


async def rename(call: Call) -> Answer:
    """Give it another name."""
    await call.services.containers.rename(call.params["name"], call.query.text("name"))
    return NO_CONTENT


async def update(call: Call) -> Answer:
    """Change limits and restart policy."""
    call.check_json()
    wanted = convert(HostConfig, await call.value() or {})
    return json_reply(await call.services.containers.update(call.params["name"], wanted))


async def top(call: Call) -> Answer:
    """List its processes."""
    return json_reply(await call.services.containers.top(call.params["name"], call.query.text("ps_args")))


async def prune(call: Call) -> Answer:
    """Remove what does not run."""
    return json_reply(await call.services.containers.prune(call.query.filters()))


async def pause(call: Call) -> Answer:
    """Freeze it."""
    await call.services.containers.pause(call.params["name"])
    return NO_CONTENT


async def unpause(call: Call) -> Answer:
    """Let it run on."""
    await call.services.containers.unpause(call.params["name"])
    return NO_CONTENT


async def stop(call: Call) -> Answer:
    """Stop with grace; `t` are seconds, -1 waits for ever."""
    signal = lift_signal(call.query.text("signal"), call.version)
    await call.services.containers.stop(call.params["name"], call.query.integer("t"), signal)
    return NO_CONTENT


async def kill(call: Call) -> Answer:
    """Send a signal."""
    await call.services.containers.kill(call.params["name"], call.query.text("signal"))
    return NO_CONTENT


async def remove(call: Call) -> Answer:
    """Remove; `v` takes anonymous volumes along."""
    query = call.query
    await call.services.containers.remove(call.params["name"], query.flag("force"), query.flag("v"), query.flag("link"))
    return NO_CONTENT


async def wait(call: Call) -> Answer:
    """Wait. The head is sent before the exit, since clients start the container only then; below 1.30 with it."""
    condition = call.query.text("condition") if call.version >= (1, 30) else ""
    exited = asyncio.ensure_future(call.services.containers.wait(call.params["name"], condition))
    if call.version < (1, 30):
        return json_reply(await exited)
    return Stream(_body(exited), JSON, cleanup=lambda: _drop(exited))


def _drop(exited: "asyncio.Future[Json]") -> None:
    exited.cancel()


async def _body(exited: Awaitable[Json]) -> AsyncIterator[bytes]:
    yield encode(await exited)


async def inspect(call: Call) -> Answer:
    """Describe one container."""
    body = await call.services.containers.inspect(call.params["name"], call.query.flag("size"))
    return json_reply(cut_container(body, call.version))


async def listing(call: Call) -> Answer:
    """Describe containers; a limit that is negative is none."""
    query = call.query
    limit = max(query.integer("limit") or 0, 0)
    options = ListOptions(query.flag("all"), limit, query.flag("size"), query.filters())
    entries = await call.services.containers.list(options)
    return json_reply([cut_summary(entry, call.version) for entry in entries])


async def resize(call: Call) -> Answer:
    """Resize the terminal."""
    height, width = call.query.size("h", "resize height"), call.query.size("w", "resize width")
    await call.services.containers.resize(call.params["name"], height, width)
    return Reply()


ROUTES = [
    get("/containers/json", call=listing),
    post("/containers/create", call=create),
    get("/containers/{name:.*}/json", call=inspect, lenient=True),
    post("/containers/{name:.*}/start", call=start),
    post("/containers/{name:.*}/stop", call=stop),
    post("/containers/prune", call=prune),
    post("/containers/{name:.*}/rename", call=rename),
    post("/containers/{name:.*}/update", call=update),
    get("/containers/{name:.*}/top", call=top),
    post("/containers/{name:.*}/restart", call=restart),
    post("/containers/{name:.*}/pause", call=pause),
    post("/containers/{name:.*}/unpause", call=unpause),
    post("/containers/{name:.*}/kill", call=kill),
    post("/containers/{name:.*}/wait", call=wait, polls=True),
    post("/containers/{name:.*}/resize", call=resize),
    delete("/containers/{name:.*}", call=remove),
]
