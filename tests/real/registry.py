"""A small registry for tests: `python -m tests.real.registry DIRECTORY PORT` serves a directory on 127.0.0.1.

`blobs/<digest>` are blobs, `repos/<repository>/<tag or digest>` files with a media type, a newline and a manifest. What
a repository does beside is in its name: `private/…` wants a token (user `joe`, password `secret`), `basic/…` the same
by basic authentication, `cut/…` breaks off the first answer for a blob half way, `slow/…` stops there and waits,
`moved/…` sends for blobs to `localhost`. Each request is a line of `log`, in JSON.
"""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

BASIC = "Basic " + base64.b64encode(b"joe:secret").decode()
TOKENS = {"": "nobody", BASIC: "for-joe"}
Json = dict[str, Any]


class Registry:
    """The registry as a test sees it: a directory to put images into, and the log of what was asked."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory, self.port = directory, port
        (directory / "blobs").mkdir(parents=True)
        self.log = directory / "log"
        self.log.touch()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def add_blob(self, data: bytes, media_type: str, stored: bytes | None = None, **more: object) -> Json:
        """Add a blob, which is served as `stored` if that is given; returns its descriptor."""
        digest = f"sha256:{sha256(data).hexdigest()}"
        (self.directory / "blobs" / digest).write_bytes(data if stored is None else stored)
        return {"mediaType": media_type, "digest": digest, "size": len(data), **more}

    def add_manifest(self, repository: str, document: Json, *tags: str, **more: object) -> Json:
        """Add a manifest or an index under its digest and under tags; returns its descriptor."""
        data, kind = json.dumps(document).encode(), document["mediaType"]
        digest = f"sha256:{sha256(data).hexdigest()}"
        directory = self.directory / "repos" / repository
        directory.mkdir(parents=True, exist_ok=True)
        for name in (digest, *tags):
            (directory / name).write_bytes(f"{kind}\n".encode() + data)
        return {"mediaType": kind, "digest": digest, "size": len(data), **more}

    def requests(self) -> list[Json]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @contextmanager
    def serve(self, *enter: str) -> Iterator["Registry"]:
        """Serve by a process that is started by a command, such as `nsenter`."""
        command = [*enter, sys.executable, "-m", "tests.real.registry", str(self.directory), str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                yield self
            finally:
                process.kill()


class Handler(BaseHTTPRequestHandler):
    """Answers as the distribution specification says."""

    protocol_version = "HTTP/1.1"
    directory: Path
    seen: set[str] = set()
    lock = threading.Lock()

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        form = parse_qs(self.rfile.read(length).decode())
        self.note({name: values[0] for name, values in form.items()})
        right = form.get("username") == ["joe"] and form.get("password") == ["secret"]
        right = right or form.get("refresh_token") == ["identity"]
        if right:
            return self.answer(200, json.dumps({"access_token": "for-joe"}).encode())
        return self.fail(401, "UNAUTHORIZED", "incorrect username or password")

    def do_GET(self) -> None:
        self.note()
        path = urlsplit(self.path).path
        if path == "/token":
            return self.token()
        repository, _, rest = path.removeprefix("/v2/").partition("/manifests/")
        if rest:
            return self.allowed(repository) and self.manifest(repository, rest)
        repository, _, rest = path.removeprefix("/v2/").partition("/blobs/")
        if rest:
            return self.allowed(repository) and self.blob(repository, rest)
        repository, found, _ = path.removeprefix("/v2/").partition("/tags/list")
        if found:
            tags = sorted(p.name for p in (self.directory / "repos" / repository).iterdir() if ":" not in p.name)
            return self.answer(200, json.dumps({"name": repository, "tags": tags}).encode())
        return self.answer(200, b"{}")

    def note(self, form: dict[str, str] | None = None) -> None:
        seen = {"method": self.command, "path": self.path, "host": self.headers["Host"], "form": form or {}}
        seen |= {name: self.headers.get(name, "") for name in ("Range", "Authorization")}
        with self.lock, open(self.directory / "log", "a") as log:
            log.write(json.dumps(seen) + "\n")

    def token(self) -> None:
        given = self.headers.get("Authorization", "")
        if given not in TOKENS:
            return self.fail(401, "UNAUTHORIZED", "incorrect username or password")
        return self.answer(200, json.dumps({"token": TOKENS[given]}).encode())

    def allowed(self, repository: str) -> bool:
        """Whether the request may go on; the refusal is sent otherwise."""
        given = self.headers.get("Authorization", "")
        where = f"http://{self.headers['Host']}/token"
        bearer = f'Bearer realm="{where}",service="test",scope="repository:{repository}:pull"'
        if repository.startswith("private/") and given != "Bearer for-joe":
            if given:
                bearer += ',error="insufficient_scope"'
            self.fail(401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", bearer))
            return False
        if repository.startswith("basic/") and given != BASIC:
            challenge = ("WWW-Authenticate", 'Basic realm="test"')
            self.fail(401, "UNAUTHORIZED", "authentication required", challenge)
            return False
        return True

    def manifest(self, repository: str, reference: str) -> None:
        directory = self.directory / "repos" / repository
        if not directory.is_dir():
            return self.fail(404, "NAME_UNKNOWN", "repository name not known to registry")
        if not (directory / reference).is_file():
            return self.fail(404, "MANIFEST_UNKNOWN", "manifest unknown")
        kind, _, data = (directory / reference).read_bytes().partition(b"\n")
        digest = f"sha256:{sha256(data).hexdigest()}"
        return self.answer(200, data, ("Docker-Content-Digest", digest), kind=kind.decode())

    def blob(self, repository: str, digest: str) -> None:
        path = self.directory / "blobs" / digest
        if not path.is_file():
            return self.fail(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if repository.startswith("moved/") and not self.headers["Host"].startswith("localhost"):
            port = self.headers["Host"].rpartition(":")[2]
            return self.answer(307, b"", ("Location", f"http://localhost:{port}{self.path}"))
        data, start = path.read_bytes(), 0
        if self.headers.get("Range"):
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        with self.lock:
            first = self.path not in self.seen
            self.seen.add(self.path)
        if first and len(data) > 100_000 and repository.startswith(("cut/", "slow/")):
            return self.half(data, wait=repository.startswith("slow/"))
        if start:
            extra = ("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            return self.answer(206, data[start:], extra, kind="application/octet-stream")
        return self.answer(200, data, kind="application/octet-stream")

    def half(self, data: bytes, wait: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        if wait:
            self.rfile.read(1)  # until the client goes
        self.close_connection = True

    def fail(self, status: int, code: str, message: str, *headers: tuple[str, str]) -> None:
        self.answer(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), *headers)

    def answer(self, status: int, body: bytes, *headers: tuple[str, str], kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the log has it."""


def main() -> None:
    Handler.directory = Path(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    server.daemon_threads = True
    print("ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
