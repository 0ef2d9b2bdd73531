"""Attach and logs: the output of containers (api-containers.md 2.1, 2.3, 3.10)."""

import re

from wherry.api.call import Call
from wherry.api.errors import status_of
from wherry.api.hijack import content_type, opening, refusal
from wherry.api.reply import Answer, Hijack, Raw, Stream
from wherry.api.router import get, post
from wherry.api.services import AttachOptions, LogOptions
from wherry.base.errors import EngineError, InvalidParameter


async def attach(call: Call) -> Answer:
    """Check, then give the socket away; a failed check is written by hand as plain text, as Docker does."""
    query = call.query
    options = AttachOptions(
        stdin=query.flag("stdin"),
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        logs=query.flag("logs"),
        stream=query.flag("stream"),
        detach_keys=query.text("detachKeys"),
    )
    await call.body()  # nobody reads it, and stdin begins behind it
    try:
        session = call.services.containers.attach(call.params["name"], options)
    except EngineError as error:
        return Raw(refusal(status_of(error), str(error)))
    return Hijack(session, opening(call.upgrade, session.tty, call.version))


async def logs(call: Call) -> Answer:
    """Read the log, to its end or following it."""
    query = call.query
    options = LogOptions(
        stdout=query.flag("stdout"),
        stderr=query.flag("stderr"),
        since=query.timestamp("since", quoted='"since"') or 0,
        until=query.timestamp("until", quoted='"until"') or 0,
        tail=_tail(query.text("tail")),
        timestamps=query.flag("timestamps"),
        details=query.flag("details"),
        follow=query.flag("follow"),
    )
    if not options.stdout and not options.stderr:
        raise InvalidParameter("Bad parameters: you must choose at least one stream")
    feed = call.services.containers.logs(call.params["name"], options)
    return Stream(feed.chunks(), content_type(not feed.tty, call.version))


def _tail(text: str) -> int | None:
    """Return how many records; everything that is no such number means all."""
    return int(text) if re.fullmatch(r"\+?[0-9]{1,18}", text, re.ASCII) else None


ROUTES = [
    post("/containers/{name:.*}/attach", call=attach),
    get("/containers/{name:.*}/logs", call=logs, polls=True),
]
