"""The channel against a server in this process: metadata, kinds, deadlines, streams, and a connection that ends."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.unit.containerd_fakes import serving
from wherry.base.errors import (
    Cancelled,
    Conflict,
    DeadlineExceeded,
    EngineError,
    InvalidParameter,
    NotFound,
    System,
    Unavailable,
    Unimplemented,
)
from wherry.containerd.channel import Channel
from wherry.containerd.gen.messages import Empty, message

METHOD = "containerd.services.version.v1.Version/Version"
VersionResponse = message("containerd.services.version.v1.VersionResponse")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.ALREADY_EXISTS, Conflict),
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidParameter),
        (grpc.StatusCode.OUT_OF_RANGE, InvalidParameter),
        (grpc.StatusCode.FAILED_PRECONDITION, InvalidParameter),
        (grpc.StatusCode.UNIMPLEMENTED, Unimplemented),
        (grpc.StatusCode.CANCELLED, Cancelled),
        (grpc.StatusCode.UNKNOWN, System),
        (grpc.StatusCode.INTERNAL, System),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, System),
    ],
)
async def test_errors_become_kinds_in_containerds_own_words(
    tmp_path: Path, code: grpc.StatusCode, kind: type[EngineError]
) -> None:
    async with serving(tmp_path) as (script, channel):
        script.refuse(METHOD, code, 'exec: "x": not found: unknown')
        with pytest.raises(EngineError) as raised:
            await channel.call(METHOD, Empty(), VersionResponse)
    assert type(raised.value) is kind
    assert str(raised.value) == 'exec: "x": not found: unknown'


async def test_unavailable_names_the_call(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        script.refuse(METHOD, grpc.StatusCode.UNAVAILABLE, "ref locked")
        with pytest.raises(Unavailable, match="containerd Version/Version: ref locked"):
            await channel.call(METHOD, Empty(), VersionResponse)


async def test_a_method_that_the_server_lacks_is_unimplemented(tmp_path: Path) -> None:
    async with serving(tmp_path) as (_, channel):
        with pytest.raises(Unimplemented):
            await channel.call(METHOD, Empty(), VersionResponse)


async def test_namespace_and_lease_travel_with_the_call(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        seen = script.answer(METHOD, VersionResponse(version="2.1", revision="r"))
        reply = await channel.call(METHOD, Empty(), VersionResponse)
        assert (reply.version, reply.revision) == ("2.1", "r")
        await channel.call(METHOD, Empty(), VersionResponse, lease="l1")
    assert [headers["containerd-namespace"] for _, headers in seen] == ["moby", "moby"]
    assert [headers.get("containerd-lease") for _, headers in seen] == [None, "l1"]


async def _hang(request: bytes, context: Any) -> bytes:
    await asyncio.Event().wait()
    return b""


async def test_a_late_answer_names_the_call(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        script.unary[METHOD] = _hang
        with pytest.raises(DeadlineExceeded, match="containerd Version/Version: no answer within the deadline"):
            await channel.call(METHOD, Empty(), VersionResponse, deadline=0.01)


async def test_closing_under_a_call_is_unavailable_and_no_cancellation(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        begun = asyncio.Event()

        async def hang(request: bytes, context: Any) -> bytes:
            begun.set()
            return await _hang(request, context)

        script.unary[METHOD] = hang
        call = asyncio.create_task(channel.call(METHOD, Empty(), VersionResponse, deadline=None))
        await begun.wait()
        await channel.close()
        with pytest.raises(Unavailable):
            await call
        with pytest.raises(Unavailable, match="is closed"):
            await channel.call(METHOD, Empty(), VersionResponse)


async def test_a_cancelled_caller_stays_cancelled(tmp_path: Path) -> None:
    async with serving(tmp_path) as (script, channel):
        begun = asyncio.Event()

        async def hang(request: bytes, context: Any) -> bytes:
            begun.set()
            return await _hang(request, context)

        script.unary[METHOD] = hang
        call = asyncio.create_task(channel.call(METHOD, Empty(), VersionResponse, deadline=None))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call


async def test_nobody_at_the_socket_is_named(tmp_path: Path) -> None:
    channel = Channel(f"unix://{tmp_path}/none.sock", "moby")
    with pytest.raises(Unavailable, match="none.sock"):
        await channel.open(0.05)


async def test_a_stream_yields_each_message_and_ends(tmp_path: Path) -> None:
    async def three(request: bytes, context: Any) -> AsyncIterator[bytes]:
        for number in range(3):
            yield VersionResponse(version=str(number)).SerializeToString()

    async with serving(tmp_path) as (script, channel):
        script.stream[METHOD] = three
        found = [reply.version async for reply in channel.stream(METHOD, Empty(), VersionResponse)]
    assert found == ["0", "1", "2"]


async def test_a_stream_bounds_the_wait_for_each_message(tmp_path: Path) -> None:
    async def one(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield VersionResponse(version="0").SerializeToString()
        await asyncio.Event().wait()

    async with serving(tmp_path) as (script, channel):
        script.stream[METHOD] = one
        replies = channel.stream(METHOD, Empty(), VersionResponse, idle=0.2)
        assert (await anext(replies)).version == "0"
        with pytest.raises(DeadlineExceeded):
            await anext(replies)


async def test_a_duplex_that_ends_early_says_why(tmp_path: Path) -> None:
    async def refuse(requests: Any, context: Any) -> AsyncIterator[bytes]:
        await anext(aiter(requests))
        yield VersionResponse().SerializeToString()
        await anext(aiter(requests))
        await context.abort(grpc.StatusCode.ALREADY_EXISTS, "there")

    async def leave(requests: Any, context: Any) -> AsyncIterator[bytes]:
        await anext(aiter(requests))
        yield VersionResponse().SerializeToString()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")

    async def end(requests: Any, context: Any) -> AsyncIterator[bytes]:
        return
        yield b""

    async with serving(tmp_path) as (script, channel):
        script.duplex["a.B/Refuse"], script.duplex["a.B/End"] = refuse, end
        async with channel.duplex("a.B/Refuse", VersionResponse, idle=5) as call:
            await call.exchange(Empty())
            with pytest.raises(Conflict, match="there"):
                await call.exchange(Empty())
        script.duplex["a.B/Leave"] = leave
        async with channel.duplex("a.B/Leave", VersionResponse, idle=5) as call:
            await call.exchange(Empty())
            with pytest.raises(Unavailable, match="containerd .*B/Leave"):
                await call.exchange(Empty())
        async with channel.duplex("a.B/End", VersionResponse, idle=5) as call:
            with pytest.raises(System, match="ended without an answer"):
                await call.exchange(Empty())
