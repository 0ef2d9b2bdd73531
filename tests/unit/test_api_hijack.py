"""Hijacked streams on the wire (api-containers.md 2.1)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from tests.unit.api_fakes import Client, Engine, body_of, serving, status_of
from wherry.api.hijack import opening
from wherry.base.errors import Conflict, NotFound

MULTIPLEXED = b"Content-Type: application/vnd.docker.multiplexed-stream\r\n"
RAW = b"Content-Type: application/vnd.docker.raw-stream\r\n"
UPGRADE = "\nConnection: Upgrade\nUpgrade: tcp"
COMMON = b"Api-Version: 1.51\r\nOstype: linux\r\nServer: Docker/28.5.0 (linux)\r\nDocker-Experimental: false\r\n"
SWITCH = b"Connection: Upgrade\r\nUpgrade: tcp\r\n"


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy() if request.param == "uvloop" else asyncio.DefaultEventLoopPolicy()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with serving(tmp_path) as running:
        yield running


async def converse(client: Client) -> None:
    """Say something, half-close, and see the echo and the server's end."""
    client.writer.write(b"hello")
    assert await client.until(b"hello") == b"<hello"
    client.writer.write_eof()
    assert await client.rest() == b">"


@pytest.mark.parametrize(
    ("version", "tty", "upgrade", "head"),
    [
        ("1.42", False, True, b"HTTP/1.1 101 UPGRADED\r\n" + MULTIPLEXED + SWITCH + b"\r\n"),
        ("1.42", True, True, b"HTTP/1.1 101 UPGRADED\r\n" + RAW + SWITCH + b"\r\n"),
        ("1.41", False, True, b"HTTP/1.1 101 UPGRADED\r\n" + RAW + SWITCH + b"\r\n"),
        ("1.41", True, True, b"HTTP/1.1 101 UPGRADED\r\n" + RAW + SWITCH + b"\r\n"),
        ("1.42", False, False, b"HTTP/1.1 200 OK\r\n" + RAW + b"\r\n"),
        ("1.41", True, False, b"HTTP/1.1 200 OK\r\n" + RAW + b"\r\n"),
    ],
)
async def test_heads_of_attach(engine: Engine, version: str, tty: bool, upgrade: bool, head: bytes) -> None:
    engine.containers.tty = tty
    client = await engine.connect()
    client.send(f"POST /v{version}/containers/a/attach?stream=1&stdin=1&stdout=1" + UPGRADE * upgrade)
    assert await client.head() == head
    await converse(client)


@pytest.mark.parametrize(
    ("tty", "upgrade", "head"),
    [
        (False, True, b"HTTP/1.1 101 UPGRADED\r\n" + MULTIPLEXED + SWITCH + COMMON + b"\r\n"),
        (True, True, b"HTTP/1.1 101 UPGRADED\r\n" + RAW + SWITCH + COMMON + b"\r\n"),
        (False, False, b"HTTP/1.1 200 OK\r\n" + RAW + COMMON + b"\r\n"),
    ],
)
async def test_heads_of_exec_with_a_body(engine: Engine, tty: bool, upgrade: bool, head: bytes) -> None:
    body = b'{"Detach":false,"Tty":true}' if tty else b'{"Detach":false,"Tty":false}'
    client = await engine.connect()
    client.send(
        f"POST /exec/e/start\nContent-Type: application/json\nContent-Length: {len(body)}" + UPGRADE * upgrade, body
    )
    assert await client.head() == head
    await converse(client)
    assert engine.execs.requests[0].tty is tty


@pytest.mark.parametrize("upgrade", ["", UPGRADE, "\nConnection: Upgrade\nUpgrade: h2c"])
async def test_bytes_behind_the_head_are_early_bytes(engine: Engine, upgrade: str) -> None:
    client = await engine.connect()
    client.send("POST /containers/a/attach?stream=1&stdin=1" + upgrade, b"GET / early")
    await client.head()
    assert await client.until(b"early") == b"<GET / early"
    client.writer.write_eof()
    assert await client.rest() == b">"
    assert engine.containers.session is not None
    assert engine.containers.session.early == b"GET / early"


@pytest.mark.parametrize("chunked", [False, True])
async def test_bytes_behind_an_exec_body_are_early_bytes(engine: Engine, chunked: bool) -> None:
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 2"
    body = b"1\r\n{\r\n1;x=y\r\n}\r\n0\r\n\r\n" if chunked else b"{}"
    client = await engine.connect()
    client.send(f"POST /exec/e/start\nContent-Type: application/json\n{length}" + UPGRADE, body + b"early")
    await client.head()
    assert await client.until(b"early") == b"<early"
    client.writer.write_eof()
    assert await client.rest() == b">"


async def test_an_exec_body_that_comes_later(engine: Engine) -> None:
    client = await engine.connect()
    client.send("POST /exec/e/start\nContent-Type: application/json\nContent-Length: 12" + UPGRADE)
    await client.writer.drain()
    client.writer.write(b'{"Tty":true}')
    assert RAW in await client.head()
    await converse(client)


async def test_a_half_close_right_behind_the_request(engine: Engine) -> None:
    client = await engine.connect()
    client.send("POST /containers/a/attach?stream=1&stdin=1" + UPGRADE, b"all of it")
    client.writer.write_eof()
    assert body_of(await client.rest()) == b"<all of it>"


async def test_much_input_is_neither_lost_nor_held_without_bound(engine: Engine) -> None:
    data = b"0123456789abcdef" * 65536
    client = await engine.connect()
    client.send("POST /containers/a/attach?stream=1&stdin=1" + UPGRADE)
    writing = asyncio.ensure_future(_write_all(client, data))
    answer = body_of(await client.rest())
    await writing
    assert answer == b"<" + data + b">"


async def _write_all(client: Client, data: bytes) -> None:
    client.writer.write(data)
    client.writer.write_eof()
    await client.writer.drain()


async def test_attach_fails_in_plain_text(engine: Engine) -> None:
    engine.containers.error = NotFound("No such container: a")
    answer = await engine.ask("POST /containers/a/attach" + UPGRADE)
    assert answer == b"HTTP/1.1 404 Not Found\r\n" + RAW + b"\r\nNo such container: a\r\n"
    engine.containers.error = Conflict("container a is paused, unpause the container before attach")
    assert (await engine.ask("POST /containers/a/attach")).startswith(b"HTTP/1.1 409 Conflict\r\nContent-Type: ")


async def test_a_broken_query_of_attach_fails_in_json(engine: Engine) -> None:
    answer = await engine.ask("POST /containers/a/attach?stdin=%" + UPGRADE)
    assert status_of(answer) == 400
    assert body_of(answer) == b'{"message":"invalid URL escape \\"%\\""}\n'


async def test_exec_fails_in_json_and_the_connection_goes_on(engine: Engine) -> None:
    client = await engine.connect()
    head = "\nContent-Type: application/json\nContent-Length: 2" + UPGRADE
    client.send("POST /exec/gone/start" + head, b"{}")
    assert status_of(await client.head()) == 404
    assert await client.until(b"\n") == b'{"message":"No such exec instance: gone"}\n'
    client.send("GET /_ping")
    assert status_of(await client.head()) == 200
    await client.until(b"OK")
    client.send("POST /exec/e/start" + head, b"{}")
    assert status_of(await client.head()) == 101
    await converse(client)


async def test_a_request_behind_a_failed_exec_is_the_next_request(engine: Engine) -> None:
    client = await engine.connect()
    client.send("POST /exec/gone/start\nContent-Type: application/json\nContent-Length: 2", b"{}")
    client.send("GET /_ping\nConnection: close")
    answer = await client.rest()
    assert status_of(answer) == 404
    assert answer.endswith(b"OK")


async def test_detached_exec_is_an_ordinary_answer(engine: Engine) -> None:
    body = b'{"Detach":true}'
    head = f"POST /exec/e/start\nContent-Type: application/json\nContent-Length: {len(body)}"
    answer = await engine.ask(head, body)
    assert status_of(answer) == 200
    assert b"Content-Length: 0\r\n" in answer
    assert engine.execs.session is not None
    assert engine.execs.session.detached


async def test_attach_in_one_breath_with_another_request(engine: Engine) -> None:
    client = await engine.connect()
    client.send("GET /_ping")
    client.send("POST /containers/a/attach?stream=1&stdin=1" + UPGRADE, b"early")
    await client.until(b"\r\n\r\nOK")
    assert status_of(await client.head()) == 101
    assert await client.until(b"early") == b"<early"
    client.writer.write_eof()
    assert await client.rest() == b">"


async def test_a_body_of_attach_is_no_input(engine: Engine) -> None:
    client = await engine.connect()
    client.send("POST /containers/a/attach?stream=1&stdin=1\nContent-Length: 2" + UPGRADE, b"{}early")
    await client.head()
    assert await client.until(b"early") == b"<early"
    client.writer.write_eof()
    assert await client.rest() == b">"


async def test_attach_over_tcp(tmp_path: Path) -> None:
    async with serving(tmp_path, socket.AF_INET) as engine:
        client = Client(*await asyncio.open_connection(*engine.address))
        client.send("POST /containers/a/attach?stream=1&stdin=1" + UPGRADE, b"x")
        await client.head()
        await client.until(b"<x")
        client.writer.write_eof()
        assert await client.rest() == b">"


def test_opening_of_an_upgrade_is_what_docker_writes() -> None:
    assert opening(True, False, (1, 51)) == (
        b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"
        b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    )
