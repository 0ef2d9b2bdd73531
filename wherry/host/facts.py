"""Kernel, distribution, memory, processors, security modules, cgroups (proc(5), os-release(5))."""

import os
import re
import socket
from dataclasses import dataclass

from wherry.host.apparmor import PARSER
from wherry.host.cgroups import Cgroups, read_cgroups

GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What does not change while the daemon runs. Memory is in bytes."""

    hostname: str
    kernel: str
    machine: str
    """As `uname -m` says; `architecture` is the name that images use."""
    os_name: str
    os_version: str
    memory: int
    cpus: int
    seccomp: bool
    apparmor: bool
    """The kernel confines by it, and the program that loads profiles is there (start.md 5.3)."""
    selinux: bool
    cgroup_namespaces: bool
    time_namespaces: bool
    capabilities: int
    """Mask of what this process may hand on (bounding and permitted), bits as in linux/capability.h."""
    cgroups: Cgroups

    @property
    def architecture(self) -> str:
        """`amd64`, `arm64`, or the machine's own name."""
        return GO_ARCHITECTURES.get(self.machine, self.machine)


def read_host() -> HostFacts:
    """Ask the kernel and /etc/os-release; OSError when /proc is not there."""
    uname = os.uname()
    names = read_os_release()
    status = _text("/proc/self/status")
    return HostFacts(
        hostname=socket.gethostname(),
        kernel=uname.release,
        machine=uname.machine,
        os_name=names.get("PRETTY_NAME", "Linux"),
        os_version=names.get("VERSION_ID", ""),
        memory=total_memory(_text("/proc/meminfo")),
        cpus=len(os.sched_getaffinity(0)),
        seccomp="Seccomp:" in status,
        apparmor=_text("/sys/module/apparmor/parameters/enabled").startswith("Y") and os.path.exists(PARSER),
        selinux=os.path.exists("/sys/fs/selinux/enforce"),
        cgroup_namespaces=os.path.exists("/proc/self/ns/cgroup"),
        time_namespaces=os.path.exists("/proc/self/ns/time"),
        capabilities=capability_mask(status),
        cgroups=read_cgroups(),
    )


def read_os_release(paths: tuple[str, ...] = ("/etc/os-release", "/usr/lib/os-release")) -> dict[str, str]:
    """Return the assignments of the first file that exists, quotes taken off; empty when there is none."""
    for path in paths:
        text = _text(path)
        if text:
            pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
            return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
    return {}


def total_memory(meminfo: str) -> int:
    """Return MemTotal of /proc/meminfo in bytes, 0 when it is not said."""
    match = re.search(r"^MemTotal:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def capability_mask(status: str) -> int:
    """Return CapBnd and CapPrm of a /proc/PID/status, combined by and."""
    masks = [int(mask, 16) for mask in re.findall(r"^Cap(?:Bnd|Prm):\s+([0-9a-f]+)$", status, re.MULTILINE)]
    return masks[0] & masks[1] if len(masks) == 2 else 0


def kernel_version(release: str) -> tuple[int, int]:
    """Return the first two numbers of a kernel release: `6.1.0-18-amd64` is (6, 1)."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def forwards_ipv4() -> bool:
    """Tell whether net.ipv4.ip_forward is on in the namespace of this process."""
    return _text("/proc/sys/net/ipv4/ip_forward").strip() == "1"


def open_descriptors() -> int:
    """Count the descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""
