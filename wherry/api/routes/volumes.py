"""Volumes: make, find, list, remove, prune (images.md 20.1)."""

from wherry.api.call import Call
from wherry.api.reply import NO_CONTENT, Answer, json_reply
from wherry.api.router import delete, get, post
from wherry.api.routes.absent import NO_SWARM
from wherry.api.versions import lift_volume_prune
from wherry.base.errors import Unavailable
from wherry.model.volume import CreateOptions


async def listing(call: Call) -> Answer:
    """Describe volumes."""
    return json_reply(await call.services.volumes.list(call.query.filters()))


async def inspect(call: Call) -> Answer:
    """Describe one volume."""
    return json_reply(await call.services.volumes.inspect(call.params["name"]))


async def create(call: Call) -> Answer:
    """Make a volume; no body asks for an anonymous one."""
    asked = await call.json(CreateOptions)
    if asked.cluster_volume_spec is not None:
        raise Unavailable(NO_SWARM)
    return json_reply(await call.services.volumes.create(asked), 201)


async def remove(call: Call) -> Answer:
    """Remove a volume."""
    await call.services.volumes.remove(call.params["name"], call.query.flag("force"))
    return NO_CONTENT


async def prune(call: Call) -> Answer:
    """Remove the volumes that no container refers to."""
    filters = lift_volume_prune(call.query.filters(), call.version)
    return json_reply(await call.services.volumes.prune(filters))


ROUTES = [
    get("/volumes", call=listing),
    post("/volumes/create", call=create),
    post("/volumes/prune", call=prune),
    get("/volumes/{name:.*}", call=inspect),
    delete("/volumes/{name:.*}", call=remove),
]
