"""Kernel, distribution, memory, processors, security modules, cgroups (proc(5), os-release(5))."""

import os
import re
import select
import shutil
import signal
import socket
import time
from dataclasses import dataclass

from wherry.host.cgroups import Cgroups, read_cgroups

GO_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
OUTPUT_LIMIT = 65536


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
        apparmor=_text("/sys/module/apparmor/parameters/enabled").startswith("Y"),
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


def program_output(name: str, *arguments: str, seconds: float = 5.0) -> str:
    """Run a program found on PATH and return what it printed, both streams; empty when it is missing or fails.

    Spawned, not forked: the caller has threads. A program that does not end in time is killed.
    """
    path = shutil.which(name)
    if path is None:
        return ""
    output = os.memfd_create("output")
    try:
        actions = [(os.POSIX_SPAWN_DUP2, output, 1), (os.POSIX_SPAWN_DUP2, output, 2)]
        try:
            pid = os.posix_spawn(path, [name, *arguments], os.environ, file_actions=actions)
        except OSError:
            return ""  # no program of this machine's
        code = _reap(pid, time.monotonic() + seconds)
        return os.pread(output, OUTPUT_LIMIT, 0).decode("utf-8", "replace") if code == 0 else ""
    finally:
        os.close(output)


def _reap(pid: int, deadline: float) -> int:
    pidfd = os.pidfd_open(pid)
    try:
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)
    finally:
        os.close(pidfd)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""
