"""`wherry doctor`: what this machine has and lacks for the engine, each finding with a remedy."""

import ctypes
import enum
import os
import re
import shutil
import stat
from collections.abc import Callable
from dataclasses import dataclass

from wherry.base.errors import EngineError
from wherry.host.cgroups import Cgroups, Mode
from wherry.host.facts import HostFacts, forwards_ipv4, kernel_version, read_host
from wherry.host.programs import program_output
from wherry.main.client import Client
from wherry.main.programs import find_init

KERNEL = (5, 10)
CONTAINERD = (1, 6)
NEEDED_CONTROLLERS = ("memory", "pids", "cpu")
LITTLE, TOO_LITTLE = 2 << 30, 200 << 20


class State(enum.Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    state: State
    topic: str
    fact: str
    remedy: str = ""

    def lines(self) -> list[str]:
        """Return the line, and one more for the remedy."""
        first = f"{self.state.value:<5} {self.topic:<11} {self.fact}"
        return [first, f"      {'':<11} -> {self.remedy}"] if self.remedy else [first]


def run(host: str, data_root: str, say: Callable[[str], None]) -> int:
    """Print every finding and return 1 when one of them fails, else 0."""
    findings = examine(Client(host, 10.0), data_root)
    for finding in findings:
        for line in finding.lines():
            say(line)
    counts = {state: sum(finding.state is state for finding in findings) for state in State}
    say(", ".join(f"{number} {state.value}" for state, number in counts.items()))
    return 1 if counts[State.FAIL] else 0


def examine(client: Client, data_root: str) -> list[Finding]:
    """Look at everything, in the order in which a start needs it."""
    facts = read_host()
    return [
        check_user(os.geteuid()),
        check_kernel(facts),
        check_overlay(_lines("/proc/filesystems")),
        check_cgroups(facts.cgroups),
        check_seccomp(facts),
        check_containerd(program_output("containerd", "--version")),
        check_shim(shutil.which("containerd-shim-runc-v2")),
        check_runtime(program_output("runc", "--version"), program_output("crun", "--version")),
        check_init(find_init()),
        check_nftables(_loads("libnftables.so.1")),
        check_forwarding(forwards_ipv4()),
        check_bridge(_lines("/sys/class/net/docker0/ifalias"), os.path.exists("/sys/class/net/docker0")),
        check_disk(data_root),
        check_data_root(data_root, _lines("/proc/self/mountinfo")),
        check_engine(client),
    ]


def check_user(uid: int) -> Finding:
    """The engine mounts and makes namespaces."""
    if uid == 0:
        return Finding(State.OK, "user", "root")
    return Finding(State.WARN, "user", f"uid {uid}", "the engine itself must be started as root")


def check_kernel(facts: HostFacts) -> Finding:
    """openat2, pidfd and overlayfs as we use them need Linux 5.10."""
    if kernel_version(facts.kernel) >= KERNEL:
        return Finding(State.OK, "kernel", facts.kernel)
    return Finding(State.FAIL, "kernel", f"{facts.kernel} is too old", "boot Linux 5.10 or newer (Debian 11 has it)")


def check_overlay(filesystems: list[str]) -> Finding:
    """Root file systems are overlay mounts."""
    if any(line.split()[-1:] == ["overlay"] for line in filesystems):
        return Finding(State.OK, "overlayfs", "known to the kernel")
    return Finding(State.FAIL, "overlayfs", "not known to the kernel", "modprobe overlay")


def check_cgroups(groups: Cgroups) -> Finding:
    """Limits need the controllers; a runtime needs a mounted hierarchy."""
    if groups.mode is Mode.NONE:
        return Finding(State.FAIL, "cgroups", "no hierarchy is mounted", "mount -t cgroup2 none /sys/fs/cgroup")
    missing = [name for name in NEEDED_CONTROLLERS if name not in groups.controllers]
    if missing:
        fact = f"{groups.mode.value} without {', '.join(missing)}"
        return Finding(State.WARN, "cgroups", fact, "limits of these kinds cannot be set; check the kernel's cmdline")
    if groups.unified_in_use:
        return Finding(
            State.OK,
            "cgroups",
            f"{groups.mode.value}; its v2 tree holds controllers, which runc bears and crun refuses",
        )
    return Finding(State.OK, "cgroups", f"{groups.mode.value}, {' '.join(sorted(groups.controllers))}")


def check_seccomp(facts: HostFacts) -> Finding:
    """The default profile confines containers."""
    if facts.seccomp:
        return Finding(State.OK, "seccomp", "filters can be set")
    return Finding(State.WARN, "seccomp", "the kernel has none", "containers run without the default filter")


def check_containerd(output: str) -> Finding:
    """Images, snapshots and tasks are containerd's."""
    version = re.search(r"\bv?(\d+)\.(\d+)\.\d+\S*", output)
    if version is None:
        return Finding(State.FAIL, "containerd", "not found on PATH", "apt-get install containerd")
    if (int(version[1]), int(version[2])) < CONTAINERD:
        return Finding(State.FAIL, "containerd", f"{version[0]} is too old", "install containerd 1.6 or newer")
    return Finding(State.OK, "containerd", version[0])


def check_shim(path: str | None) -> Finding:
    """containerd starts it for every container."""
    if path:
        return Finding(State.OK, "shim", path)
    return Finding(
        State.FAIL, "shim", "containerd-shim-runc-v2 is not on PATH", "it comes with containerd: reinstall it"
    )


def check_runtime(runc: str, crun: str) -> Finding:
    """The program that makes the container."""
    version = re.search(r"version (\S+)", runc)
    if version is None:
        return Finding(State.FAIL, "runtime", "runc is not on PATH", "apt-get install runc")
    also = re.search(r"version (\S+)", crun)
    return Finding(State.OK, "runtime", f"runc {version[1]}" + (f", crun {also[1]}" if also else ""))


def check_init(path: str) -> Finding:
    """Only `--init` needs it."""
    if path:
        return Finding(State.OK, "init", path)
    return Finding(State.WARN, "init", "neither docker-init nor tini on PATH", "apt-get install tini, for --init")


def check_nftables(loads: bool) -> Finding:
    """The firewall is written through the library, not the program."""
    if loads:
        return Finding(State.OK, "firewall", "libnftables.so.1")
    remedy = "apt-get install nftables, or start wherryd with --iptables=false"
    return Finding(State.FAIL, "firewall", "libnftables.so.1 cannot be loaded", remedy)


def check_forwarding(forwards: bool) -> Finding:
    """Containers on a bridge reach nothing without it; wherryd turns it on at boot."""
    if forwards:
        return Finding(State.OK, "forwarding", "net.ipv4.ip_forward is on")
    remedy = "wherryd turns it on at start unless told --ip-forward=false"
    return Finding(State.WARN, "forwarding", "net.ipv4.ip_forward is off", remedy)


def check_bridge(alias: list[str], exists: bool) -> Finding:
    """A docker0 that another engine made is not ours to use."""
    if not exists:
        return Finding(State.OK, "bridge", "docker0 is free to be made")
    if alias and alias[0].startswith("wherry:"):
        return Finding(State.OK, "bridge", "docker0 is ours")
    remedy = "stop dockerd and `ip link del docker0`, or start wherryd with --bridge NAME"
    return Finding(State.WARN, "bridge", "docker0 belongs to another engine", remedy)


def check_disk(data_root: str) -> Finding:
    """Room for images at the data root, or where it will be made."""
    free = shutil.disk_usage(_existing(data_root)).free
    fact = f"{free / (1 << 30):.1f} GiB free below {data_root}"
    if free < TOO_LITTLE:
        return Finding(State.FAIL, "disk", fact, "free some space or choose another --data-root")
    if free < LITTLE:
        return Finding(State.WARN, "disk", fact, "images may not fit: free some space or choose another --data-root")
    return Finding(State.OK, "disk", fact)


def check_data_root(data_root: str, mountinfo: list[str]) -> Finding:
    """An overlay cannot have its upper directory on an overlay."""
    kind = filesystem_of(os.path.realpath(_existing(data_root)), mountinfo)
    if kind == "overlay":
        remedy = "give --data-root on a real file system (in a container: a volume)"
        return Finding(State.FAIL, "data root", f"{data_root} lies on an overlay file system", remedy)
    return Finding(State.OK, "data root", f"{data_root} on {kind or 'an unknown file system'}")


def check_engine(client: Client) -> Finding:
    """Whether somebody answers at the socket."""
    if not os.path.exists(client.path):
        remedy = "systemctl start wherry, or `make run` in a checkout"
        return Finding(State.WARN, "engine", f"not started: {client.path} does not exist", remedy)
    try:
        version = client.call("GET", "/version")
    except EngineError as error:
        if isinstance(error.__cause__, ConnectionRefusedError) and stat.S_ISSOCK(os.stat(client.path).st_mode):
            text = f"not running: nobody listens at {client.path}, which an engine that was killed has left"
            return Finding(State.WARN, "engine", text, "start it: it replaces the socket")
        return Finding(State.FAIL, "engine", str(error), "look at the daemon's log")
    return Finding(State.OK, "engine", f"{version['Platform']['Name']} {version['Version']} at unix://{client.path}")


def filesystem_of(path: str, mountinfo: list[str]) -> str:
    """Return the type of the file system that a path lies on (proc(5), mountinfo); the last of equal mounts hides."""
    best, kind = "", ""
    for line in mountinfo:
        left, _, right = line.partition(" - ")
        where = left.split()[4]
        inside = path == where or path.startswith(where.rstrip("/") + "/")
        if inside and len(where) >= len(best):
            best, kind = where, right.split()[0]
    return kind


def _existing(path: str) -> str:
    while not os.path.exists(path):
        path = os.path.dirname(path) or "/"
    return path


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
