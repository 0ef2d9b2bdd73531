"""What the server answers to bytes that are no request, or a broken one: dockerd's words, none of a library."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.api_fakes import Engine, body_of, serving, status_of

BAD = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
CREATE = "POST /containers/create\nContent-Type: application/json\n"
CHUNKED = CREATE + "Transfer-Encoding: chunked"


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with serving(tmp_path) as running:
        yield running


async def say(engine: Engine, *parts: bytes) -> bytes:
    """Send bytes, one part when the one before was read, and return the answer."""
    client = await engine.connect()
    for part in parts:
        client.writer.write(part)
        await client.writer.drain()
        await asyncio.sleep(0)
    return await client.rest()


async def look(engine: Engine) -> None:
    """Return when the server has read what was sent before."""
    client = await engine.connect()
    client.writer.write(PING)
    await client.until(b"OK")
    client.writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\n",
        b"GET /_ping\r\n\r\n",
        b"GET /containers/%zz/json HTTP/1.1\r\nHost: d\r\n\r\n",
        b"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n",
        # These are for the library to refuse.
        b"GET /_ping HTTP/1.1\r\nHost: d\r\nUser-Agent: a\r\nUser-Agent: b\r\n\r\n",
        b"GET /_ping HTTP/1.1\r\nHost: d\r\nSec-WebSocket-Key1: a\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_ends(engine: Engine, data: bytes) -> None:
    assert await say(engine, data) == BAD


async def test_a_refusal_comes_behind_the_answers_before(engine: Engine) -> None:
    answer = await say(engine, PING + PING + b"garbage\r\n\r\n" + PING)
    assert answer.count(b"\r\n\r\nOK") == 2
    assert answer.endswith(b"OK" + BAD)


@pytest.mark.parametrize("data", [b"G", b"GET /_ping HTTP/1.1\r\nHost: d\r\n", PING + b"GET"])
async def test_half_a_head_and_the_end(engine: Engine, data: bytes) -> None:
    client = await engine.connect()
    client.writer.write(data)
    client.writer.write_eof()
    assert (await client.rest()).endswith(BAD)


async def test_nothing_and_the_end(engine: Engine) -> None:
    client = await engine.connect()
    client.writer.write_eof()
    assert await client.rest() == b""


async def test_an_unknown_method_is_like_any_without_a_route(engine: Engine) -> None:
    client = await engine.connect()
    client.send("BREW /containers/json\nContent-Length: 3", b"abc")
    client.send("BREW //containers/json")
    client.send("GET /_ping\nConnection: close")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b'{"message":"page not found"}\nHTTP/1.1 301 Moved Permanently\r\n' in answer
    assert answer.endswith(b"OK")


async def test_head_has_no_body_whatever_the_status(engine: Engine) -> None:
    client = await engine.connect()
    client.send("HEAD /nothing")
    client.send("GET /_ping\nConnection: close")
    assert b"\r\n\r\nHTTP/1.1 200 OK\r\n" in await client.rest()


@pytest.mark.parametrize(
    ("head", "pieces", "message"),
    [
        (CHUNKED, [b"zz\r\n"], "invalid JSON: invalid byte in chunk length"),
        (CHUNKED, [b"2\r\n{}\r\n", b"2\r\nabcd"], "invalid JSON: malformed chunked encoding"),
        (CREATE.replace("json", "x-www-form-urlencoded") + "Transfer-Encoding: chunked", [b"\r\n"], "empty hex number"),
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_a_broken_body(engine: Engine, head: str, pieces: list[bytes], message: str, late: bool) -> None:
    client = await engine.connect()
    client.send(head)
    for piece in pieces:
        if late:
            await look(engine)
        client.writer.write(piece)
    client.writer.write(PING)
    answer = await client.rest()
    assert status_of(answer) == 400
    assert b"Connection: close\r\n" in answer
    assert body_of(answer).startswith(f'{{"message":"{message}'.encode())
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(("head", "part"), [(CHUNKED, b"5\r\n{"), (CREATE + "Content-Length: 5", b"{")])
async def test_the_end_amid_a_body(engine: Engine, head: str, part: bytes) -> None:
    answer = await engine.ask(head, part)
    assert status_of(answer) == 400
    assert body_of(answer) == b'{"message":"invalid JSON: unexpected EOF"}\n'


async def test_the_end_amid_the_body_of_a_request_that_waits(engine: Engine) -> None:
    client = await engine.connect()
    client.writer.write(PING)
    client.send(CREATE + "Content-Length: 5", b"{")
    client.writer.write_eof()
    assert (await client.rest()).endswith(b'{"message":"invalid JSON: unexpected EOF"}\n')


async def test_the_end_amid_a_body_that_nobody_reads(engine: Engine) -> None:
    client = await engine.connect()
    client.send("POST /containers/x/kill\nContent-Length: 5")
    assert status_of(await client.head()) == 204
    client.writer.write_eof()
    assert await client.rest() == b""


async def test_bytes_behind_a_long_poll_are_held_within_bounds(engine: Engine) -> None:
    client = await engine.connect()
    client.send("GET /events")
    await client.head()
    client.writer.write(b"x" * (1 << 20))
    await look(engine)
    assert engine.events.readers == 1
    client.writer.transport.abort()


REQUESTS = st.sampled_from((PING, b"POST /exec/a/start HTTP/1.1\r\nHost: d\r\nContent-Length: 2\r\n\r\n{}"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)
@given(REQUESTS, st.lists(st.tuples(st.integers(0, 70), st.binary(min_size=1, max_size=3)), max_size=4))
def test_garbage_meets_no_library(tmp_path: Path, request: bytes, changes: list[tuple[int, bytes]]) -> None:
    for at, new in changes:
        request = request[:at] + new + request[at + 1 :]

    async def ask() -> bytes:
        async with serving(tmp_path) as engine:
            client = await engine.connect()
            client.writer.write(request)
            client.writer.write_eof()
            return await client.rest()

    (tmp_path / "s").unlink(missing_ok=True)
    answer = uvloop.run(ask())
    assert answer.startswith(b"HTTP/1.")
    assert b"aiohttp" not in answer
    assert b"Server: Python" not in answer
    assert not answer.startswith(b"HTTP/1.1 500")
