"""Step rootfs: the container's snapshot mounted, its working directory there, its user known."""

import contextlib
import os
from dataclasses import dataclass

from wherry.base.errors import InvalidParameter
from wherry.base.offload import offload
from wherry.containerd.snapshots import MountSpec, Snapshots
from wherry.containers.layout import Layout
from wherry.host import files, mounts
from wherry.host.errors import translate
from wherry.spec.facts import UserIds
from wherry.spec.user import resolve_user
from wherry.state.record import Record
from wherry.state.store import Slot

DATABASE_LIMIT = 1 << 20
"""Bytes read of a container's /etc/passwd or /etc/group."""


@dataclass(frozen=True, slots=True)
class Root:
    """The mounted root filesystem and who runs in it."""

    path: str
    user: UserIds


class Rootfs:
    """After acquire: the snapshot named by the container id is mounted at the layout's path.

    The snapshot itself stays with the container, which its label keeps; release only unmounts.
    """

    name = "rootfs"

    def __init__(self, snapshots: Snapshots, layout: Layout) -> None:
        """Take the snapshot service and the paths."""
        self._snapshots = snapshots
        self._layout = layout

    async def acquire(self, slot: Slot) -> Root:
        """Mount and prepare the root filesystem."""
        specs = await self._snapshots.mounts(slot.rec.id)
        return await offload(self._mount, slot.rec, specs)

    async def release(self, rec: Record) -> None:
        """Unmount and remove the mountpoint; not mounted is fine."""
        await offload(self._unmount, self._layout.rootfs(rec))

    def _mount(self, rec: Record, specs: list[MountSpec]) -> Root:
        path = self._layout.rootfs(rec)
        with translate("mount the root filesystem"):
            os.makedirs(path, exist_ok=True)
            mounts.unmount(path)
            for spec in specs:
                mounts.mount(spec.source, path, spec.type, spec.options)
            files.touch_in_root(path, "/.dockerenv")
            self._make_working_dir(path, rec.config.working_dir)
        return Root(path, find_user(path, rec.config.user, rec.host_config.group_add))

    @staticmethod
    def _make_working_dir(root: str, directory: str) -> None:
        with contextlib.suppress(FileExistsError):
            try:
                files.make_dirs_in_root(root, directory)
            except NotADirectoryError as error:
                raise InvalidParameter(f"Cannot mkdir: {directory} is not a directory") from error

    @staticmethod
    def _unmount(path: str) -> None:
        with translate("unmount the root filesystem"):
            mounts.remove_mountpoint(path)


def find_user(root: str, user: str, groups: list[str] | None) -> UserIds:
    """Resolve user and groups in the databases of a mounted root (blocking); InvalidParameter in Docker's words."""
    with translate("read the user database of the container"):
        passwd = files.read_in_root(root, "/etc/passwd", DATABASE_LIMIT)
        group = files.read_in_root(root, "/etc/group", DATABASE_LIMIT)
    return resolve_user(user, passwd.decode(errors="replace"), group.decode(errors="replace"), groups or [])
