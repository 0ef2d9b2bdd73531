"""The HTTP server: listening sockets in, one call per request out (api-containers.md 1).

A request passes the gate (gate.py), the route table (router.py), the version check, its route, and the writer
(writer.py). A call runs to its end although its client hangs up, except those that poll.
"""

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web

from wherry.api import routes
from wherry.api.call import Call, Version
from wherry.api.framing import FIELDS_LIMIT, HEAD_LIMIT
from wherry.api.gate import Gate
from wherry.api.protocol import Protocol, Sent
from wherry.api.query import Query
from wherry.api.readiness import Readiness
from wherry.api.reply import NOT_FOUND, TEXT, Answer, Hijack, Raw, Reply, Stream, error_reply, json_reply
from wherry.api.router import Entry, Router, load_routes, table
from wherry.api.tls import TlsFront
from wherry.api.writer import Writer
from wherry.base.errors import EngineError, InvalidParameter
from wherry.base.version import API_VERSION, MIN_API_VERSION

log = logging.getLogger("wherry.api")

BACKLOG = 1024
FORM_LIMIT = 10 << 20
FORM = "application/x-www-form-urlencoded"

# The limits are for the gate to watch (framing.py).
_OPTIONS: Mapping[str, Any] = {
    "access_log": None,
    "logger": log,
    "auto_decompress": False,
    "max_line_size": HEAD_LIMIT,
    "max_field_size": HEAD_LIMIT,
    "max_headers": FIELDS_LIMIT,
}
_VERSIONED = re.compile(r"/v([0-9.]+)(/.*)", re.DOTALL)
_UNCLEAN = re.compile(r"//|/\.\.?(?=/|$)")


def parse_version(text: str) -> Version:
    """Return `1.41` as (1, 41); missing parts are 0."""
    major, _, minor = text.partition(".")
    # Eight digits are more than any version has, and what Python converts without limit.
    return int(major[:8] or 0), int(minor.partition(".")[0][:8] or 0)


def clean_path(path: str) -> str:
    """Return a path without empty segments, `.` and `..`; a trailing slash stays."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del kept[-1:]
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if path.endswith("/") and kept else "")


def route_table() -> list[tuple[str, str, str]]:
    """Return (method, template, `works` or the status of an absent feature) of every endpoint, for the papers."""
    return table(load_routes(routes))


class ApiServer:
    """Serves the Engine API on sockets that listen already."""

    def __init__(
        self, readiness: Readiness, engine_version: str, experimental: bool, min_version: str = MIN_API_VERSION
    ) -> None:
        """Take how far the engine is, what the headers say of it, and the oldest API version to serve."""
        self._readiness = readiness
        self._router = Router(load_routes(routes))
        self._min_version = min_version
        self._oldest, self._newest = parse_version(min_version), parse_version(API_VERSION)
        self._matched = (
            f"Api-Version: {API_VERSION}\r\nOstype: linux\r\nServer: Docker/{engine_version} (linux)\r\n".encode()
        )
        self._common = self._matched + f"Docker-Experimental: {str(experimental).lower()}\r\n".encode()
        self._writer = Writer()
        self._polls: set[asyncio.Task[Any]] = set()
        self._http: web.Server | None = None
        self._listeners: list[asyncio.Server] = []

    async def start(self, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None = None) -> None:
        """Begin to answer on bound stream sockets, unix or TCP; they are closed by `stop`. `tls` is for TCP."""
        self._http = web.Server(self._handle)
        for sock in sockets:
            self._listeners.append(await self._listen(self._http, sock, tls))

    async def stop(self, seconds: float) -> None:
        """Close the listeners, cut the long polls, and give other requests `seconds` to end."""
        for listener in self._listeners:
            listener.close()
        for task in list(self._polls):
            task.cancel()
        if self._http is not None:
            self._http.pre_shutdown()
            await self._http.shutdown(seconds)

    @staticmethod
    async def _listen(http: web.Server, sock: socket.socket, tls: ssl.SSLContext | None) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def connection() -> Gate:
            return Gate(Protocol(http, loop=loop, **_OPTIONS))

        if sock.family == socket.AF_UNIX:
            return await loop.create_unix_server(connection, sock=sock, backlog=BACKLOG)
        if tls is not None:
            return await loop.create_server(lambda: TlsFront(tls, connection), sock=sock, backlog=BACKLOG)
        return await loop.create_server(connection, sock=sock, backlog=BACKLOG)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; the door between the HTTP server and the routes."""
        try:
            gate = Gate.of(request)
            gate.begin(request)
            answer, common = await self._decide(request, gate)
            keep = await self._write(request, gate, answer, common)
            gate.finish(keep)
            return Sent(keep)
        except ConnectionError:
            log.debug("%s %s: the client left", request.method, request.raw_path)
            return Sent(keep_alive=False)

    async def _decide(self, request: web.BaseRequest, gate: Gate) -> tuple[Answer, bytes]:
        """Return the answer and the header lines it carries: none for a path that is no endpoint."""
        raw_path, _, query = request.raw_path.partition("?")
        path = unquote(raw_path) if "%" in raw_path else raw_path
        if _UNCLEAN.search(path):
            target = quote(clean_path(path)) + (f"?{query}" if query else "")
            return Reply(301, headers=f"Location: {target}\r\n".encode()), b""
        versioned = _VERSIONED.fullmatch(path) if path.startswith("/v") else None
        found = self._router.find(request.method, versioned[2] if versioned else path)
        if found is None:
            return (Reply(), self._common) if request.method == "OPTIONS" else (NOT_FOUND, b"")
        version = parse_version(versioned[1]) if versioned else self._newest
        if version > self._newest or version < self._oldest:
            return self._wrong_version(version, versioned[1] if versioned else API_VERSION), self._matched
        return await self._run(request, gate, found, version, query), self._common

    def _wrong_version(self, version: Version, asked: str) -> Reply:
        if version > self._newest:
            text = f"client version {asked} is too new. Maximum supported API version is {API_VERSION}"
        else:
            text = (
                f"client version {asked} is too old. Minimum supported API version is {self._min_version}, "
                "please upgrade your client to a newer version"
            )
        if version < (1, 24):
            return Reply(400, f"{text}\n".encode(), TEXT, b"X-Content-Type-Options: nosniff\r\n")
        return json_reply({"message": text}, 400)

    async def _run(
        self, request: web.BaseRequest, gate: Gate, found: tuple[Entry, dict[str, str]], version: Version, query: str
    ) -> Answer:
        """Call the route; every failure becomes an answer."""
        entry, params = found
        try:
            if version < entry.since:
                route = entry.route
                raise InvalidParameter(f"{route.method} {route.template} requires minimum API version {route.since}")
            if entry.route.polls:
                self._poll(gate)
            services = await self._readiness.wait(entry.route.need)
            form = await self._form(request)
            asked = Query(form + query)
            if not entry.route.lenient:
                asked.check()
            call = Call(request, services, params, version, asked, self._common)
            return await entry.route.call(call)
        except EngineError as error:
            log.debug("%s %s: %s", request.method, request.raw_path, error)
            return error_reply(error)
        except ConnectionError:
            raise
        except Exception as error:
            log.exception("%s %s failed", request.method, request.raw_path)
            return json_reply({"message": f"internal error: {type(error).__name__}: {error}"}, 500)

    async def _form(self, request: web.BaseRequest) -> str:
        """Return a form's fields as the beginning of the query; Docker merges them, the body's first."""
        if request.method != "POST" or not request.headers.get("Content-Type", "").startswith(FORM):
            return ""
        call = Call(request, None, {}, self._newest, Query(""), self._common)
        return (await call.body(FORM_LIMIT)).decode("utf-8", "replace") + "&"

    def _poll(self, gate: Gate) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._polls.add(task)
            task.add_done_callback(self._polls.discard)
            gate.poll(task)

    async def _write(self, request: web.BaseRequest, gate: Gate, answer: Answer, common: bytes) -> bool:
        """Write the answer; returns whether the connection stays open."""
        keep = request.keep_alive and request.version.minor >= 1
        if isinstance(answer, Hijack):
            fd, early = gate.take()
            # From here on a failure is nothing that HTTP could carry.
            await answer.session.hand_over(fd, early, answer.head)
            return False
        if isinstance(answer, Raw):
            await self._writer.raw(request, answer)
            return False
        if isinstance(answer, Stream):
            await self._stream(request, answer, common, keep)
            return keep and gate.reusable
        keep = keep and gate.reusable
        await self._writer.whole(request, answer, common, keep)
        return keep

    async def _stream(self, request: web.BaseRequest, stream: Stream, common: bytes, keep: bool) -> None:
        try:
            await self._writer.stream(request, stream, common, keep)
        finally:
            if stream.cleanup is not None:
                stream.cleanup()
