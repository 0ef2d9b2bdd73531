"""What the direct tier needs of a keeper, its containers' parent (streams/keepers.py)."""

from collections.abc import Awaitable, Sequence
from typing import Any, Protocol


class End(Protocol):
    """How a process ended; see streams/ends.py."""

    @property
    def status(self) -> int:
        """Return the exit status, 128 + n for signal n."""
        ...

    @property
    def at_ns(self) -> int:
        """Return when, in nanoseconds since the epoch."""
        ...


class Ends(Protocol):
    """The processes that a keeper has launched; see streams/ends.py."""

    def launched(self, exec_id: str, pid: int) -> None:
        """Note a process."""
        ...

    def pid(self, exec_id: str) -> int:
        """Return its pid, 0 for none."""
        ...

    def end(self, exec_id: str) -> End | None:
        """Return how it ended, None for not yet."""
        ...

    def wait(self, exec_id: str) -> Awaitable[End]:
        """Wait for that."""
        ...

    def forget(self, exec_id: str) -> None:
        """Drop what is known of a process."""
        ...


class Keeper(Protocol):
    """The keeper of a run; see streams/keepers.py."""

    @property
    def directory(self) -> str:
        """Return the directory of the run."""
        ...

    @property
    def ends(self) -> Ends:
        """Return what it has launched."""
        ...

    def ask(self, order: str, fds: Sequence[int] = (), *, deadline: float, **rest: Any) -> Awaitable[dict[str, Any]]:
        """Give an order, with descriptors that stay open here, and return its answer."""
        ...
