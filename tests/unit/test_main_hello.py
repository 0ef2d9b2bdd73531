import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from wherry.base.errors import InvalidParameter, NotFound, System, Unavailable
from wherry.main.client import Client, unframe
from wherry.main.demo import find_busybox
from wherry.main.hello import Hello
from wherry.main.tool import main

IDENT = "f" * 64
VERSION = {
    "Platform": {"Name": "wherry"},
    "Version": "28.5.0+wherry.0.1.0",
    "ApiVersion": "1.51",
    "Components": [{"Name": "Engine", "Version": "x"}, {"Name": "containerd", "Version": "1.6.20"}],
}
LOG = b"\x01\0\0\0\0\0\0\x06hello\n\x02\0\0\0\0\0\0\x05oops\n"


class FakeEngine(BaseHTTPRequestHandler):
    """Answers what hello asks, from the table of the server."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        key = f"{self.command} {self.path}"
        self.server.seen.append(key)  # type: ignore[attr-defined]
        status, body = self.server.answers.get(key, (404, b'{"message":"page not found"}'))  # type: ignore[attr-defined]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass

    def address_string(self) -> str:
        return "unix"


class Server(socketserver.ThreadingUnixStreamServer):
    def __init__(self, path: str) -> None:
        super().__init__(path, FakeEngine)
        self.seen: list[str] = []
        self.answers: dict[str, tuple[int, bytes]] = {
            "GET /_ping": (200, b"OK"),
            "GET /version": (200, json.dumps(VERSION).encode()),
            "POST /images/load": (200, b'{"stream":"Loaded image: wherry/hello:latest\\n"}\r\n'),
            "POST /containers/create": (201, json.dumps({"Id": IDENT, "Warnings": []}).encode()),
            f"POST /containers/{IDENT}/start": (204, b""),
            f"POST /containers/{IDENT}/wait": (200, b'{"StatusCode":0}'),
            f"GET /containers/{IDENT}/logs?stdout=1&stderr=1": (200, LOG),
            f"DELETE /containers/{IDENT}?force=1": (204, b""),
        }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(str(tmp_path / "s")) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def client(server: Server) -> Client:
    return Client(f"unix://{server.server_address}", 5.0)


def needs_busybox() -> None:
    try:
        find_busybox()
    except NotFound as error:
        pytest.skip(str(error))


def tour(server: Server) -> tuple[int, str]:
    needs_busybox()
    lines: list[str] = []
    status = Hello(client(server), lines.append).run()
    return status, "\n".join(lines)


def test_the_tour(server: Server) -> None:
    status, text = tour(server)
    assert status == 0
    assert "     | hello\n     | oops\n" in text
    assert "Loaded image: wherry/hello:latest" in text
    assert [line.split(".")[0].strip() for line in text.splitlines() if "ms]" in line] == [*"12345678"]
    assert server.seen[-1] == f"DELETE /containers/{IDENT}?force=1"


def test_a_failed_start_is_shown_and_the_container_removed(server: Server) -> None:
    server.answers[f"POST /containers/{IDENT}/start"] = (500, b'{"message":"mount rootfs: no space left on device"}')
    status, text = tour(server)
    assert status == 1
    assert "500 mount rootfs: no space left on device" in text
    assert "wherry doctor" in text
    assert server.seen[-1].startswith("DELETE")


def test_a_failed_load_in_the_stream_is_seen(server: Server) -> None:
    server.answers["POST /images/load"] = (200, b'{"error":"bad layer","errorDetail":{"message":"bad layer"}}\n')
    status, text = tour(server)
    assert (status, "bad layer" in text) == (1, True)


def test_a_bad_exit_status_fails(server: Server) -> None:
    server.answers[f"POST /containers/{IDENT}/wait"] = (200, b'{"StatusCode":3}')
    status, text = tour(server)
    assert (status, "status 3" in text) == (1, True)


def test_client_errors(server: Server, tmp_path: Path) -> None:
    with pytest.raises(System, match="GET /none: 404 page not found"):
        client(server).call("GET", "/none")
    with pytest.raises(Unavailable, match="no engine answers"):
        Client(f"unix://{tmp_path}/nobody").call("GET", "/_ping")
    for host in ("tcp://x", "unix://relative", "/path"):
        with pytest.raises(InvalidParameter):
            Client(host)


def test_unframe_stops_at_a_cut_header() -> None:
    assert unframe(LOG + b"\x01\0\0") == {1: b"hello\n", 2: b"oops\n"}
    assert unframe(b"") == {1: b"", 2: b""}


def test_ping(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ping", "-H", f"unix://{server.server_address}"]) == 0
    assert capsys.readouterr().out == "OK\n"
    assert main(["ping", "-H", f"unix://{tmp_path}/nobody"]) == 1
    assert "no engine answers" in capsys.readouterr().err
