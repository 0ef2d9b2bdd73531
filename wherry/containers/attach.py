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
        self._news.container(self._rec, "attach")
        keeper = self._hub.keeper(self._rec.id)
        if not self._options.stream:
            await self._dump(fd, head)
        elif self._options.logs and keeper is not None:
            await self._replay_then_stream(keeper, fd, head, self._wish(early, hold=True))
        else:
            await self._hub.attach(self._rec.id, fd, head, self._wish(early, hold=False))

    def _wish(self, early: bytes, hold: bool) -> keepers.AttachOptions:
        asked, config = self._options, self._rec.config
        return keepers.AttachOptions(
            stdin=asked.stdin and config.open_stdin,
            stdout=asked.stdout,
            stderr=asked.stderr,
            framed=not self.tty,
            detach_keys=parse_keys(asked.detach_keys) if self.tty else b"",
            stdin_once=config.stdin_once,
            early=early,
            hold=hold,
        )

    async def _dump(self, fd: int, head: bytes) -> None:
        """Write the head and, if asked, the log so far; then the stream ends."""
        try:
            await offload(write_all, fd, head, REPLAY_SECONDS)
            if self._options.logs:
                await self._replay(fd, 0)
        finally:
            os.close(fd)

    async def _replay_then_stream(
        self, keeper: keepers.Keeper, fd: int, head: bytes, wish: keepers.AttachOptions
    ) -> None:
        """Subscribe and hold back, write the log up to that moment, then let the stream flow: no gap, no double."""
        reply = os.dup(fd)
        try:
            attachment = await keeper.attach(fd, b"", wish)
            await offload(write_all, reply, head, REPLAY_SECONDS)
            await self._replay(reply, attachment.since_ns)
            await keeper.release(attachment)
        finally:
            os.close(reply)

    async def _replay(self, fd: int, until: int) -> None:
        options = LogOptions(stdout=self._options.stdout, stderr=self._options.stderr, until=until)
        async for chunk in self._logs(self._rec.id, options).chunks():
            await offload(write_all, fd, chunk, REPLAY_SECONDS)


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
        if rec.phase is Phase.PAUSED:
            raise Conflict(f"container {ref} is paused, unpause the container before attach")
        if rec.phase is Phase.RESTARTING:
            raise Conflict(f"container {ref} is restarting, wait until the container is running")
        if rec.phase in (Phase.REMOVING, Phase.DEAD):
            raise Conflict(f"container {ref} is marked for removal and cannot be attached to")
        return AttachSession(rec, options, self._hub, self._logs, self._news)
