"""The API room's surroundings for tests: fake verbs behind a real server, and a client that speaks bytes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wherry.api.readiness import Need, Readiness
from wherry.api.server import ApiServer
from wherry.api.services import AttachOptions, ListOptions, LogOptions, PullOptions, Services
from wherry.base.errors import NotFound
from wherry.base.events import EventBus
from wherry.model.checkpoint import CreateOptions as CheckpointOptions
from wherry.model.container import Created, CreateRequest, ExecRequest, ExecStart, HostConfig
from wherry.model.volume import CreateOptions

SECONDS = 5.0
ID = "ab" * 32

Json = dict[str, Any]
Items = list[Json]
Filters = dict[str, list[str]]


@dataclass
class FakeSession:
    """Writes the head and echoes what the client says, with what came early in front, until the client's end."""

    tty: bool
    detached: bool = False
    early: bytes = b""
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def hand_over(self, fd: int, early: bytes, head: bytes) -> None:
        self.early = early
        loop = asyncio.get_running_loop()
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        await loop.sock_sendall(sock, head + b"<" + early)
        while data := await loop.sock_recv(sock, 4096):
            await loop.sock_sendall(sock, data)
        await loop.sock_sendall(sock, b">")
        sock.close()
        self.done.set()

    async def run_detached(self) -> None:
        self.detached = True


@dataclass
class FakeFeed:
    tty: bool
    parts: list[bytes]
    follow: bool
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            for part in self.parts:
                yield part
            if self.follow:
                await asyncio.Event().wait()
        finally:
            self.closed.set()


@dataclass
class FakeContainers:
    tty: bool = False
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    error: Exception | None = None
    exit: asyncio.Event = field(default_factory=asyncio.Event)
    waiters: int = 0
    left: asyncio.Event = field(default_factory=asyncio.Event)
    hold: asyncio.Event | None = None
    session: FakeSession | None = None
    feed: FakeFeed | None = None
    inspected: Json = field(default_factory=dict)
    listed: list[Json] = field(default_factory=list)

    def _note(self, *call: Any) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error

    async def create(self, name: str, request: CreateRequest, platform: str, version: tuple[int, int]) -> Created:
        self._note("create", name, request, platform, version)
        return Created(id=ID, warnings=[])

    async def start(self, ref: str, checkpoint: str, directory: str) -> str:
        self._note("start", ref, *filter(None, (checkpoint, directory)))
        return ""

    async def stop(self, ref: str, seconds: int | None, signal: str) -> None:
        if self.hold is not None:
            await self.hold.wait()
        self._note("stop", ref, seconds, signal)

    async def restart(self, ref: str, seconds: int | None, signal: str) -> None:
        self._note("restart", ref, seconds, signal)

    async def rename(self, ref: str, name: str) -> None:
        self._note("rename", ref, name)

    async def update(self, ref: str, wanted: HostConfig) -> Json:
        self._note("update", ref, wanted.memory)
        return {"Warnings": None}

    async def top(self, ref: str, arguments: str) -> Json:
        self._note("top", ref, arguments)
        return {"Titles": ["PID"], "Processes": [["1"]]}

    async def prune(self, filters: dict[str, list[str]]) -> Json:
        self._note("prune", filters)
        return {"ContainersDeleted": None, "SpaceReclaimed": 0}

    async def pause(self, ref: str) -> None:
        self._note("pause", ref)

    async def unpause(self, ref: str) -> None:
        self._note("unpause", ref)

    async def kill(self, ref: str, signal: str) -> None:
        self._note("kill", ref, signal)

    async def remove(self, ref: str, force: bool, volumes: bool, link: bool) -> None:
        self._note("remove", ref, force, volumes, link)

    def wait(self, ref: str, condition: str) -> Awaitable[Json]:
        self._note("wait", ref, condition)
        return self._wait()

    async def _wait(self) -> Json:
        self.waiters += 1
        try:
            await self.exit.wait()
        except asyncio.CancelledError:
            self.left.set()
            raise
        return {"StatusCode": 3}

    async def inspect(self, ref: str, size: bool) -> Json:
        self._note("inspect", ref, size)
        return self.inspected

    async def list(self, options: ListOptions) -> Items:
        self._note("list", options)
        return self.listed

    def logs(self, ref: str, options: LogOptions) -> FakeFeed:
        self._note("logs", ref, options)
        self.feed = FakeFeed(self.tty, [b"one", b"two"], options.follow)
        return self.feed

    def attach(self, ref: str, options: AttachOptions) -> FakeSession:
        self._note("attach", ref, options)
        self.session = FakeSession(self.tty)
        return self.session

    async def resize(self, ref: str, height: int, width: int) -> None:
        self._note("resize", ref, height, width)


@dataclass
class FakeCheckpoints:
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    async def create(self, ref: str, asked: CheckpointOptions) -> None:
        self.calls.append(("create", ref, asked))

    async def list(self, ref: str, directory: str) -> Items:
        self.calls.append(("list", ref, directory))
        return [{"Name": "first"}]

    async def remove(self, ref: str, ident: str, directory: str) -> None:
        self.calls.append(("remove", ref, ident, directory))


@dataclass
class FakeExecs:
    requests: list[Any] = field(default_factory=list)
    session: FakeSession | None = None

    async def create(self, ref: str, request: ExecRequest) -> str:
        self.requests.append(request)
        return ID

    def start(self, exec_id: str, request: ExecStart) -> FakeSession:
        if exec_id == "gone":
            raise NotFound("No such exec instance: gone")
        self.requests.append(request)
        self.session = FakeSession(request.tty)
        return self.session

    def inspect(self, exec_id: str) -> Json:
        return {"ID": exec_id, "Running": False, "ExitCode": 0}

    async def resize(self, exec_id: str, height: int, width: int) -> None:
        self.requests.append((height, width))


@dataclass
class FakeImages:
    loaded: bytes = b""
    listed: list[Json] = field(default_factory=list)
    filters: dict[str, list[str]] = field(default_factory=dict)
    wishes: tuple[bool, bool] = (False, False)
    """For the size of shared layers, and for manifests."""

    pulled: PullOptions | None = None
    cancelled: bool = False

    async def pull(self, options: PullOptions) -> "FakeImages":
        if options.image == "absent":
            raise NotFound("pull access denied for absent")
        self.pulled = options
        return self

    async def messages(self) -> AsyncIterator[Json]:
        yield {"status": "Pulling"}

    def cancel(self) -> None:
        self.cancelled = True

    async def load(self, chunks: AsyncIterator[bytes], quiet: bool, platform: str) -> AsyncIterator[Json]:
        async for chunk in chunks:
            self.loaded += chunk
        yield {"stream": "Loaded image: a:1\n"}

    async def list(self, every: bool, filters: dict[str, list[str]], shared: bool, manifests: bool) -> Items:
        self.filters = filters
        self.wishes = (shared, manifests)
        return self.listed

    async def inspect(self, ref: str, manifests: bool) -> Json:
        return {"Id": ref, "Size": 7, "Descriptor": {}} | ({"Manifests": []} if manifests else {})

    async def tag(self, ref: str, repo: str, tag: str) -> None:
        self.filters = {ref: [repo, tag]}

    async def remove(self, ref: str, force: bool, prune: bool) -> Items:
        return [{"Untagged": ref}]


@dataclass
class FakeNetworks:
    def list(self, filters: dict[str, list[str]]) -> Items:
        return [{"Name": "bridge"}]

    def inspect(self, ref: str, scope: str) -> Json:
        return {"Name": ref, "Scope": scope}


@dataclass
class FakeVolumes:
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    async def list(self, filters: Filters) -> Json:
        self.calls.append(("list", filters))
        return {"Volumes": [], "Warnings": None}

    async def inspect(self, name: str) -> Json:
        self.calls.append(("inspect", name))
        return {"Name": name}

    async def create(self, asked: CreateOptions) -> Json:
        self.calls.append(("create", asked))
        return {"Name": asked.name}

    async def remove(self, name: str, force: bool) -> None:
        self.calls.append(("remove", name, force))

    async def prune(self, filters: Filters) -> Json:
        self.calls.append(("prune", filters))
        return {"VolumesDeleted": [], "SpaceReclaimed": 0}


@dataclass
class FakeSystem:
    experimental: bool = False

    async def info(self) -> Json:
        return {"Containers": 0}

    async def version(self) -> Json:
        return {"Version": "1"}


@dataclass
class Engine:
    """A running server: its fakes and the address of its socket."""

    containers: FakeContainers
    checkpoints: FakeCheckpoints
    system: FakeSystem
    execs: FakeExecs
    images: FakeImages
    volumes: FakeVolumes
    events: EventBus
    server: ApiServer
    address: Any

    async def connect(self) -> "Client":
        return Client(*await asyncio.open_unix_connection(self.address))

    async def ask(self, text: str, body: bytes = b"") -> bytes:
        """Send one request, half-close, and return all bytes until the server's end."""
        client = await self.connect()
        client.send(text, body)
        client.writer.write_eof()
        return await client.rest()


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, text: str, body: bytes = b"") -> None:
        """Write a request; its first line and headers are lines of `text`."""
        lines = [line.strip() for line in text.strip().splitlines()]
        if " HTTP/" not in lines[0]:
            lines[0] += " HTTP/1.1"
        if not any(line.lower().startswith("host:") for line in lines):
            lines.append("Host: docker")
        self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def head(self) -> bytes:
        """Read to the end of the head."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), SECONDS)

    async def until(self, end: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(end), SECONDS)

    async def rest(self) -> bytes:
        data = await asyncio.wait_for(self.reader.read(), SECONDS)
        self.writer.close()
        return data


@asynccontextmanager
async def serving(directory: Path, family: int = socket.AF_UNIX) -> AsyncIterator[Engine]:
    """Run a server on a unix socket in a directory."""
    path = os.fspath(directory / "s")
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind(path if family == socket.AF_UNIX else ("127.0.0.1", 0))
    sock.listen()
    address = sock.getsockname()
    containers, execs, images, events = FakeContainers(), FakeExecs(), FakeImages(), EventBus()
    volumes = FakeVolumes()
    checkpoints, system = FakeCheckpoints(), FakeSystem()
    services = Services(containers, checkpoints, execs, images, FakeNetworks(), volumes, system, events)
    readiness = Readiness()
    readiness.reach(Need.STATE, services)
    server = ApiServer(readiness, "28.5.0", experimental=False)
    await server.start([sock])
    try:
        yield Engine(containers, checkpoints, system, execs, images, volumes, events, server, address)
    finally:
        await server.stop(1.0)


def body_of(answer: bytes) -> bytes:
    """Return what follows the head."""
    return answer.partition(b"\r\n\r\n")[2]


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])
