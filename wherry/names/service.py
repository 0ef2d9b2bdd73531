"""The daemon's side of name resolution: what every sandbox shall be told, and a process that is told it.

The wish is kept here; `_settle` brings the process to it, whichever process that is: the one at hand, one that an
earlier daemon left, or a new one in place of one that died. The sockets of the sandboxes are kept here too, so a new
process goes on with them, and a question that came meanwhile waits in them for its answer.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from wherry.base.errors import EngineError, Unavailable
from wherry.base.tasks import Supervisor
from wherry.host import packets
from wherry.host.zygote import Zygote
from wherry.names import link
from wherry.names.link import Link
from wherry.names.listeners import JOB
from wherry.names.zones import PROTOCOL, Sandbox, Zone

SECONDS: Final = 10.0
"""For the helper that opens a sandbox's sockets."""
PAUSE: Final = 1.0
"""Between two starts of a process that does not live, doubled up to MOST_PAUSE."""
MOST_PAUSE: Final = 30.0

log = logging.getLogger("wherry.names")


class Names:
    """Name resolution for the sandboxes on user-defined networks; its process starts when the first one needs it."""

    def __init__(self, zygote: Zygote, exec_root: str, supervisor: Supervisor) -> None:
        """Take the forker of helpers, where the process has its socket, and the owner of what runs behind."""
        self._zygote = zygote
        self._directory = f"{exec_root}/names"
        self._supervisor = supervisor
        self._wished: dict[str, Sandbox] = {}
        self._zones: dict[str, Zone] = {}
        self._sockets: dict[str, Sequence[int]] = {}
        self._link: Link | None = None
        self._settling = asyncio.Lock()
        self._started = 0.0
        self._closed = False

    async def boot(self, sandboxes: Iterable[Sandbox], zones: Mapping[str, Zone]) -> None:
        """Take up the process of an earlier daemon and bring it to what is wished now; start none without need.

        A sandbox that cannot be served is logged: its container goes on without names.
        """
        async with self._settling:
            self._wished = {sandbox.name: sandbox for sandbox in sandboxes}
            self._zones = dict(zones)
            self._link = await link.find(self._directory, PROTOCOL, self._lost)
            try:
                await self._settle()
            except EngineError as error:
                log.error("names of the containers that run: %s", error)

    async def open(self, sandbox: Sandbox) -> None:
        """Serve a sandbox whose namespace is pinned, or tell it anew; its zones are published before. Raises kinds."""
        if sandbox.name not in self._wished:
            self._keep(sandbox.name, await self._open_sockets(sandbox))
        async with self._settling:
            self._wished[sandbox.name] = sandbox
            await self._settle(sandbox.name)

    async def close(self, key: str) -> None:
        """Serve the sandbox of this namespace no longer; not served is fine."""
        name = key.rpartition("/")[2]
        async with self._settling:
            self._wished.pop(name, None)
            self._keep(name, ())
            await self._settle()

    async def publish(self, zones: Mapping[str, Zone]) -> None:
        """Have exactly these zones known; what has not changed costs nothing."""
        async with self._settling:
            self._zones = dict(zones)
            await self._settle()

    async def stop(self) -> None:
        """Let the process go on alone; it ends when it has no sandbox."""
        self._closed = True
        async with self._settling:
            if self._link is not None:
                self._link.close()
            for name in list(self._sockets):
                self._keep(name, ())

    async def _settle(self, asked: str = "") -> None:
        """Bring the process to the wish. One that dies meanwhile is replaced, and told from the start.

        Only the sandbox that was asked for can fail it; another one that cannot be served is given up.
        """
        if self._closed or (self._link is None and not self._wished):
            return
        try:
            await self._tell(await self._living(), asked)
        except Unavailable:
            await self._tell(await self._living(), asked)

    async def _living(self) -> Link:
        if self._link is None or not self._link.alive:
            self._started = time.monotonic()
            self._link = await link.start(self._directory, self._lost)
            log.info("the resolver of the containers runs as pid %d", self._link.pid)
        return self._link

    async def _tell(self, process: Link, asked: str) -> None:
        """Zones before sandboxes: a sandbox is never served without the names that it shall find."""
        for name in process.sandboxes.keys() - self._wished.keys():
            await process.close_sandbox(name)
        for network in process.zones.keys() - self._zones.keys():
            await process.tell(network, None)
        for network, zone in self._zones.items():
            if process.zones.get(network) != zone:
                await process.tell(network, zone)
        for name, sandbox in list(self._wished.items()):
            try:
                await self._serve(process, sandbox)
            except EngineError as error:
                if name == asked or isinstance(error, Unavailable):
                    raise
                log.error("the container of sandbox %s goes on without names: %s", name, error)
                del self._wished[name]

    async def _serve(self, process: Link, sandbox: Sandbox) -> None:
        name, served = sandbox.name, sandbox.name in process.sandboxes
        if name not in self._sockets:
            self._keep(name, await (process.lend(name) if served else self._open_sockets(sandbox)))
        if not served:
            await process.open(sandbox, self._sockets[name])
        elif process.sandboxes[name] != sandbox:
            await process.open(sandbox)

    async def _open_sockets(self, sandbox: Sandbox) -> list[int]:
        _, fds = await self._zygote.order(JOB, {"path": sandbox.key}, deadline=SECONDS)
        return fds

    def _keep(self, name: str, fds: Sequence[int]) -> None:
        """Keep these sockets of a sandbox instead of others, none to let them go."""
        packets.close_all(self._sockets.pop(name, ()))
        if fds:
            self._sockets[name] = fds

    def _lost(self, process: Link) -> None:
        """Replace the process that died, unless nobody needs one."""
        log.error("the resolver of the containers (pid %d) has died", process.pid)
        if not self._closed:
            self._supervisor.spawn(self._replace(), "replace the resolver")

    async def _replace(self) -> None:
        pause = PAUSE if time.monotonic() - self._started < PAUSE else 0.0
        while not self._closed:
            with self._supervisor.idle():
                await asyncio.sleep(pause)
            try:
                async with self._settling:
                    await self._settle()
                break
            except EngineError as error:
                log.error("the resolver of the containers: %s", error)
            pause = min(max(PAUSE, 2 * pause), MOST_PAUSE)
