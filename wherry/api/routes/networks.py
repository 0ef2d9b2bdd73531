"""Networks: make, find, list, remove, prune, join, leave (network.md 6 to 8, 11)."""

from wherry.api.call import Call
from wherry.api.reply import NO_CONTENT, Answer, Reply, json_reply
from wherry.api.router import delete, get, post
from wherry.api.versions import lift_connect, lift_network
from wherry.base.errors import InvalidParameter
from wherry.model.network import ConnectOptions, CreateRequest, DisconnectOptions

BOOLS = frozenset(["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"])


async def listing(call: Call) -> Answer:
    """Describe networks; before 1.28 with their containers."""
    networks = call.services.networks.list(call.query.filters())
    if call.version < (1, 28):
        networks = [call.services.networks.inspect(network["Id"], "") for network in networks]
    return json_reply(networks)


async def inspect(call: Call) -> Answer:
    """Describe one network; what `verbose` adds is swarm's."""
    verbose = call.query.text("verbose")
    if verbose and verbose not in BOOLS:
        raise InvalidParameter(
            f'invalid value for verbose: {verbose}: strconv.ParseBool: parsing "{verbose}": invalid syntax'
        )
    return json_reply(call.services.networks.inspect(call.params["id"], call.query.text("scope")))


async def create(call: Call) -> Answer:
    """Make a network."""
    asked = lift_network(await call.json(CreateRequest), call.version)
    return json_reply(await call.services.networks.create(asked), 201)


async def remove(call: Call) -> Answer:
    """Remove a network."""
    await call.services.networks.remove(call.params["id"])
    return NO_CONTENT


async def prune(call: Call) -> Answer:
    """Remove the networks that nobody runs in."""
    return json_reply(await call.services.networks.prune(call.query.filters()))


async def connect(call: Call) -> Answer:
    """Let a container join."""
    asked = await call.json(ConnectOptions)
    wish = lift_connect(asked.endpoint_config, call.version)
    await call.services.containers.connect(call.params["id"], asked.container, wish)
    return Reply()


async def disconnect(call: Call) -> Answer:
    """Let a container leave."""
    asked = await call.json(DisconnectOptions)
    await call.services.containers.disconnect(call.params["id"], asked.container, asked.force)
    return Reply()


ROUTES = [
    get("/networks", call=listing),
    get("/networks/", call=listing),
    post("/networks/create", call=create),
    post("/networks/prune", call=prune),
    post("/networks/{id:.*}/connect", call=connect),
    post("/networks/{id:.*}/disconnect", call=disconnect),
    get("/networks/{id:.*}", call=inspect),
    delete("/networks/{id:.*}", call=remove),
]
