"""A gRPC server in this process that answers as a test tells it to, on a unix socket."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc import aio

from wherry.containerd.channel import Channel

Handler = Callable[[bytes, Any], Awaitable[bytes]]
Streamer = Callable[[Any, Any], AsyncIterator[bytes]]


class Script(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers by method name: `unary` gives one message, `stream` many, `duplex` reads many and gives many."""

    def __init__(self) -> None:
        self.unary: dict[str, Handler] = {}
        self.stream: dict[str, Streamer] = {}
        self.duplex: dict[str, Streamer] = {}

    def service(self, handler_call_details: Any) -> Any:
        method = handler_call_details.method.lstrip("/")
        if method in self.unary:
            return grpc.unary_unary_rpc_method_handler(self.unary[method])
        if method in self.stream:
            return grpc.unary_stream_rpc_method_handler(self.stream[method])
        if method in self.duplex:
            return grpc.stream_stream_rpc_method_handler(self.duplex[method])
        return None

    def answer(self, method: str, reply: Any) -> list[Any]:
        """Answer a method with a message; return the list that its requests, as bytes, and headers go to."""
        seen: list[Any] = []

        async def handle(request: bytes, context: Any) -> bytes:
            seen.append((request, dict(context.invocation_metadata())))
            return bytes(reply.SerializeToString())

        self.unary[method] = handle
        return seen

    def refuse(self, method: str, code: grpc.StatusCode, details: str) -> None:
        """Answer a method with an error."""

        async def handle(request: bytes, context: Any) -> bytes:
            await context.abort(code, details)
            return b""

        self.unary[method] = handle


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[tuple[Script, Channel]]:
    """Yield the script of a running server and a channel to it in the namespace `moby`."""
    script = Script()
    server = aio.server()
    server.add_generic_rpc_handlers((script,))
    address = f"{directory}/c.sock"
    server.add_insecure_port(f"unix://{address}")
    await server.start()
    channel = Channel(address, "moby")
    await channel.open(5.0)
    try:
        yield script, channel
    finally:
        await channel.close()
        await server.stop(None)
