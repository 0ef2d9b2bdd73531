"""Checkpoints of containers, on an experimental engine only (start.md 10)."""

from wherry.api.call import Call
from wherry.api.reply import NO_CONTENT, Answer, Reply, json_reply
from wherry.api.router import delete, get, post
from wherry.api.services import CheckpointVerbs
from wherry.base.errors import Unimplemented
from wherry.model.checkpoint import CreateOptions

DISABLED = (
    "This experimental feature is disabled by default. "
    "Start the Docker daemon in experimental mode in order to enable it."
)


async def create(call: Call) -> Answer:
    """Write a checkpoint."""
    verbs = _verbs(call)
    await verbs.create(call.params["name"], await call.json(CreateOptions))
    return Reply(201)


async def listing(call: Call) -> Answer:
    """List checkpoints."""
    return json_reply(await _verbs(call).list(call.params["name"], call.query.text("dir")))


async def remove(call: Call) -> Answer:
    """Remove a checkpoint."""
    await _verbs(call).remove(call.params["name"], call.params["checkpoint"], call.query.text("dir"))
    return NO_CONTENT


def _verbs(call: Call) -> CheckpointVerbs:
    """Unimplemented in Docker's words unless the engine is experimental."""
    if not call.services.system.experimental:
        raise Unimplemented(DISABLED)
    return call.services.checkpoints


ROUTES = [
    get("/containers/{name:.*}/checkpoints", call=listing),
    post("/containers/{name:.*}/checkpoints", call=create),
    delete("/containers/{name}/checkpoints/{checkpoint}", call=remove),
]
