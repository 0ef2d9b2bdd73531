"""What the kernel says inside a container: a script that its first process runs, and what makes two answers equal."""

import os
import re
import socket
import struct
from typing import Any

from tests.parity.normal import words
from tests.parity.side import Side, open_socket

Json = Any

WAYS = ("read_bps", "write_bps", "read_iops", "write_iops")
GROUPS = (
    *(f"memory.{name}" for name in ("limit_in_bytes", "soft_limit_in_bytes", "memsw.limit_in_bytes", "swappiness")),
    *(f"memory.{name}" for name in ("oom_control", "max", "swap.max", "low")),
    *(f"cpu.{name}" for name in ("shares", "cfs_quota_us", "cfs_period_us", "max", "weight")),
    *("cpuset.cpus", "cpuset.mems", "pids.max", "devices.list", "io.max"),
    *(f"blkio.throttle.{way}_device" for way in WAYS),
)
SYSCTLS = (
    *(f"kernel/{name}" for name in ("hostname", "domainname", "shmmax")),
    *(f"net/ipv4/{name}" for name in ("ip_unprivileged_port_start", "ping_group_range", "ip_forward")),
    "net/core/somaxconn",
)
NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")

SCRIPT = f"""
part() {{ echo "=== $1"; }}
part status; grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp):' /proc/self/status
part limits; cat /proc/self/limits
part score; cat /proc/self/oom_score_adj
part mounts; cat /proc/self/mountinfo
part namespaces; for n in {" ".join(NAMESPACES)}; do echo "$n $(readlink /proc/self/ns/$n)"; done
part groups; for f in {" ".join(GROUPS)}; do for p in /sys/fs/cgroup/$f /sys/fs/cgroup/*/$f; do
  case $p in */cpu,cpuacct/*) continue;; esac; [ -r $p ] && echo "$f $(cat $p | tr '\\n' ' ')"; done; done
part sysctls; for f in {" ".join(SYSCTLS)}; do echo "$f $(cat /proc/sys/$f 2>&1)"; done
part devices; find /dev ! -type l ! -path '/dev/pts/*' -exec ls -ldn {{}} + | awk '{{print $1,$3,$4,$5,$6,$NF}}'
part links; find /dev -type l | sort
part init; tr '\\0' ' ' < /proc/1/cmdline | cut -c1-40
part place; pwd; hostname; cat /etc/hostname; ls -A / | sort
part hidden; for f in /proc/keys /proc/timer_list /proc/kcore /proc/interrupts; do head -c1 $f 2>&1 | wc -c; done
part readonly; for f in /proc/sys/kernel/hostname /proc/irq /sys/kernel /sys/fs/cgroup; do
  [ -w $f ] && echo "$f writable" || echo "$f readonly"; done
part end
"""


def ask(side: Side, ident: str) -> Json:
    """Wait for the script of a container that was started and return its parts, comparable."""
    side.call("POST", f"/containers/{ident}/wait")
    said = side.call("GET", f"/containers/{ident}/logs?stdout=1&stderr=1")["body"]
    text = said if isinstance(said, str) else "".join(said.values())
    text = text.replace("\r", "").replace(ident, "<id>").replace(ident[:12], "<short id>")
    parts: dict[str, str] = dict(re.findall(r"^=== (\w+)\n(.*?)(?=^===|\Z)", text, re.MULTILINE | re.DOTALL))
    assert "end" in parts, text
    host = _namespaces_of(side)
    found: Json = {name: body.splitlines() for name, body in parts.items()}
    found["mounts"] = _mounts(found["mounts"], side)
    found["devices"] = sorted(found["devices"])
    found["namespaces"] = {
        name: "host" if link == host[name] else "own" for name, link in (line.split() for line in found["namespaces"])
    }
    return found


def _namespaces_of(side: Side) -> dict[str, str]:
    """Return the namespaces of the daemon, which is whoever listens on the socket."""
    with open_socket(side.path) as line:
        pid, _, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return {name: os.readlink(f"/proc/{pid}/ns/{name}") for name in NAMESPACES}


def _mounts(lines: list[str], side: Side) -> dict[str, Json]:
    """Return the mounts by their place (proc(5), mountinfo).

    Left out: the layers of an overlay, and whether the root receives mounts, which is how its engine was started.
    """
    found = {}
    for line in lines:
        left, _, right = line.partition(" - ")
        fields, (kind, source, options) = left.split(), right.split(" ", 2)
        found[fields[4]] = {
            "root": words(fields[3], side.roots) if kind not in ("tmpfs", "overlay") else "",
            "options": sorted(fields[5].split(",")),
            "propagation": sorted(field.partition(":")[0] for field in fields[6:]) if fields[4] != "/" else [],
            "kind": kind,
            "source": source if kind not in ("overlay",) else "",
            "of the system": sorted(options.split(",")) if kind != "overlay" else [],
        }
    return found
