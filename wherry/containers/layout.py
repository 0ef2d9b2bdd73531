"""Where the engine keeps what belongs to a container: every path is derived from the record alone."""

import os
from dataclasses import dataclass

from wherry.base.ids import short
from wherry.spec.facts import NetFiles
from wherry.state.record import Record


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths below the data root (kept) and the exec root (of this boot)."""

    data_root: str
    exec_root: str

    @property
    def containers(self) -> str:
        """Directory of all container directories."""
        return f"{self.data_root}/containers"

    @property
    def mountpoints(self) -> str:
        """Directory of all root filesystem mountpoints."""
        return f"{self.data_root}/rootfs"

    @property
    def namespaces(self) -> str:
        """Directory of all pinned network namespaces."""
        return f"{self.exec_root}/netns"

    @property
    def pins(self) -> str:
        """Directory of all pins of joined namespaces, a directory for each joiner."""
        return f"{self.exec_root}/joined"

    def directory(self, ident: str) -> str:
        """The container's own directory: network files and log."""
        return f"{self.containers}/{ident}"

    def make_directory(self, ident: str) -> str:
        """Make it if it is missing (blocking, a moment), and return it; OSError."""
        directory = self.directory(ident)
        os.makedirs(directory, mode=0o710, exist_ok=True)
        return directory

    def checkpoints(self, ident: str) -> str:
        """The container's checkpoints, a directory each."""
        return f"{self.directory(ident)}/checkpoints"

    @property
    def criu(self) -> str:
        """Where CRIU works and leaves its log, a directory per container, while a checkpoint is made."""
        return f"{self.exec_root}/criu"

    @property
    def containerd_temp(self) -> str:
        """Where a containerd of ours has its temporary files (containerd/config.py)."""
        return f"{self.exec_root}/containerd/tmp"

    @property
    def spool(self) -> str:
        """Directory of nameless files."""
        return f"{self.data_root}/tmp"

    def log(self, ident: str) -> str:
        """The file of the json-file driver."""
        return f"{self.directory(ident)}/{ident}-json.log"

    def hosts(self, ident: str) -> str:
        """The container's /etc/hosts."""
        return f"{self.directory(ident)}/hosts"

    def netfiles(self, ident: str) -> NetFiles:
        """The files that name the network, bind-mounted into the container and into those that join its network."""
        directory = self.directory(ident)
        return NetFiles(
            hosts=self.hosts(ident), hostname=f"{directory}/hostname", resolv_conf=f"{directory}/resolv.conf"
        )

    def mounts(self, ident: str) -> str:
        """Directory of what the engine mounts for a container besides its root filesystem."""
        return f"{self.directory(ident)}/mounts"

    def shm(self, ident: str) -> str:
        """Mountpoint of the shared memory that others may join, Docker's ShmPath."""
        return f"{self.mounts(ident)}/shm"

    def given_files(self, ident: str) -> str:
        """Mountpoint of secrets and configs."""
        return f"{self.mounts(ident)}/files"

    def volume_part(self, ident: str, number: int) -> str:
        """Mountpoint of the part of a volume that the mount of this number in the record shows."""
        return f"{self.mounts(ident)}/volumes/{number}"

    def joined(self, ident: str, namespace: str) -> str:
        """The pin of a namespace of another container that this one is in."""
        return f"{self.pins}/{ident}/{namespace}"

    def rootfs(self, rec: Record) -> str:
        """Mountpoint of the root filesystem."""
        return f"{self.mountpoints}/{rec.snapshotter}/{rec.id}"

    def netns(self, sandbox_id: str) -> str:
        """The pinned network namespace, Docker's SandboxKey."""
        return f"{self.namespaces}/{short(sandbox_id)}"
