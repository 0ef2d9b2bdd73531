"""The engine's database: SQLite with one writer thread, one transaction per change.

`durable` writes reach the disk before they return (`synchronous=FULL`): those that precede an effect on the kernel; the
others survive the death of the process, not a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from wherry.base.errors import System
from wherry.state import migrations


class Database:
    """One file. Everything is done by one thread in the order in which it was asked for."""

    def __init__(self, path: str) -> None:
        """Name the file; `open` makes or reads it."""
        self._path = path
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._connected: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open or make it and bring it to the schema of now; System when it is newer than this engine."""
        await self._on_writer(self._open)

    async def close(self) -> None:
        """End the writer after its last transaction."""
        await self._on_writer(self._close)
        self._writer.shutdown(wait=False)

    async def bodies(self, table: str) -> list[bytes]:
        """Return the bodies of all rows of a table, in no order."""
        found: list[bytes] = await self._on_writer(self._bodies, table)
        return found

    async def write(
        self,
        statement: str,
        row: tuple[Any, ...],
        durable: bool,
        then: Callable[[], None],
        before: Callable[[], None] | None = None,
    ) -> None:
        """Do one statement in a transaction, then call `then` in commit order; what was begun is never cut in two.

        `before`, a failpoint, is called where the statement would fail.
        """
        await self._on_writer(self._write, statement, row, durable, before, then=then)

    async def _on_writer(self, function: Callable[..., Any], *args: Any, then: Callable[[], None] | None = None) -> Any:
        future = asyncio.get_running_loop().run_in_executor(self._writer, partial(function, *args))
        if then is not None:
            future.add_done_callback(lambda done: None if done.cancelled() or done.exception() else then())
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise
        except sqlite3.Error as error:
            raise System(f"write the engine's database {self._path}: {error}") from error

    # The rest runs in the writer thread.

    def _open(self) -> None:
        self._connected = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._connected.execute("PRAGMA journal_mode=WAL")
        migrations.migrate(self._connected, self._path)

    def _close(self) -> None:
        if self._connected is not None:
            self._connected.close()

    def _connection(self) -> sqlite3.Connection:
        if self._connected is None:
            raise RuntimeError("the store is used before open()")
        return self._connected

    def _bodies(self, table: str) -> list[bytes]:
        return [body for (body,) in self._connection().execute(f"SELECT body FROM {table}")]  # noqa: S608 - ours

    def _write(self, statement: str, row: tuple[Any, ...], durable: bool, before: Callable[[], None] | None) -> None:
        if before is not None:
            before()
        database = self._connection()
        database.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        database.execute(statement, row)
