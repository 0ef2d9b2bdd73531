"""Attaching a client's socket to a container (api-containers.md 2.3): before, while and after it runs."""

import os

from wherry.base.errors import Conflict
from wherry.base.offload import offload
from wherry.containers.hub import Hub
from wherry.containers.logs import Logs
from wherry.containers.news import News
from wherry.host.sockets import write_all
from wherry.model.query import AttachOptions, LogOptions
from wherry.state.record import Phase, Record
from wherry.state.store import Store
from wherry.streams import keepers
from wherry.streams.detach import parse_keys

REPLAY_SECONDS = 60.0
"""How long a client may leave one piece of the replayed log unread."""


class AttachSession:
    """A checked attach that waits for its socket."""

    def __init__(self, rec: Record, options: AttachOptions, hub: Hub, logs: Logs, news: News) -> None:
        """Take the record as it was checked and the query."""
        self.tty = rec.config.tty
        self._rec = rec
        self._options = options
        self._hub = hub
        self._logs = logs
        self._news = news

    async def hand_over(self, fd: int, early: bytes, head: bytes) -> None:
        """Replay the log if asked, then give the socket to the keeper, or hold it until the container starts."""
        asked, rec = self._options, self._rec
        try:
            if asked.logs:
                await offload(write_all, fd, head, REPLAY_SECONDS)
                await self._replay(fd)
                head = b""
        except BaseException:
            os.close(fd)
            raise
        self._news.container(rec, "attach")
        if not asked.stream:
            await self._close(fd, head)
            return
        wish = keepers.AttachOptions(
            stdin=asked.stdin and rec.config.open_stdin,
            stdout=asked.stdout,
            stderr=asked.stderr,
            framed=not self.tty,
            detach_keys=parse_keys(asked.detach_keys) if self.tty else b"",
            stdin_once=rec.config.stdin_once,
            early=early,
        )
        await self._hub.attach(rec.id, fd, head, wish)

    async def _replay(self, fd: int) -> None:
        options = LogOptions(stdout=self._options.stdout, stderr=self._options.stderr)
        async for chunk in self._logs(self._rec.id, options).chunks():
            await offload(write_all, fd, chunk, REPLAY_SECONDS)

    @staticmethod
    async def _close(fd: int, head: bytes) -> None:
        try:
            await offload(write_all, fd, head, REPLAY_SECONDS)
        finally:
            os.close(fd)


class Attach:
    """The verb."""

    def __init__(self, store: Store, hub: Hub, logs: Logs, news: News) -> None:
        """Take the records, the meeting point, the log reader and who is told."""
        self._store = store
        self._hub = hub
        self._logs = logs
        self._news = news

    def __call__(self, ref: str, options: AttachOptions) -> AttachSession:
        """Check now: bad detach keys, unknown container, one marked for removal."""
        parse_keys(options.detach_keys)
        rec = self._store.get(ref)
        if rec.phase in (Phase.REMOVING, Phase.DEAD):
            raise Conflict(f"container {ref} is marked for removal and cannot be attached to")
        return AttachSession(rec, options, self._hub, self._logs, self._news)
