"""The exec instances of this engine, in memory (api-containers.md 3.15).

They end with the container's run; those that were started stay to be inspected until it is removed.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from wherry.base.errors import NotFound
from wherry.base.ids import new_id
from wherry.model.container import ExecRequest
from wherry.spec.facts import UserIds
from wherry.state.record import Record

MOST = 10_000
"""Instances kept at once; the oldest finished ones go first."""


@dataclass(slots=True)
class Instance:
    """One exec: what was asked, and how far it came."""

    rec: Record
    request: ExecRequest
    user: UserIds
    id: str = field(default_factory=new_id)
    started: bool = False
    running: bool = False
    exit_code: int | None = None
    pid: int = 0
    up: asyncio.Event = field(default_factory=asyncio.Event)
    """The process is there, or never will be."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Its end is known, its output delivered, its event sent; or it could not be started."""

    @property
    def command(self) -> str:
        """The command line as event names carry it."""
        return " ".join(self.request.cmd or [])


class Execs:
    """Instances by id."""

    def __init__(self) -> None:
        """Begin with none."""
        self._instances: dict[str, Instance] = {}

    def add(self, instance: Instance) -> None:
        """Keep an instance; the oldest finished one makes room when there are too many."""
        if len(self._instances) >= MOST:
            done = next((i for i, old in self._instances.items() if old.exit_code is not None), None)
            if done is not None:
                del self._instances[done]
        self._instances[instance.id] = instance

    def get(self, exec_id: str) -> Instance:
        """Return an instance; NotFound in Docker's words."""
        try:
            return self._instances[exec_id]
        except KeyError:
            raise NotFound(f"No such exec instance: {exec_id}") from None

    def knows(self, exec_id: str) -> bool:
        """Tell whether this is an instance of this daemon."""
        return exec_id in self._instances

    def drop(self, exec_id: str) -> None:
        """Forget one instance."""
        self._instances.pop(exec_id, None)

    def of(self, ident: str) -> list[str]:
        """Ids of a container's created and running instances, as inspect shows them."""
        return [i.id for i in self._instances.values() if i.rec.id == ident and i.exit_code is None]

    def end_run(self, ident: str) -> None:
        """Drop what a container's run has not started; what it has can still be asked how it ended, as in Docker."""
        self._drop(i.id for i in self._instances.values() if i.rec.id == ident and not i.started)

    def forget(self, ident: str) -> None:
        """Drop all instances of a container: it is gone."""
        self._drop(i.id for i in self._instances.values() if i.rec.id == ident)

    def _drop(self, exec_ids: Iterable[str]) -> None:
        for exec_id in list(exec_ids):
            del self._instances[exec_id]

    def inspect(self, exec_id: str) -> dict[str, Any]:
        """Return ExecInspectResponse."""
        i = self.get(exec_id)
        command = i.request.cmd or [""]
        process: dict[str, Any] = {
            "tty": i.request.tty,
            "entrypoint": command[0],
            "arguments": command[1:],
            "privileged": i.request.privileged,
        }
        if i.request.user:
            process["user"] = i.request.user
        return {
            "ID": i.id,
            "Running": i.running,
            "ExitCode": i.exit_code,
            "ProcessConfig": process,
            "OpenStdin": i.request.attach_stdin,
            "OpenStderr": i.request.attach_stderr,
            "OpenStdout": i.request.attach_stdout,
            "CanRemove": False,
            "ContainerID": i.rec.id,
            "DetachKeys": i.request.detach_keys,
            "Pid": i.pid,
        }
