"""Step ipc: shared memory that others can join, and the files of secrets and configs (start.md 2.3)."""

import os
from dataclasses import dataclass

from wherry.base.errors import System
from wherry.base.offload import offload
from wherry.containers.donors import SHM, not_shareable, shares_memory
from wherry.containers.layout import Layout
from wherry.containers.steps.joins import Joined
from wherry.host import files, mounts
from wherry.host.errors import translate
from wherry.spec.namespaces import HOST
from wherry.state.record import GivenFile, Record
from wherry.state.store import Slot

SHM_OPTIONS = ("noexec", "nosuid", "nodev", "mode=1777")
FILES_OPTIONS = ("noexec", "nosuid", "nodev", "mode=711")


@dataclass(frozen=True, slots=True)
class Shared:
    """Host paths of what the step made: shared memory, empty for none, and of each given file by its destination."""

    shm: str = ""
    files: tuple[tuple[str, str], ...] = ()


class Ipc:
    """After acquire: tmpfs are mounted at `<container>/mounts/shm` and `<container>/mounts/files`, if wanted.

    A container that joins another's memory has that mounted at its own path, so that it lives on when the donor
    ends. The files are written to a tmpfs that is only ever bound read-only: to remount it could fail while somebody
    looks (start.md 11, no. 47). Release unmounts both by their paths.
    """

    name = "ipc"

    def __init__(self, layout: Layout) -> None:
        """Take the paths."""
        self._layout = layout

    async def acquire(self, slot: Slot, joined: Joined) -> Shared:
        """Mount and write; InvalidParameter for a donor whose memory is its own."""
        return await offload(self._make, slot.rec, joined.donors.get("ipc")) if _wants(slot.rec) else Shared()

    async def release(self, rec: Record) -> None:
        """Unmount; not mounted is fine."""
        if _wants(rec):
            await offload(self._unmount, rec.id)

    def _make(self, rec: Record, donor: Record | None) -> Shared:
        shm = SHM if HOST in (rec.host_config.ipc_mode, donor and donor.host_config.ipc_mode) else ""
        if shm and not os.path.isdir(shm):
            raise System("/dev/shm is not mounted, but must be for --ipc=host")
        if not shm and shares_memory(rec):
            shm = self._layout.shm(rec.id)
            with translate("mounting shm tmpfs"):
                _fresh(shm)
                if donor is None:
                    mounts.mount("shm", shm, "tmpfs", (*SHM_OPTIONS, f"size={rec.host_config.shm_size}"))
                else:
                    _bind_shm(self._layout.shm(donor.id), shm, donor.id)
        return Shared(shm, self._write_files(rec) if rec.files else ())

    def _write_files(self, rec: Record) -> tuple[tuple[str, str], ...]:
        """Write each file under its number: targets of the user's make no paths of ours."""
        directory = self._layout.given_files(rec.id)
        with translate("write the secrets and configs"):
            _fresh(directory)
            mounts.mount("tmpfs", directory, "tmpfs", FILES_OPTIONS)
            for number, given in enumerate(rec.files):
                _write(f"{directory}/{number}", given)
        return tuple((f"{directory}/{number}", given.target) for number, given in enumerate(rec.files))

    def _unmount(self, ident: str) -> None:
        with translate("unmount shared memory and secrets"):
            mounts.remove_mountpoint(self._layout.shm(ident))
            mounts.remove_mountpoint(self._layout.given_files(ident))


def _wants(rec: Record) -> bool:
    """Whether there may be anything to mount: memory of its own, or none, is the runtime's affair."""
    return bool(rec.files) or rec.host_config.ipc_mode not in ("private", "none")


def _fresh(path: str) -> None:
    os.makedirs(path, mode=0o700, exist_ok=True)
    mounts.unmount(path)


def _bind_shm(source: str, target: str, donor: str) -> None:
    """Bind a donor's memory by a descriptor: what stands at its path after its end is a bare directory."""
    try:
        fd = os.open(source, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise not_shareable(donor) from error
    try:
        if os.fstat(fd).st_dev == os.stat(os.path.dirname(source)).st_dev:
            raise not_shareable(donor)
        mounts.mount(f"/proc/self/fd/{fd}", target, "", ("bind",))
    finally:
        os.close(fd)


def _write(path: str, given: GivenFile) -> None:
    files.write_in_place(path, given.data, 0o600)
    os.chown(path, given.uid, given.gid)
    os.chmod(path, given.mode)
