"""An engine as the bench sees it: raw HTTP over its unix socket, and the end of all that the bench made there."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from wherry.base.errors import InvalidParameter, System, Unavailable

IMAGE = "wherry-bench:latest"
NETWORK = "wherry-bench"
"""A network of the user's, for the parts that need one."""
SECONDS = 60.0
"""How long one wait on a socket may take."""
ATTEMPTS = 10
"""How often the tidy-up begins anew, a fifth of a second apart, while a container still holds the image."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A name for the table and the path of the socket."""

    name: str
    path: str

    @property
    def host(self) -> str:
        """What DOCKER_HOST takes."""
        return f"unix://{self.path}"


def parse_engines(words: list[str]) -> list[Engine]:
    """Return the engines of `name=unix:///path` words; InvalidParameter for another form or a name given twice."""
    found: dict[str, Engine] = {}
    for word in words:
        name, _, host = word.partition("=")
        if not name or not host.startswith("unix:///"):
            raise InvalidParameter(f"{word}: an engine is given as name=unix:///path")
        if name in found:
            raise InvalidParameter(f"two engines are called {name}")
        found[name] = Engine(name, host.removeprefix("unix://"))
    return list(found.values())


class Api(http.client.HTTPConnection):
    """One connection, kept open between calls; an answer without length ends it, the next call opens it anew.

    Use it in contextlib.closing.
    """

    def __init__(self, engine: Engine) -> None:
        """Connect with the first call."""
        super().__init__("docker", timeout=SECONDS)
        self._engine = engine

    def connect(self) -> None:
        """Open the unix socket in place of TCP."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self._engine.path)

    def send_call(self, method: str, target: str, payload: bytes | None, kind: str) -> tuple[int, bytes]:
        """Return status and body; Unavailable when nobody answers."""
        try:
            self.request(method, target, payload, {"Content-Type": kind} if payload else {})
            answer = self.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unavailable(f"{self._engine.name}: no answer at {self._engine.host}: {error!r}") from error

    def call(self, method: str, target: str, body: Any = None) -> bytes:
        """Return the body of a successful answer; bytes go as tar, the rest as JSON. System carries the refusal."""
        is_tar = isinstance(body, bytes)
        payload = body if is_tar or body is None else json.dumps(body).encode()
        status, raw = self.send_call(method, target, payload, "application/x-tar" if is_tar else "application/json")
        if status >= 400:
            raise System(f"{self._engine.name}: {method} {target}: {status} {raw[:300].decode('utf-8', 'replace')}")
        return raw

    def create(self, network: str, *command: str) -> str:
        """Create a container of the bench's image and return its id; it is stopped by KILL, which nothing holds up."""
        host = {"NetworkMode": network}
        body = {"Image": IMAGE, "StopSignal": "KILL", "HostConfig": host, **({"Cmd": command} if command else {})}
        return str(json.loads(self.call("POST", "/containers/create", body))["Id"])

    def start(self, ident: str) -> None:
        """Start a container."""
        self.call("POST", f"/containers/{ident}/start")

    @contextlib.contextmanager
    def sleeper(self, network: str) -> Iterator[str]:
        """Yield a container that runs until it is killed, and remove it then."""
        ident = self.create(network, "sleep", "3600")
        self.start(ident)
        yield ident
        self.call("DELETE", f"/containers/{ident}?force=1")

    def get(self, target: str) -> Any:
        """Return the JSON of a GET."""
        return json.loads(self.call("GET", target))

    def finish(self, ident: str) -> None:
        """Wait for a container's end and remove it; System when it failed, so that no failure passes as fast."""
        code = json.loads(self.call("POST", f"/containers/{ident}/wait"))["StatusCode"]
        if code != 0:
            raise System(f"{self._engine.name}: container {ident} ended with status {code}")
        self.call("DELETE", f"/containers/{ident}")

    def execute(self, ident: str, *command: str) -> None:
        """Run a command in a container to its end, as the docker CLI does: create, attached start, inspect."""
        body = {"Cmd": command, "AttachStdout": True, "AttachStderr": True}
        run = json.loads(self.call("POST", f"/containers/{ident}/exec", body))["Id"]
        self.call("POST", f"/exec/{run}/start", {"Detach": False, "Tty": False})
        until = time.monotonic() + SECONDS
        while (state := self.get(f"/exec/{run}/json"))["Running"]:
            if time.monotonic() > until:
                raise System(f"{self._engine.name}: exec {run} does not end")
        if state["ExitCode"] != 0:
            raise System(f"{self._engine.name}: exec {run} ended with status {state['ExitCode']}")

    def load(self, archive: bytes) -> None:
        """Load the image; System when the stream of messages tells of an error."""
        for line in self.call("POST", "/images/load", archive).splitlines():
            with contextlib.suppress(ValueError):  # some engines answer with plain text
                if "error" in (message := json.loads(line)):
                    raise System(f"{self._engine.name}: load: {message['error']}")

    def version(self) -> dict[str, Any]:
        """Return what the engine says of itself."""
        return dict(self.get("/version"))

    def clear(self) -> None:
        """Remove every container of the bench's image."""
        query = urlencode({"all": "1", "filters": json.dumps({"ancestor": [IMAGE]})})
        for container in self.get(f"/containers/json?{query}"):
            self.send_call("DELETE", f"/containers/{container['Id']}?force=1", None, "")

    def tidy(self) -> None:
        """Remove every container of the bench's image, then its network and the image; System when that stays."""
        raw = b""
        for _ in range(ATTEMPTS):  # what a killed CLI or a failed wait left may need a moment
            self.clear()
            self.send_call("DELETE", f"/networks/{NETWORK}", None, "")
            status, raw = self.send_call("DELETE", f"/images/{IMAGE}", None, "")
            if status in (200, 404):
                return
            time.sleep(0.2)
        raise System(f"{self._engine.name}: {IMAGE} stays: {raw[:300].decode('utf-8', 'replace')}")
