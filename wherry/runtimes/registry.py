"""Names of runtimes to what containerd is given for them (start.md 4.1)."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from wherry.base.errors import InvalidParameter
from wherry.containerd.options import RUNC_TYPE, linux_options, runc_options
from wherry.containerd.values import RuntimeOptions
from wherry.runtimes.configured import DEFAULT, DIRECT, DIRECT_TYPE, SHIM, STOCK, Configured, is_shim_name
from wherry.runtimes.scripts import Scripts

LEGACY = "io.containerd.runtime.v1.linux"
"""The first shim, one process per container; containerd has it up to 1.6."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime: of the direct tier if it has a `direct_root`, else of the shim tier."""

    name: str
    shim: str
    options: RuntimeOptions | None = None
    """None for a shim that gets no options."""
    program: str = ""
    """The program that the shim runs, as configured: a path, or a name on PATH; empty where that is the shim's own."""
    command: str = ""
    """What starts it: the program, or the script that gives it its arguments."""
    shown: Mapping[str, Any] = field(default_factory=dict)
    """What `info` says of it."""
    known_here: bool = True
    """Whether the program's name means here what it means to the shim."""
    direct_root: str = ""
    """Where the program of a direct runtime keeps its state."""
    flags: tuple[str, ...] = ()
    """What a direct runtime's program is told before every verb."""

    @property
    def task_options(self) -> RuntimeOptions | None:
        """Return the options of a task: the runc shim's alone has some."""
        return self.options if self.options and self.options.type_url == RUNC_TYPE else None

    @property
    def warning(self) -> str:
        """What create warns of, empty for nothing."""
        if self.shim == LEGACY:
            return f'Configured runtime "{self.name}" is deprecated and will be removed in the next release'
        return ""

    def check_program(self) -> None:
        """Refuse (blocking, a moment) a runtime whose program is not there, before anything is taken for it.

        InvalidParameter with Docker's first words. The rest are ours: the docker CLI would take Docker's for a
        missing command of the user's and exit with 127.
        """
        if self.program and self.known_here and shutil.which(self.program) is None:
            raise InvalidParameter(
                f'error while looking up the specified runtime path: runtime "{self.name}" needs {self.program}, which '
                "is no program on this host: install it, or change the runtime's path in the daemon's configuration"
            )


@dataclass(frozen=True, slots=True)
class Host:
    """What every runtime with runc's command line is told, and what the host allows."""

    exec_root: str = "/run/wherry"
    systemd_cgroup: bool = False
    no_pivot_root: bool = False
    unified: bool = True
    """Whether cgroup v2 is all there is."""
    same_path: bool = True
    """Whether containerd looks programs up where this process does: it is our child."""


@dataclass(frozen=True, slots=True)
class _Table:
    known: Mapping[str, Runtime]
    default: str


class Runtimes:
    """The runtimes that this engine knows by name, replaced as a whole by a reload."""

    def __init__(self, host: Host, scripts: Scripts) -> None:
        """Begin with the stock ones; `configure` adds the others."""
        self._host = host
        self._scripts = scripts
        self._table = _Table(self._stock(), DEFAULT)

    @property
    def default(self) -> str:
        """The name that a container without a runtime gets."""
        return self._table.default

    @property
    def known(self) -> Mapping[str, Runtime]:
        """Every runtime that has an entry, the stock ones first."""
        return self._table.known

    def configure(self, configured: Mapping[str, Configured], default: str) -> None:
        """Do at once what `prepare` prepares."""
        self.prepare(configured, default)()

    def prepare(self, configured: Mapping[str, Configured], default: str) -> Callable[[], None]:
        """Return what replaces all entries at once (blocking: writes scripts); System when one cannot be written.

        A container that lives goes on with what it was started with: containerd keeps its options, and a script that
        they name stays until a `sweep` finds nobody who uses it.
        """
        known = self._stock() | {name: self._make(name, entry) for name, entry in configured.items()}
        return partial(self._replace, _Table(known, default or DEFAULT))

    def _replace(self, table: _Table) -> None:
        self._table = table

    def sweep(self, used: Iterable[str]) -> None:
        """Remove (blocking) scripts of the past; `used` names the runtimes of containers that hold something."""
        self._scripts.sweep({runtime.command for runtime in self.known.values()}, list(used))

    def choose(self, name: str) -> Runtime:
        """Return the runtime of a name, the default one for an empty name.

        A name that is not known but written as containerd writes them goes to containerd as it is, without options.
        InvalidParameter in Docker's words for any other, so that no client names a file to be run as a shim.
        """
        table = self._table
        name = name or table.default
        if name in table.known:
            return table.known[name]
        if name == LEGACY:
            return self._legacy()
        if is_shim_name(name):
            return Runtime(name, name)
        raise InvalidParameter(f"unknown or invalid runtime name: {name}")

    def is_direct(self, name: str) -> bool:
        """Tell whether a name means a runtime of the direct tier; an unknown one does not."""
        found = self.known.get(name or self.default)
        return found is not None and bool(found.direct_root)

    def _stock(self) -> dict[str, Runtime]:
        shims = {name: self._runc(name, DEFAULT, DEFAULT, {"path": DEFAULT}) for name in STOCK}
        return shims | {name: self._direct(name, program, "") for name, program in DIRECT.items()}

    def _direct(self, name: str, program: str, root: str) -> Runtime:
        flags = ("--systemd-cgroup",) if self._host.systemd_cgroup else ()
        root = root or f"{self._host.exec_root}/direct/{name}"
        shown = {"runtimeType": DIRECT_TYPE, "options": {"binary": program, "root": root}}
        return Runtime(name, DIRECT_TYPE, None, program, program, shown, direct_root=root, flags=flags)

    def _make(self, name: str, entry: Configured) -> Runtime:
        if entry.shim == DIRECT_TYPE:
            return self._direct(name, entry.options["binary"], entry.options.get("root", ""))
        if entry.shim:
            return Runtime(name, entry.shim, entry.encode())
        if not entry.args:
            return self._runc(name, entry.path, entry.path, {"path": entry.path})
        script = self._scripts.write(name, entry.path, entry.args)
        return self._runc(name, entry.path, script, {"path": entry.path, "runtimeArgs": list(entry.args)})

    def _runc(self, name: str, program: str, command: str, shown: Mapping[str, Any]) -> Runtime:
        host = self._host
        options = runc_options(command, self._root, host.systemd_cgroup, no_pivot_root=host.no_pivot_root)
        return Runtime(name, SHIM, options, program, command, shown, host.same_path or "/" in program)

    def _legacy(self) -> Runtime:
        if self._host.unified:
            raise InvalidParameter(
                f'runtime "{LEGACY}" is not supported while cgroups v2 (unified hierarchy) is being used'
            )
        options = linux_options(DEFAULT, self._root, self._host.systemd_cgroup)
        return Runtime(LEGACY, LEGACY, options, DEFAULT, DEFAULT, known_here=self._host.same_path)

    @property
    def _root(self) -> str:
        """Where the programs keep their state: `<root>/<containerd namespace>/<container id>`."""
        return f"{self._host.exec_root}/runtime-runc"
