"""One engine as its clients see it: raw HTTP on its unix socket, hijacked streams, and the docker CLI.

Every answer is a JSON-like value: what was said, nothing yet made comparable (see normal.py).
"""

import http.client
import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from wherry.main.demo import demo_archive

Json = Any
IMAGE = "busybox:latest"
LABEL = "parity.call"
"""Containers of the CLI carry it, so that no other container of the engine is touched."""
SECONDS = 60
HEADERS_OF_FRAMING = ("Date", "Content-Length", "Transfer-Encoding")
"""HTTP's own: an answer may have a length or chunks as the server likes."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP on a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("docker", timeout=SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = open_socket(self._path)


class Side:
    """One of the two engines."""

    def __init__(self, host: str) -> None:
        assert host.startswith("unix:///"), f"unix://PATH is expected, not {host}"
        self.host = host
        self.path = host.removeprefix("unix://")
        self.made: list[str] = []
        self.networks: list[str] = []
        self.image = ""
        self._home = tempfile.TemporaryDirectory(prefix="parity-")
        root = self.call("GET", "/info")["body"]["DockerRootDir"]
        self.roots = sorted({root, os.path.dirname(self.path), self._home.name}, key=len, reverse=True)
        """Directories of this engine's own, longest first."""

    def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Json:
        """Return status, headers and body of one request; the body is parsed when it says that it is JSON."""
        sent = dict(headers or {})
        if raw is None and body is not None:
            raw = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        connection = UnixConnection(self.path)
        try:
            connection.request(method, path, body=raw, headers=sent)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        found = {"status": answer.status, "headers": shown_headers(answer.getheaders()), "body": data}
        found["body"] = parse(data, answer.getheader("Content-Type", ""))
        self._note(found)
        return found

    def _note(self, answer: Json) -> None:
        body = answer["body"]
        if answer["status"] == 201 and isinstance(body, dict) and "Warnings" in body:
            self.made.append(body["Id"])
        if answer["status"] == 201 and isinstance(body, dict) and "Warning" in body:
            self.networks.append(body["Id"])

    def hijack(
        self,
        path: str,
        body: Json = None,
        send: bytes = b"",
        upgrade: bool = True,
        then: Callable[[], object] = lambda: None,
    ) -> Json:
        """Take over a connection, run `then` behind its head, send, half-close, and return all until its end."""
        raw = b"" if body is None else json.dumps(body).encode()
        head = [
            f"POST {path} HTTP/1.1",
            "Host: docker",
            "Content-Type: application/json",
            f"Content-Length: {len(raw)}",
        ]
        head += ["Connection: Upgrade", "Upgrade: tcp"] if upgrade else []
        with open_socket(self.path) as line:
            line.sendall("\r\n".join([*head, "", ""]).encode() + raw)
            file = line.makefile("rb")
            status = file.readline().decode().strip()
            fields = list(read_head(file))
            then()
            with suppress(BrokenPipeError):  # a stream that has ended takes no more
                line.sendall(send)
                line.shutdown(socket.SHUT_WR)
            data = file.read()
        kind = dict(fields).get("Content-Type", "")
        framed = kind == "application/vnd.docker.multiplexed-stream"
        streams = demultiplex(data) if framed else data.decode(errors="replace")
        return {"status": status, "headers": shown_headers(fields), "body": streams}

    def docker(self, *arguments: str, stdin: bytes | None = None) -> Json:
        """Run the CLI and return its exit code and the lines that it printed."""
        source: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": self.host, "HOME": self._home.name}
        done = subprocess.run(["docker", *arguments], capture_output=True, timeout=SECONDS, env=environment, **source)
        out, err = (text.decode(errors="replace").splitlines() for text in (done.stdout, done.stderr))
        return {"code": done.returncode, "out": [json_or_text(line) for line in out], "err": err}

    def load(self) -> None:
        """Load the image that all calls use and note its id."""
        archive = demo_archive(IMAGE, ["sh"])
        loaded = self.call("POST", "/images/load?quiet=1", raw=archive, headers={"Content-Type": "application/x-tar"})
        assert loaded["status"] == 200, loaded
        found = self.call("GET", f"/images/{IMAGE}/json")
        assert found["status"] == 200, (loaded, found)
        self.image = found["body"]["Id"]

    def directory(self, name: str) -> str:
        """Return a directory of this side's own, for binds."""
        path = Path(self._home.name, name)
        path.mkdir(exist_ok=True)
        return str(path)

    def clean(self) -> None:
        """Remove every container and every network that a call made."""
        query = urlencode({"all": 1, "filters": json.dumps({"label": [LABEL]})})
        listed = self.call("GET", f"/containers/json?{query}")["body"]
        for ident in [*self.made, *(entry["Id"] for entry in listed)]:
            self.call("DELETE", f"/containers/{ident}?force=1&v=1")
        for ident in self.networks:
            self.call("DELETE", f"/networks/{ident}")
        self.made.clear()
        self.networks.clear()

    def close(self) -> None:
        """Remove what this side holds on the machine."""
        self._home.cleanup()


def open_socket(path: str) -> socket.socket:
    """Connect to a unix socket; every wait on it is bounded."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(SECONDS)
    line.connect(path)
    return line


def read_head(file: Any) -> Iterator[tuple[str, str]]:
    """Yield the fields of a head, to the blank line."""
    while line := file.readline().decode().strip():
        name, _, value = line.partition(":")
        yield name, value.strip()


def shown_headers(fields: list[tuple[str, str]]) -> dict[str, str]:
    """Return the headers that belong to the API, spelled as sent."""
    return {name: value for name, value in fields if name not in HEADERS_OF_FRAMING and value != "close"}


def parse(data: bytes, kind: str) -> Json:
    """Return a body as a value: JSON (several texts are a list), the streams of a log, or text."""
    if kind == "application/json" and data:
        texts = [json.loads(line) for line in data.splitlines() if line.strip()]
        return texts[0] if len(texts) == 1 else texts
    if kind == "application/vnd.docker.multiplexed-stream":
        return demultiplex(data)
    return data.decode(errors="replace")


def json_or_text(line: str) -> Json:
    """Return a line that `--format json` printed as a value, every other as it is."""
    return json.loads(line) if line.startswith('{"') else line


def demultiplex(data: bytes) -> dict[str, str]:
    """Return what each stream holds; how it was cut into frames is the engine's business."""
    streams: dict[str, bytes] = {}
    while data:
        assert len(data) >= 8, f"half a frame: {data!r}"
        size = int.from_bytes(data[4:8], "big")
        assert data[1:4] == b"\0\0\0", f"no frame: {data[:20]!r}"
        name = {1: "stdout", 2: "stderr"}.get(data[0], str(data[0]))
        streams[name] = streams.get(name, b"") + data[8 : 8 + size]
        data = data[8 + size :]
    return {name: text.decode(errors="replace") for name, text in sorted(streams.items())}
