"""The HTTP edge on the wire: routes, versions, headers, framing (api-containers.md 1)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from tests.unit.api_fakes import ID, Engine, body_of, serving, status_of
from wherry.api.server import clean_path, parse_version, route_table
from wherry.base.errors import Conflict, NotFound, NotModified, System
from wherry.model.query import PullOptions


@pytest.fixture(scope="module")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy()


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    async with serving(tmp_path) as running:
        yield running


async def test_ping_has_every_header_of_the_specification(engine: Engine) -> None:
    answer = await engine.ask("GET /_ping\nConnection: close")
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = set(head.split(b"\r\n"))
    assert body == b"OK"
    assert {
        b"HTTP/1.1 200 OK",
        b"Api-Version: 1.51",
        b"Builder-Version: 1",
        b"Cache-Control: no-cache, no-store, must-revalidate",
        b"Content-Length: 2",
        b"Content-Type: text/plain; charset=utf-8",
        b"Docker-Experimental: false",
        b"Ostype: linux",
        b"Pragma: no-cache",
        b"Server: Docker/28.5.0 (linux)",
        b"Swarm: inactive",
    } <= lines


async def test_head_ping_has_no_body_and_the_connection_goes_on(engine: Engine) -> None:
    client = await engine.connect()
    client.send("HEAD /_ping")
    assert b"Content-Length: 0\r\n" in await client.head()
    client.send("GET /v1.30/_ping")
    assert b"Api-Version: 1.51\r\n" in await client.head()
    assert await client.reader.readexactly(2) == b"OK"
    client.writer.close()


@pytest.mark.parametrize(
    "line",
    [
        "GET /nothing",
        "PUT /_ping",
        "GET /containers/x/start",
        "GET /v1.4x/_ping",
        "GET /containers/json/",
        "HEAD /info",
        "POST /containers/x/copy",
        "BREW /_ping",
        "get /_ping",
        "CONNECT /_ping",
    ],
)
async def test_what_is_no_endpoint_is_404_without_the_common_headers(engine: Engine, line: str) -> None:
    answer = await engine.ask(line)
    assert status_of(answer) == 404
    assert body_of(answer) == (b"" if line.startswith("HEAD") else b'{"message":"page not found"}\n')
    assert b"Content-Type: application/json\r\nContent-Length: 29\r\n" in answer
    assert b"Api-Version" not in answer
    assert b"Server" not in answer


@pytest.mark.parametrize(
    ("line", "location"),
    [
        ("POST //containers/json", b"/containers/json"),
        ("GET /v1.41/containers/../info?a=%20b", b"/v1.41/info?a=%20b"),
        ("GET /containers/./a%20b/json", b"/containers/a%20b/json"),
    ],
)
async def test_an_unclean_path_is_redirected(engine: Engine, line: str, location: bytes) -> None:
    answer = await engine.ask(line)
    assert status_of(answer) == 301
    assert b"Location: " + location + b"\r\n" in answer


def test_clean_path() -> None:
    assert [clean_path(path) for path in ("/a//b", "/../a/", "/", "/..", "/a/./b/")] == [
        "/a/b",
        "/a/",
        "/",
        "/",
        "/a/b/",
    ]


def test_versions_compare_by_number() -> None:
    assert parse_version("1.9") < parse_version("1.10")
    assert parse_version("1") == (1, 0)
    assert parse_version("..") == (0, 0)
    assert parse_version("9" * 9999)[0] > 1000


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.52", "client version 1.52 is too new. Maximum supported API version is 1.51"),
        ("2", "client version 2 is too new. Maximum supported API version is 1.51"),
    ],
)
async def test_a_version_that_is_too_new(engine: Engine, version: str, message: str) -> None:
    answer = await engine.ask(f"GET /v{version}/_ping")
    assert status_of(answer) == 400
    assert body_of(answer) == f'{{"message":"{message}"}}\n'.encode()
    assert b"Api-Version: 1.51\r\n" in answer
    assert b"Docker-Experimental" not in answer


async def test_a_version_that_is_too_old_is_answered_in_plain_text(engine: Engine) -> None:
    answer = await engine.ask("GET /v1.23/info")
    assert status_of(answer) == 400
    assert b"Content-Type: text/plain; charset=utf-8\r\n" in answer
    assert b"X-Content-Type-Options: nosniff\r\n" in answer
    assert body_of(answer) == (
        b"client version 1.23 is too old. Minimum supported API version is 1.24, "
        b"please upgrade your client to a newer version\n"
    )


async def test_a_route_that_came_later(engine: Engine) -> None:
    answer = await engine.ask("GET /v1.29/distribution/a/b/json")
    assert status_of(answer) == 400
    assert body_of(answer) == (b'{"message":"GET /distribution/{name:.*}/json requires minimum API version 1.30"}\n')


async def test_options_is_answered_everywhere(engine: Engine) -> None:
    answer = await engine.ask("OPTIONS /whatever")
    assert status_of(answer) == 200
    assert b"Api-Version: 1.51\r\n" in answer
    assert body_of(answer) == b""


@pytest.mark.parametrize(
    ("path", "ref"),
    [("a/b", "a/b"), ("a%2Fb", "a/b"), ("json", "json"), ("json/json", "json/json"), ("%C3%A9", "é")],
)
async def test_names_hold_slashes(engine: Engine, path: str, ref: str) -> None:
    engine.containers.inspected = {"Id": ID}
    assert status_of(await engine.ask(f"GET /containers/{path}/json")) == 200
    assert engine.containers.calls == [("inspect", ref, False)]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (NotFound("No such container: x"), 404, "No such container: x"),
        (Conflict("a <b> & c"), 409, "a <b> & c"),
        (System("boom"), 500, "boom"),
        (RuntimeError("bug"), 500, "internal error: RuntimeError: bug"),
    ],
)
async def test_errors_are_json(engine: Engine, error: Exception, status: int, message: str) -> None:
    engine.containers.error = error
    answer = await engine.ask("POST /containers/x/start")
    assert status_of(answer) == status
    assert body_of(answer) == f'{{"message":"{message}"}}\n'.encode()


async def test_304_has_no_body_and_the_connection_goes_on(engine: Engine) -> None:
    engine.containers.error = NotModified("container is already running")
    client = await engine.connect()
    client.send("POST /containers/x/start")
    head = await client.head()
    assert status_of(head) == 304
    assert b"Content" not in head
    client.send("GET /_ping\nConnection: close")
    assert body_of(await client.rest()) == b"OK"


async def test_http_1_0_and_its_missing_host(engine: Engine) -> None:
    client = await engine.connect()
    client.writer.write(b"GET /_ping HTTP/1.0\r\n\r\n")
    answer = await client.rest()
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert body_of(answer) == b"OK"


async def test_http_1_1_needs_a_host(engine: Engine) -> None:
    client = await engine.connect()
    client.writer.write(b"GET /_ping HTTP/1.1\r\n\r\n")
    assert status_of(await client.rest()) == 400


async def test_pipelined_requests_are_answered_in_order(engine: Engine) -> None:
    client = await engine.connect()
    client.send("GET /_ping")
    client.send("GET /networks\nConnection: close")
    await client.head()
    assert await client.reader.readexactly(2) == b"OK"
    assert body_of(await client.rest()) == b'[{"Name":"bridge"}]\n'


async def test_a_request_in_pieces(engine: Engine) -> None:
    client = await engine.connect()
    for byte in b"POST /containers/x/kill?signal=TERM HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n":
        client.writer.write(bytes((byte,)))
        await client.writer.drain()
        await asyncio.sleep(0)
    assert status_of(await client.rest()) == 204
    assert engine.containers.calls == [("kill", "x", "TERM")]


async def test_a_call_goes_on_when_its_client_hangs_up(engine: Engine) -> None:
    engine.containers.hold = asyncio.Event()
    client = await engine.connect()
    client.send("POST /containers/x/stop?t=3&signal=INT")
    await client.writer.drain()
    ping = await engine.connect()
    ping.send("GET /_ping")
    await ping.until(b"\r\n\r\nOK")
    client.writer.close()
    await client.writer.wait_closed()
    engine.containers.hold.set()
    ping.send("GET /_ping")
    await ping.until(b"\r\n\r\nOK")
    ping.writer.close()
    assert engine.containers.calls == [("stop", "x", 3, "INT")]


async def test_an_unread_body_ends_the_connection_after_the_answer(engine: Engine) -> None:
    answer = await engine.ask("POST /containers/x/start\nContent-Length: 20", b"x" * 20)
    assert status_of(answer) == 400
    assert b"non-empty request body was deprecated" in answer


async def test_the_old_bodies_of_start_are_accepted(engine: Engine) -> None:
    for body in (b"", b"{}", b"null"):
        head = f"POST /containers/x/start\nContent-Type: application/json\nContent-Length: {len(body)}"
        assert status_of(await engine.ask(head, body)) == 204


async def test_a_form_is_part_of_the_query(engine: Engine) -> None:
    head = "POST /containers/x/kill?signal=INT\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 11"
    assert status_of(await engine.ask(head, b"signal=TERM")) == 204
    assert engine.containers.calls == [("kill", "x", "TERM")]


async def test_a_broken_escape_is_an_error(engine: Engine) -> None:
    answer = await engine.ask("GET /containers/json?all=%zz")
    assert status_of(answer) == 400
    assert body_of(answer) == b'{"message":"invalid URL escape \\"%zz\\""}\n'


async def test_a_header_that_is_no_text_is_told_as_json(engine: Engine) -> None:
    client = await engine.connect()
    client.writer.write(
        b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: a\xff\r\nConnection: close\r\n\r\n"
    )
    answer = await client.rest()
    assert status_of(answer) == 400
    assert "malformed Content-Type header (a\ufffd)".encode() in answer


@pytest.mark.parametrize("query", ["all=1;limit=2", "limit=%zz&a;b", ";"])
async def test_a_semicolon_is_an_error(engine: Engine, query: str) -> None:
    answer = await engine.ask(f"GET /containers/json?{query}")
    assert status_of(answer) == 400
    assert body_of(answer) == b'{"message":"invalid semicolon separator in query"}\n'


async def test_more_parameters_than_any_client_sends(engine: Engine) -> None:
    answer = await engine.ask(f"GET /containers/json?{'&'.join(['a=b'] * 1001)}")
    assert status_of(answer) == 400
    assert body_of(answer) == b'{"message":"number of URL query parameters exceeded limit"}\n'


async def test_some_routes_take_what_they_can_of_a_broken_query(engine: Engine) -> None:
    assert status_of(await engine.ask("GET /_ping?a=%zz;b")) == 200
    assert status_of(await engine.ask("GET /containers/a/json?x;y&size=1&z=%")) == 200
    assert engine.containers.calls == [("inspect", "a", True)]


async def test_a_network_is_asked_for_by_scope(engine: Engine) -> None:
    answer = await engine.ask("GET /networks/a?scope=local")
    assert body_of(answer) == b'{"Name":"a","Scope":"local"}\n'


@pytest.mark.parametrize("expect", ["", "\nExpect: 100-continue"])
async def test_load_reads_a_chunked_body(engine: Engine, expect: str) -> None:
    client = await engine.connect()
    client.send("POST /images/load?quiet=1\nTransfer-Encoding: chunked\nConnection: close" + expect)
    if expect:
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.writer.write(b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")
    answer = await client.rest()
    assert engine.images.loaded == b"abcdefg"
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body_of(answer) == b'22\r\n{"stream":"Loaded image: a:1\\n"}\r\n\r\n0\r\n\r\n'


async def test_swarm_and_absent_features(engine: Engine) -> None:
    answer = await engine.ask("GET /services")
    assert status_of(answer) == 503
    assert b'This node is not a swarm manager. Use \\"docker swarm init\\"' in answer
    answer = await pull(engine, "fromSrc=-")
    assert status_of(answer) == 501
    assert body_of(answer) == b'{"message":"importing images is not supported by this engine yet"}\n'


async def pull(engine: Engine, query: str) -> bytes:
    """Ask without an end of the client's, which would be taken for a hang-up."""
    client = await engine.connect()
    client.send(f"POST /images/create?{query}\nX-Registry-Auth: e30\nConnection: close")
    return await client.rest()


async def test_pull(engine: Engine) -> None:
    answer = await pull(engine, "fromImage=alpine&tag=3&platform=linux/arm64")
    assert engine.images.pulled == PullOptions("alpine", "3", "linux/arm64", "e30")
    assert status_of(answer) == 200
    assert b'{"status":"Pulling"}\r\n' in answer
    assert engine.images.cancelled


async def test_a_pull_that_fails_before_it_begins_has_a_status(engine: Engine) -> None:
    answer = await pull(engine, "fromImage=absent&tag=latest")
    assert status_of(answer) == 404
    assert body_of(answer) == b'{"message":"pull access denied for absent"}\n'


def test_the_route_table_says_what_works() -> None:
    rows = route_table()
    assert ("GET", "/containers/{name}/json", "works") in rows
    assert ("GET", "/containers/{name}/export", "501") in rows
    assert ("POST", "/swarm/leave", "503") in rows
    assert len({row[:2] for row in rows}) == len(rows)


async def test_stop_cuts_long_polls(engine: Engine) -> None:
    client = await engine.connect()
    client.send("GET /events")
    await client.head()
    await asyncio.wait_for(engine.server.stop(1.0), 3)
    assert await client.rest() == b""
    assert engine.events.readers == 0
