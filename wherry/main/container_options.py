"""The daemon's options on containers, read and checked in dockerd's words (images.md 24, 25; start.md 5)."""

import logging
import os
import re
from collections.abc import Sequence
from typing import Any

from wherry.base.errors import InvalidParameter
from wherry.model.container import Ulimit
from wherry.spec.cgroups import CGROUPFS, SYSTEMD, check_slice
from wherry.spec.security import BUILTIN, UNCONFINED

log = logging.getLogger("wherry.options")

DRIVER = "native.cgroupdriver"
LIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice"),
    *("nofile", "nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
)
"""Names of RLIMIT_*, as setrlimit(2) has them."""
MAX_PROFILE = 4 << 20


def parse_ulimit(text: str) -> Ulimit:
    """Return `name=soft[:hard]` of `--default-ulimit`; InvalidParameter in Docker's words."""
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidParameter(f"invalid ulimit argument: {text}")
    parts = value.split(":")
    if len(parts) > 2:
        raise InvalidParameter(f"too many limit value arguments - {value}, can only have up to two, `soft[:hard]`")
    for part in parts:
        if not re.fullmatch(r"[+-]?[0-9]{1,19}", part):
            raise InvalidParameter(f'strconv.ParseInt: parsing "{part}": invalid syntax')
    soft, hard = int(parts[0]), int(parts[-1])
    return check_ulimit(Ulimit(name=name, soft=soft, hard=hard))


def read_ulimit(key: str, value: Any) -> Ulimit:
    """Return an entry of `default-ulimits` in daemon.json: an object of Name, Soft and Hard; InvalidParameter."""
    found = value if isinstance(value, dict) else {}
    soft, hard = found.get("Soft", 0), found.get("Hard", 0)
    fits = isinstance(value, dict) and found.keys() <= {"Name", "Soft", "Hard"}
    if not fits or type(soft) is not int or type(hard) is not int or found.get("Name", key) != key:
        raise InvalidParameter(f'"default-ulimits": "{key}" must be an object of Name (the same), Soft and Hard')
    return check_ulimit(Ulimit(name=key, soft=soft, hard=hard))


def check_ulimit(limit: Ulimit) -> Ulimit:
    """Return a limit that setrlimit(2) can take; InvalidParameter in Docker's words."""
    if limit.name not in LIMITS:
        raise InvalidParameter(f"invalid ulimit type: {limit.name}")
    if limit.hard != -1 and (limit.soft > limit.hard or limit.soft == -1):
        raise InvalidParameter(
            f"ulimit soft limit must be less than or equal to hard limit: {limit.soft} > {limit.hard}"
        )
    return limit


def check_exec_opts(options: Sequence[str]) -> None:
    """InvalidParameter in dockerd's words; the one option is the driver of cgroups."""
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise InvalidParameter(f"invalid exec-opt ({option}): must be formatted 'opt=value'")
        if name == "isolation":
            raise InvalidParameter(f"invalid exec-opt ({option}): option 'isolation' is only supported on windows")
        if name != DRIVER:
            raise InvalidParameter(f"invalid exec-opt ({option}): unknown option: '{name}'")
        if value == "none":
            text = "is internally used and cannot be specified manually"
            raise InvalidParameter(f"native.cgroupdriver option none {text}")
        if value not in (CGROUPFS, SYSTEMD):
            raise InvalidParameter(f"native.cgroupdriver option {value} not supported")


def cgroup_driver(options: Sequence[str], cgroup_version: int, runs_systemd: bool) -> str:
    """Return who makes the cgroups of containers: the last word given, else systemd where it owns a version 2 tree."""
    asked = [option.partition("=")[2] for option in options if option.startswith(f"{DRIVER}=")]
    return asked[-1] if asked else SYSTEMD if cgroup_version == 2 and runs_systemd else CGROUPFS


def check_modes(ipc: str, cgroupns: str) -> None:
    """InvalidParameter in dockerd's words for a mode that cannot be a default."""
    if ipc not in ("private", "shareable"):
        raise InvalidParameter(f'IPC mode "{ipc}" is not supported as default value; use "shareable" or "private"')
    if cgroupns not in ("", "private", "host"):
        raise InvalidParameter(f'invalid default cgroup namespace ({cgroupns}): use "host" or "private"')


def check_parent(driver: str, parent: str) -> None:
    """InvalidParameter in Docker's words for a cgroup parent that systemd cannot have."""
    if driver == SYSTEMD:
        check_slice(parent)


def check_realtime(cgroup_version: int, there: bool) -> None:
    """InvalidParameter in dockerd's words where groups cannot be given real time."""
    options = "daemon-scoped cpu-rt-period and cpu-rt-runtime are"
    if cgroup_version == 2:
        raise InvalidParameter(f"{options} not implemented for cgroup v2")
    if not there:
        raise InvalidParameter(f"{options} not supported by the kernel")


def check_selinux(enabled: bool, there: bool) -> None:
    """Say so, as dockerd does, where the kernel has no SELinux; InvalidParameter where it has.

    Without labels on root filesystems and volumes no container could read its own files.
    """
    if enabled and there:
        raise InvalidParameter(
            "--selinux-enabled: labels on root filesystems and volumes are not supported by wherryd yet: "
            "start it without, and containers run unlabelled, as Docker's do then"
        )
    if enabled:
        log.warning("Docker could not enable SELinux on the host system")


def read_profile(path: str) -> str:
    """Return the text of the daemon's seccomp profile (blocking), its path's words as they are; InvalidParameter."""
    if path in ("", BUILTIN, UNCONFINED):
        return "" if path == BUILTIN else path
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(MAX_PROFILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = f"open {path}: {(error.strerror or '').lower()}" if isinstance(error, OSError) else str(error)
        raise InvalidParameter(f"opening seccomp profile ({path}) failed: {reason}") from error
    if len(text) > MAX_PROFILE:
        raise InvalidParameter(f"opening seccomp profile ({path}) failed: it is larger than {MAX_PROFILE} bytes")
    return text


def runs_systemd() -> bool:
    """Tell whether systemd is the init of this machine (sd_booted(3))."""
    return os.path.isdir("/run/systemd/system")
