"""The listener of `--metrics-addr`: GET /metrics in Prometheus' text format, plain HTTP, no authentication."""

import asyncio
import socket
from collections.abc import Callable

from aiohttp import web

from wherry.base.errors import InvalidParameter, System
from wherry.base.metrics import Metrics, Moment
from wherry.base.offload import offload

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
BACKLOG = 16
STOP_SECONDS = 1.0


class MetricsServer:
    """Serves the metrics on a TCP address of their own."""

    def __init__(self, metrics: Metrics, now: Callable[[], Moment]) -> None:
        """Take the instruments, and what counts the rest when somebody asks (it must not block)."""
        self._metrics = metrics
        self._now = now
        self._http = web.Server(self._handle)
        self._listener: asyncio.Server | None = None
        self._turn = asyncio.Lock()

    async def start(self, address: str) -> str:
        """Listen on `host:port`, the port 0 for any; returns the address. InvalidParameter and System name it."""
        host, separator, port = address.rpartition(":")
        if not separator or not port.isdecimal():
            raise InvalidParameter(f"--metrics-addr {address}: give HOST:PORT")
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                self._http, host.strip("[]") or None, int(port), backlog=BACKLOG
            )
        except (OSError, OverflowError) as error:
            raise System(f"failed to start metrics server: listen tcp {address}: {error}") from error
        return _spelled(self._listener.sockets[0])

    async def stop(self) -> None:
        """Close the listener and cut who is still reading."""
        if self._listener is not None:
            self._listener.close()
        await self._http.shutdown(STOP_SECONDS)

    async def _handle(self, request: web.BaseRequest) -> web.Response:
        if request.path != "/metrics":
            return web.Response(status=404, text="404 page not found\n", headers={"X-Content-Type-Options": "nosniff"})
        async with self._turn:  # one at a time: a thread that renders keeps the interpreter busy
            self._metrics.take(self._now())
            body = await offload(self._metrics.render)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


def _spelled(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
