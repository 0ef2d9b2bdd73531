"""Reading a container's log for one query (api-containers.md 3.10)."""

import asyncio
from collections.abc import AsyncIterator

from wherry.base.errors import Conflict, InvalidParameter, Unimplemented
from wherry.containers.layout import Layout
from wherry.containers.waiters import Moment, Outcome, Waiters
from wherry.model.query import LogOptions
from wherry.state.record import Phase, Record
from wherry.state.store import Store
from wherry.streams.frames import render_entry
from wherry.streams.reader import LogQuery, read_logs


class Feed:
    """The log of one container for one query; `chunks` reads it once."""

    def __init__(self, rec: Record, path: str, query: LogQuery, exit: asyncio.Future[Outcome] | None) -> None:
        """Take the record, its log, the query, and for a running container the future of its exit."""
        self.tty = rec.config.tty
        self._path = path
        self._query = query
        self._exit = exit

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield ready bytes, framed unless TTY; a follow ends with the run it was asked in."""
        ended = asyncio.Event()
        if self._exit is not None:
            self._exit.add_done_callback(lambda _: ended.set())
        try:
            async for entry in read_logs(self._path, self._query, ended):
                yield render_entry(entry, self._query, self.tty)
        finally:
            if self._exit is not None:
                self._exit.cancel()


class Logs:
    """The verb."""

    def __init__(self, store: Store, layout: Layout, waiters: Waiters) -> None:
        """Take the records, the paths, and the line of those who wait for an exit."""
        self._store = store
        self._layout = layout
        self._waiters = waiters

    def __call__(self, ref: str, options: LogOptions) -> Feed:
        """Check now, then read: Conflict for a dead one, Unimplemented where the driver keeps nothing to read."""
        rec = self._store.get(ref)
        if not (options.stdout or options.stderr):
            raise InvalidParameter("Bad parameters: you must choose at least one stream")
        if rec.phase in (Phase.REMOVING, Phase.DEAD):
            raise Conflict("can not get logs from container which is dead or marked for removal")
        if rec.host_config.log_config.type == "none":
            raise Unimplemented("configured logging driver does not support reading")
        follow = options.follow and rec.alive
        exit = self._waiters.join(rec.id, Moment.EXIT) if follow else None
        query = LogQuery(
            stdout=options.stdout,
            stderr=options.stderr,
            since_ns=options.since,
            until_ns=options.until,
            tail=options.tail,
            timestamps=options.timestamps,
            details=options.details,
            follow=follow,
        )
        return Feed(rec, self._layout.log(rec.id), query, exit)
