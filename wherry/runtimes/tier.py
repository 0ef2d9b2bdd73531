"""What every tier does with containers and their processes: one interface for shims and for the direct runtimes.

Everything goes by the container id, so that a release needs nothing that was remembered. Deletes are idempotent.
"""

from collections.abc import Callable
from typing import Any, Protocol

from wherry.containerd.tasks import Exit, TaskState
from wherry.model.image import Descriptor
from wherry.runtimes.registry import Runtime

Pipes = tuple[str, str, str]
"""Paths of the fifos of stdin, stdout and stderr; empty for none."""


class Tier(Protocol):
    """Creates, starts, signals, waits for and deletes containers; an `exec_id` of `""` means the container's own."""

    async def register(self, ident: str, spec: dict[str, Any], runtime: Runtime, image: str) -> None:
        """Lay down what `create` works from; what a stale container of the same id left is deleted first."""
        ...

    async def create(
        self, ident: str, runtime: Runtime, pipes: Pipes, terminal: bool, checkpoint: Descriptor | None = None
    ) -> int:
        """Create a registered container, its process waiting before exec; returns the pid, 0 before a restore."""
        ...

    async def start(self, ident: str, exec_id: str = "") -> int:
        """Release a created process to exec; returns its pid."""
        ...

    async def restore(self, ident: str) -> int:
        """Make the processes of a container that was created from a checkpoint; returns the first one's pid."""
        ...

    async def exec(self, ident: str, exec_id: str, process: bytes, pipes: Pipes, terminal: bool) -> None:
        """Add a process (JSON of the OCI spec), not yet running."""
        ...

    async def process(self, ident: str) -> dict[str, Any]:
        """Return the OCI process that the container was created with."""
        ...

    async def resize(self, ident: str, exec_id: str, width: int, height: int) -> None:
        """Resize a process's terminal, in characters."""
        ...

    async def close_stdin(self, ident: str, exec_id: str) -> None:
        """Let the process see the end of its stdin; gone is fine."""
        ...

    async def delete_process(self, ident: str, exec_id: str) -> None:
        """Forget an exec that has ended; gone is fine."""
        ...

    async def kill(self, ident: str, number: int, exec_id: str = "") -> None:
        """Signal a process; NotFound when it is gone."""
        ...

    async def kill_all(self, ident: str) -> None:
        """SIGKILL everything in the container; gone or never started is fine."""
        ...

    async def update(self, ident: str, resources: bytes) -> None:
        """Change the limits (JSON of the OCI resources)."""
        ...

    async def pids(self, ident: str) -> list[int]:
        """Return the pids of all processes, as this host counts them."""
        ...

    async def pause(self, ident: str) -> None:
        """Freeze everything in the container."""
        ...

    async def resume(self, ident: str) -> None:
        """Let it run on."""
        ...

    async def checkpoint(self, ident: str, exit: bool, work: str, lease: str) -> list[Descriptor]:
        """Write the state of a running container into the content store; CRIU's log is left in `work`."""
        ...

    async def wait(self, ident: str, exec_id: str, seconds: float) -> Exit:
        """Wait for a process; DeadlineExceeded after `seconds`, NotFound when there is none."""
        ...

    async def state(self, ident: str) -> TaskState | None:
        """Return what is known of the container's own process, None for nothing."""
        ...

    async def delete(self, ident: str) -> None:
        """Kill, reap and delete the container; nothing there is fine. DeadlineExceeded if it cannot be killed."""
        ...


TierOf = Callable[[str], Tier]
"""Returns the tier of a container by its id: its record says which, from the first move of its start on."""
