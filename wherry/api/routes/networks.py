"""Networks: reading them (network.md)."""

from wherry.api.call import Call
from wherry.api.reply import Answer, json_reply
from wherry.api.router import get


async def listing(call: Call) -> Answer:
    """Describe networks."""
    return json_reply(call.services.networks.list(call.query.filters()))


async def inspect(call: Call) -> Answer:
    """Describe one network."""
    return json_reply(call.services.networks.inspect(call.params["id"], call.query.text("scope")))


ROUTES = [
    get("/networks", call=listing),
    get("/networks/", call=listing),
    get("/networks/{id:.*}", call=inspect),
]
