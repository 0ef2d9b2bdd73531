"""Where clients meet keepers: a container's live keeper, and the clients that attached before there was one.

`docker run` attaches to a container that does not run yet. Its socket is held here, unread, until the start hands it
to the keeper; after that nobody in this process touches it.
"""

import os
from dataclasses import dataclass

from wherry.base.errors import Conflict
from wherry.host.hangup import HangupWatch
from wherry.streams.keepers import AttachOptions, Keeper

MAX_WAITING = 64
"""Clients that may wait for the start of one container."""


@dataclass(frozen=True, slots=True)
class Client:
    """A client's socket and what it asked for."""

    fd: int
    options: AttachOptions


class Hub:
    """Keepers by container id, and waiting clients by container id."""

    def __init__(self, hangups: HangupWatch) -> None:
        """Take the watch that tells when a waiting client has left."""
        self._hangups = hangups
        self._keepers: dict[str, Keeper] = {}
        self._waiting: dict[str, list[Client]] = {}

    def keeper(self, ident: str) -> Keeper | None:
        """Return the live keeper of a container."""
        return self._keepers.get(ident)

    async def attach(self, ident: str, fd: int, head: bytes, options: AttachOptions) -> None:
        """Give a client's socket to the keeper, or hold it until there is one; the fd is ours from here on."""
        keeper = self._keepers.get(ident)
        if keeper is not None:
            await keeper.attach(fd, head, options)
            return
        line = self._waiting.setdefault(ident, [])
        if len(line) >= MAX_WAITING:
            os.close(fd)
            raise Conflict(f"{MAX_WAITING} clients wait already for container {ident} to start: detach some first")
        client = Client(fd, options)
        line.append(client)
        self._hangups.watch(fd, lambda: self._left(ident, client))
        os.write(fd, head)

    async def enter(self, ident: str, keeper: Keeper) -> None:
        """A keeper is up: hand it every client that waits, then let later ones go to it directly."""
        while line := self._waiting.pop(ident, []):
            for client in line:
                self._hangups.forget(client.fd)
                await keeper.attach(client.fd, b"", client.options)
        self._keepers[ident] = keeper

    async def leave(self, ident: str, drain: float) -> None:
        """End a container's streams: its keeper drains and ends its clients; those that still wait are closed."""
        keeper = self._keepers.pop(ident, None)
        if keeper is not None:
            await keeper.end(drain)
        for client in self._waiting.pop(ident, []):
            self._hangups.forget(client.fd)
            os.close(client.fd)

    def _left(self, ident: str, client: Client) -> None:
        line = self._waiting.get(ident, [])
        if client in line:
            line.remove(client)
            os.close(client.fd)
        if not line:
            self._waiting.pop(ident, None)
