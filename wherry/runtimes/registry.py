"""Names of runtimes to what containerd is given for them (start.md 4.1)."""

from dataclasses import dataclass

from wherry.base.errors import InvalidParameter
from wherry.containerd.values import RuntimeOptions
from wherry.runtimes.runc import SHIM, RuncOptions

DEFAULT = "runc"
OURS = "io.wherry."
"""Names of our own tiers; they never reach containerd."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime of the shim tier."""

    name: str
    shim: str
    runc: RuncOptions | None = None
    """None for a shim that gets no options."""

    def options(self) -> RuntimeOptions | None:
        """Return the options of container and task, None for none."""
        return self.runc.encode() if self.runc else None


class Runtimes:
    """The runtimes that this engine knows by name."""

    def __init__(self, exec_root: str, systemd_cgroup: bool = False) -> None:
        """Take where runtimes keep their state and whether systemd makes their cgroups."""
        stock = RuncOptions("runc", f"{exec_root}/runtime-runc", systemd_cgroup)
        self._known = {name: Runtime(name, SHIM, stock) for name in (DEFAULT, SHIM)}

    def names(self) -> list[str]:
        """Return the known names in order."""
        return sorted(self._known)

    def choose(self, name: str) -> Runtime:
        """Return the runtime of a name, the default one for an empty name.

        A name that is not known but written as containerd writes them goes to containerd as it is, without options.
        InvalidParameter in Docker's words for any other, so that no client names a file to be run as a shim.
        """
        known = self._known.get(name or DEFAULT)
        if known:
            return known
        if "." in name and "/" not in name and not name.startswith((".", OURS)):
            return Runtime(name, name)
        raise InvalidParameter(f"unknown or invalid runtime name: {name}")
