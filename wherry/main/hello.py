"""`wherry hello`: a first container through the API, step by step, each with its time."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from wherry.base.errors import EngineError, System
from wherry.main.client import STDERR, STDOUT, Client, unframe
from wherry.main.demo import demo_archive

IMAGE = "wherry/hello:latest"
SCRIPT = """
echo "Hello from a container!"
echo "  I am process $$ of $(hostname), on $(uname -sm)."
echo "  My root file system: $(awk '$2 == "/" {print $3; exit}' /proc/mounts), my address: $(hostname -i)."
"""

Say = Callable[[str], None]


class Hello:
    """The tour. Prints one line per step; a failure ends it with the engine's own words."""

    def __init__(self, client: Client, say: Say) -> None:
        """Take the engine to talk to, and where lines go."""
        self._client = client
        self._say = say
        self._count = 0

    def run(self) -> int:
        """Go through all steps and return the exit status; the container is removed in any case."""
        begun = time.monotonic()
        try:
            self._greet()
            self._load()
            with self._container() as ident:
                self._live(ident)
        except EngineError as error:
            self._say(f"     failed: {error}")
            self._say("`wherry doctor` checks what this machine lacks.")
            return 1
        self._say(f"\nAll of it took {_milliseconds(begun)}. The image stays as {IMAGE}.")
        return 0

    def _greet(self) -> None:
        with self._step("asked the engine for its version") as notes:
            version = self._client.call("GET", "/version")
            others = [f"{part['Name']} {part['Version']}" for part in version["Components"] if part["Name"] != "Engine"]
            notes.append(f"{version['Platform']['Name']} {version['Version']}, API {version['ApiVersion']}")
            notes.append(", ".join(others))

    def _load(self) -> None:
        with self._step("made an image in memory from this machine's static busybox") as notes:
            archive = demo_archive(IMAGE, ["sh", "-c", SCRIPT.strip()])
            notes.append(f"one layer, {len(archive) // 1024} KiB")
        with self._step("loaded it (POST /images/load): content stored, layer unpacked") as notes:
            for line in self._client.read("POST", "/images/load", body=archive).splitlines():
                message = json.loads(line)
                if "error" in message:
                    raise System(message["error"])
                notes.extend(filter(None, [message.get("stream", "").strip()]))

    @contextlib.contextmanager
    def _container(self) -> Iterator[str]:
        with self._step("created a container (POST /containers/create)") as notes:
            ident = self._client.call("POST", "/containers/create", body={"Image": IMAGE})["Id"]
            notes.append(ident[:12])
        try:
            yield ident
        except BaseException:
            with contextlib.suppress(EngineError):  # the first failure is the one to show
                self._remove(ident)
            raise
        with self._step("removed the container (DELETE /containers/…)"):
            self._remove(ident)

    def _remove(self, ident: str) -> None:
        self._client.call("DELETE", f"/containers/{ident}", {"force": "1"})

    def _live(self, ident: str) -> None:
        with self._step("started it: root file system, network namespace, address, keeper, task"):
            self._client.call("POST", f"/containers/{ident}/start")
        with self._step("waited for its end (POST /containers/…/wait)") as notes:
            code = self._client.call("POST", f"/containers/{ident}/wait")["StatusCode"]
            notes.append(f"exit status {code}")
        with self._step("read its log (GET /containers/…/logs)"):
            raw = self._client.read("GET", f"/containers/{ident}/logs", {"stdout": "1", "stderr": "1"})
        output = unframe(raw)
        for line in (output[STDOUT] + output[STDERR]).decode("utf-8", "replace").splitlines():
            self._say(f"     | {line}")
        if code != 0:
            raise System(f"the container ended with status {code}")

    @contextlib.contextmanager
    def _step(self, title: str) -> Iterator[list[Any]]:
        self._count += 1
        begun = time.monotonic()
        notes: list[Any] = []
        try:
            yield notes
        except EngineError:
            self._say(f"{self._count:>3}. {title}")
            raise
        self._say(f"{self._count:>3}. {title}  [{_milliseconds(begun)}]")
        for note in notes:
            self._say(f"     {note}")


def _milliseconds(begun: float) -> str:
    return f"{(time.monotonic() - begun) * 1000:.0f} ms"
