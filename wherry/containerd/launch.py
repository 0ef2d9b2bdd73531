"""What a containerd of ours is made from and what it leaves on disk: program, configuration, record, log. Blocking."""

import contextlib
import hashlib
import os
import shutil
import socket
import struct
from dataclasses import dataclass

import msgspec

from wherry.base.errors import System
from wherry.containerd.config import config_text, socket_path
from wherry.containerd.process import Identity, Process, identify

NAMESPACES = ("mnt", "net", "pid", "ipc", "uts", "cgroup")
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PEER_DEADLINE = 5.0
LOG_LIMIT = 8 << 20
LOG_TAIL = 2048


class Recorded(msgspec.Struct, frozen=True):
    """What is written down of a started containerd: who it is, and of what it was made."""

    identity: Identity
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Launch:
    """A containerd by its program (a name in PATH or a path), its data directory and its run-time directory."""

    binary: str
    root: str
    state: str

    @property
    def address(self) -> str:
        """Where it listens; InvalidParameter if the path is too long for a socket."""
        return socket_path(self.state)

    @property
    def log_path(self) -> str:
        """What it says, beside its data."""
        return f"{self.root}.log"

    @property
    def record_path(self) -> str:
        """Where the one that runs is written down."""
        return f"{self.state}/child.json"

    def program(self) -> str:
        """Return the program's path; System if it is not installed."""
        path = shutil.which(self.binary)
        if path is None:
            raise System(f"{self.binary} is not installed: install containerd, or name a running one with --containerd")
        return path

    def fingerprint(self) -> str:
        """Tell configurations, builds of the program and namespaces apart.

        An upgraded one is not adopted, nor one that does not see our mounts and would give containers on the host's
        network another network than ours.
        """
        program = self.program()
        found = os.stat(program)
        namespaces = [os.readlink(f"/proc/self/ns/{kind}") for kind in NAMESPACES]
        config = config_text(self.root, self.state)
        made_of = (config, os.path.realpath(program), found.st_mtime_ns, found.st_size, namespaces)
        return hashlib.sha256(repr(made_of).encode()).hexdigest()

    def find(self) -> Process | None:
        """Take hold of the one that was recorded or, if wherryd died before it wrote that down, that listens."""
        recorded = self._recorded()
        process = None if recorded is None else Process.open(recorded.identity)
        return process or _open_peer(self.address)

    def fits(self, process: Process) -> bool:
        """Tell whether a process is what `spawn` would start."""
        return self._recorded() == Recorded(process.identity, self.fingerprint())

    def spawn(self) -> Process:
        """Write the configuration, start the program and record it."""
        for directory in (self.root, self.state):
            os.makedirs(directory, 0o711, exist_ok=True)
        config = f"{self.state}/config.toml"
        _replace(config, config_text(self.root, self.state).encode())
        environment = {"PATH": os.environ.get("PATH", DEFAULT_PATH)}
        process = Process.spawn(self.program(), ["containerd", "--config", config], environment, self.log_path)
        _replace(self.record_path, msgspec.json.encode(Recorded(process.identity, self.fingerprint())))
        return process

    def forget(self) -> None:
        """Remove the record of one that has ended; none is fine."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.record_path)

    def last_words(self) -> str:
        """Return the last line of the log, and where to read more."""
        with open(self.log_path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_TAIL))
            lines = file.read().decode("utf-8", "replace").strip().splitlines()
        return f"{lines[-1] if lines else 'it said nothing'} (see {self.log_path})"

    def trim_log(self, limit: int = LOG_LIMIT) -> None:
        """Put aside a log of more than `limit` bytes, over the one before; shims write several lines per container.

        Its writer, which has it open to append, goes on in the same file; a line that it writes in between is lost.
        """
        with contextlib.suppress(FileNotFoundError):
            if os.stat(self.log_path).st_size > limit:
                shutil.copyfile(self.log_path, f"{self.log_path}.1")
                os.truncate(self.log_path, 0)

    def _recorded(self) -> Recorded | None:
        """Read the record; None if there is none that can be read (a full disk, another release's)."""
        try:
            with open(self.record_path, "rb") as file:
                return msgspec.json.decode(file.read(), type=Recorded)
        except (FileNotFoundError, msgspec.DecodeError):
            return None


def _open_peer(address: str) -> Process | None:
    """Take hold of whoever listens on a socket (unix(7), SO_PEERCRED); None if nobody does."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(PEER_DEADLINE)
        try:
            peer.connect(address)
        except (FileNotFoundError, ConnectionRefusedError, TimeoutError):
            return None
        pid, _, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        return Process.open(identify(pid))
    except ProcessLookupError:
        return None


def _replace(path: str, data: bytes) -> None:
    """Replace a file whole; no fsync, because run-time files do not survive a reboot anyway."""
    with open(f"{path}.new", "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
    os.rename(f"{path}.new", path)
