"""Step joins: the namespaces of other containers that this one shares, pinned by the engine (start.md 11, no. 11)."""

import os
import select
from collections.abc import Mapping
from dataclasses import dataclass, field

from wherry.base.errors import Conflict
from wherry.base.offload import offload
from wherry.containers.donors import MODES, check_cycle, donors, find_donor
from wherry.containers.layout import Layout
from wherry.containers.links import Linked, find_linked
from wherry.host import netns
from wherry.host.errors import translate
from wherry.runtimes.tier import TierOf
from wherry.state.record import Record
from wherry.state.store import Slot, Store

FILES = {"network": "net", "ipc": "ipc", "pid": "pid"}
"""Names below /proc/PID/ns of the namespaces that the runtime names so."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What a container shares: by namespace the donor, and the path that holds the donor's namespace."""

    donors: Mapping[str, Record] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Linked, ...] = ()
    """The targets of its legacy links, which all run."""


class Joins:
    """After acquire: each joined namespace is bind-mounted at `<exec-root>/joined/<id>/<namespace>`.

    A path below /proc would show whoever got the donor's pid meanwhile. The file is opened once, and counts only if
    the donor's process was there before and after. Release finds the pins by the container id.
    """

    name = "joins"

    def __init__(self, store: Store, tier: TierOf, layout: Layout) -> None:
        """Take the records, the tier that knows whether a donor still runs, and the paths."""
        self._store = store
        self._tier = tier
        self._layout = layout

    async def acquire(self, slot: Slot) -> Joined:
        """Pin what is joined; Conflict, InvalidParameter and System in Docker's words for a donor that cannot be."""
        asked = donors(slot.rec.host_config)
        if asked:
            check_cycle(slot.rec, self._store.by_id)
        found = {kind: find_donor(kind, ident, slot.rec.id, self._store.by_id) for kind, ident in asked.items()}
        for kind, donor in found.items():
            await self._pin(slot.rec, kind, donor)
        paths = {kind: self._layout.joined(slot.rec.id, kind) for kind in found}
        return Joined(found, paths, find_linked(slot.rec, self._store.by_id))

    async def release(self, rec: Record) -> None:
        """Unpin; nothing pinned is fine."""
        if donors(rec.host_config):
            await offload(self._unpin, rec.id)

    async def _pin(self, rec: Record, kind: str, donor: Record) -> None:
        with translate(f"join the {kind} namespace of container {donor.id}"):
            process = _open_process(donor)
            try:
                namespace = os.open(f"/proc/{donor.pid}/ns/{FILES[kind]}", os.O_RDONLY | os.O_CLOEXEC)
                try:
                    await self._check(donor, process)
                    await offload(self._hold, namespace, self._layout.joined(rec.id, kind))
                finally:
                    os.close(namespace)
            except (FileNotFoundError, ProcessLookupError) as error:
                raise _ended(donor) from error
            finally:
                os.close(process)

    async def _check(self, donor: Record, process: int) -> None:
        """The runtime still knows the pid as the donor's, and it has belonged to one process all the time."""
        state = await self._tier(donor.id).state(donor.id)
        ended = bool(select.select([process], [], [], 0)[0])
        if state is None or state.pid != donor.pid or state.status == "stopped" or ended:
            raise _ended(donor)

    @staticmethod
    def _hold(namespace: int, path: str) -> None:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        netns.pin(f"/proc/self/fd/{namespace}", path)

    def _unpin(self, ident: str) -> None:
        with translate("unpin the namespaces of other containers"):
            for kind in MODES:
                netns.release(self._layout.joined(ident, kind))
            directory = os.path.dirname(self._layout.joined(ident, ""))
            if os.path.isdir(directory):
                os.rmdir(directory)


def _open_process(donor: Record) -> int:
    try:
        return os.pidfd_open(donor.pid)
    except ProcessLookupError as error:
        raise _ended(donor) from error


def _ended(donor: Record) -> Conflict:
    return Conflict(f"container {donor.id}, whose namespaces are to be joined, has just ended: start it first")
