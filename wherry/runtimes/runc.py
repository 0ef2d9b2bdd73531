"""Options of the runc shim, for runc and whatever has its command line (start.md 4.1, 4.3)."""

from dataclasses import dataclass

from wherry.containerd.options import runc_options
from wherry.containerd.values import RuntimeOptions

SHIM = "io.containerd.runc.v2"


@dataclass(frozen=True, slots=True)
class RuncOptions:
    """What the shim is told of the binary that it drives."""

    binary: str
    """A name looked up on PATH, or a path."""
    root: str
    """Where the binary keeps its state: `<root>/<containerd namespace>/<container id>`."""
    systemd_cgroup: bool = False

    def encode(self) -> RuntimeOptions:
        """Return them as containerd passes them on."""
        return runc_options(self.binary, self.root, self.systemd_cgroup)
