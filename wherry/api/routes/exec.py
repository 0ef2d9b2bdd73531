"""Exec instances (api-containers.md 2.5, 2.6, 3.15)."""

from wherry.api.call import Call
from wherry.api.hijack import opening
from wherry.api.reply import Answer, Hijack, Reply, json_reply
from wherry.api.router import get, post
from wherry.api.versions import lift_exec, lift_exec_start
from wherry.model.container import ExecRequest, ExecStart


async def create(call: Call) -> Answer:
    """Create an instance."""
    request = lift_exec(await call.json(ExecRequest), call.version)
    ident = await call.services.execs.create(call.params["name"], request)
    return json_reply({"Id": ident}, 201)


async def start(call: Call) -> Answer:
    """Start it: detached with an answer, else on the client's socket. Framing goes by the terminal of this body."""
    request = lift_exec_start(await call.json(ExecStart), call.version)
    session = call.services.execs.start(call.params["id"], request)
    if request.detach:
        await session.run_detached()
        return Reply()
    return Hijack(session, opening(call.upgrade, request.tty, call.version, call.common))


async def inspect(call: Call) -> Answer:
    """Describe it."""
    return json_reply(call.services.execs.inspect(call.params["id"]))


async def resize(call: Call) -> Answer:
    """Resize its terminal."""
    height, width = call.query.size("h", "resize height"), call.query.size("w", "resize width")
    await call.services.execs.resize(call.params["id"], height, width)
    return Reply()


ROUTES = [
    post("/containers/{name:.*}/exec", call=create),
    post("/exec/{id:.*}/start", call=start),
    get("/exec/{id:.*}/json", call=inspect, lenient=True),
    post("/exec/{id:.*}/resize", call=resize),
]
