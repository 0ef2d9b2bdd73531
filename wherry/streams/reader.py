"""Reading a json-file log back: tail, since, until, follow, across rotations (api-containers.md 3.10, 4.4).

What blocks runs off the event loop, one block of lines at a time; following waits for inotify and for the end of the
container, never for a clock.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Final

from wherry.base.offload import offload
from wherry.host import inotify
from wherry.host.errors import translate
from wherry.host.inotify import Inotify
from wherry.streams.entries import LogEntry, LogQuery
from wherry.streams.frames import STDERR, STDOUT
from wherry.streams.logfile import Decoder, LogFile, open_all, open_next

__all__ = ("LogEntry", "LogQuery", "read_logs")

_CHANGES: Final = (
    inotify.MODIFY | inotify.CREATE | inotify.MOVED_TO | inotify.MOVED_FROM | inotify.DELETE | inotify.ONLYDIR
)


async def read_logs(path: str, query: LogQuery, ended: asyncio.Event) -> AsyncIterator[LogEntry]:
    """Yield the records that the query asks for, oldest first.

    With `follow` it goes on until `ended` is set (the log is complete then) and all is read; else it returns what is
    there. A corrupt or half-written line ends the reading silently. System names a file that cannot be read.
    """
    with translate("read the log"):
        watch = _Watch(path) if query.follow and not ended.is_set() else None
        try:
            reading = _Reading(path, query)
            while True:
                last = watch is None or ended.is_set()
                async for entry in reading.entries():
                    yield entry
                if last or watch is None or reading.over:
                    return
                await watch.wait(ended)
        finally:
            if watch is not None:
                watch.close()
            reading.close()


class _Reading:
    """The state of one query: open files, and what the filters have seen."""

    def __init__(self, path: str, query: LogQuery) -> None:
        self._path = path
        self._query = query
        self._decoder = Decoder()
        self._streams = {stream for stream, asked in ((STDOUT, query.stdout), (STDERR, query.stderr)) if asked}
        self._files: list[LogFile] | None = None
        self._begun = query.since_ns == 0
        self.over = False

    async def entries(self) -> AsyncIterator[LogEntry]:
        """Yield all that is there now."""
        if self._files is None:
            self._files = await offload(open_all, self._path, self._query.tail)
        while not self.over and (lines := await offload(self._read)):
            for line in lines:
                entry = self._decoder.decode(line)
                if entry is None or self._is_too_late(entry):
                    self.over = True
                    return
                if self._is_asked(entry):
                    yield entry

    def close(self) -> None:
        """Close the files."""
        for file in self._files or ():
            file.close()

    def _read(self) -> list[bytes]:
        """Return the next lines of the oldest file, going on to the next one at its end; empty when all is read."""
        files = self._files
        if files is None:
            return []
        if not files:
            files += open_next(self._path, (0, 0))
        while files:
            lines = files[0].read_lines()
            if lines:
                return lines
            if len(files) == 1:
                files += open_next(self._path, files[0].key)
                if len(files) == 1:
                    return []
                lines = files[0].read_lines()  # written between the last read and the rotation
            files.pop(0).close()
            if lines:
                return lines
        return []

    def _is_too_late(self, entry: LogEntry) -> bool:
        return self._query.until_ns != 0 and entry.time_ns > self._query.until_ns

    def _is_asked(self, entry: LogEntry) -> bool:
        """Tell whether the record is wanted; after the first that is new enough the times are not looked at again."""
        self._begun = self._begun or entry.time_ns >= self._query.since_ns
        return self._begun and entry.stream in self._streams


class _Watch:
    """Waits for a change of the log's directory."""

    def __init__(self, path: str) -> None:
        self._inotify = Inotify()
        try:
            self._inotify.watch(os.path.dirname(path), _CHANGES)
        except OSError:
            self._inotify.close()
            raise
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._inotify.fileno(), self._readable)

    async def wait(self, ended: asyncio.Event) -> None:
        """Return at the next change since the last call, or when the container has ended."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._changed, ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._changed.clear()

    def close(self) -> None:
        self._loop.remove_reader(self._inotify.fileno())
        self._inotify.close()

    def _readable(self) -> None:
        self._inotify.read()
        self._changed.set()
