"""The engine itself: ping, version, info (images.md 23)."""

from wherry.api.call import Call
from wherry.api.readiness import Need
from wherry.api.reply import TEXT, Answer, Reply, json_reply
from wherry.api.router import get, head
from wherry.api.versions import cut_info

# Builder-Version 1 is the classic builder: 2 would promise BuildKit behind /grpc and /session.
_PING_HEADERS = (
    b"Builder-Version: 1\r\nSwarm: inactive\r\n"
    b"Cache-Control: no-cache, no-store, must-revalidate\r\nPragma: no-cache\r\n"
)
_PING = Reply(200, b"OK", TEXT, _PING_HEADERS)
_PING_HEAD = Reply(200, b"", TEXT, _PING_HEADERS)


async def ping(_call: Call) -> Answer:
    """Say that the engine is there; needs nothing else to work."""
    return _PING


async def ping_head(_call: Call) -> Answer:
    """Say it in the headers alone."""
    return _PING_HEAD


async def version(call: Call) -> Answer:
    """Answer SystemVersion."""
    return json_reply(await call.services.system.version())


async def info(call: Call) -> Answer:
    """Answer SystemInfo."""
    return json_reply(cut_info(await call.services.system.info(), call.version))


ROUTES = [
    get("/_ping", call=ping, lenient=True, need=Need.NOTHING),
    head("/_ping", call=ping_head, lenient=True, need=Need.NOTHING),
    get("/version", call=version, lenient=True, need=Need.ENGINE),
    get("/info", call=info, lenient=True, need=Need.ENGINE),
]
