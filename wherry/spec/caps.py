"""Linux capabilities: their names, Docker's default set, and how CapAdd and CapDrop change it.

Sources: capabilities(7), include/uapi/linux/capability.h; start.md 5.1, 5.4.
"""

from collections.abc import Collection, Sequence

from wherry.base.errors import InvalidParameter


def _prefixed(words: str) -> tuple[str, ...]:
    return tuple(f"CAP_{word}" for word in words.split())


CAPABILITIES = _prefixed(
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE "
    "NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN "
    "SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE "
    "MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
"""All names; the index is the capability's number."""

DEFAULT = _prefixed(
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL "
    "AUDIT_WRITE"
)
"""What a container has that asks for nothing."""

ALL = "ALL"


def from_mask(mask: int) -> tuple[str, ...]:
    """Return the names of a capability mask as `/proc/<pid>/status` shows it (CapEff); unknown bits are left out."""
    return tuple(name for number, name in enumerate(CAPABILITIES) if mask >> number & 1)


def normalise(field: str, names: Sequence[str] | None, available: Collection[str]) -> list[str]:
    """Return the names in upper case with `CAP_`, `ALL` as it is.

    `field` is CapAdd or CapDrop; InvalidParameter in Docker's words for a name that no kernel or not this one has.
    """
    found = [_normal(name) for name in names or ()]
    for name in found:
        if name == ALL:
            continue
        if name not in CAPABILITIES:
            raise InvalidParameter(f'invalid {field}: unknown capability: "{name}"')
        if name not in available:
            reason = "capability not supported by your kernel or not available in the current environment"
            raise InvalidParameter(f'invalid {field}: {reason}: "{name}"')
    return found


def _normal(name: str) -> str:
    upper = name.upper()
    return upper if upper == ALL or upper.startswith("CAP_") else f"CAP_{upper}"


def resolve(
    add: Sequence[str] | None, drop: Sequence[str] | None, privileged: bool, available: Sequence[str]
) -> tuple[str, ...]:
    """Return the set a container gets, each name once, in a stable order; InvalidParameter for a bad name.

    `available` is what the daemon itself has, by number.
    """
    if privileged:
        return tuple(available)
    added = normalise("CapAdd", add, available)
    dropped = normalise("CapDrop", drop, available)
    if ALL in added:
        return tuple(name for name in available if name not in dropped)
    if ALL in dropped:
        return tuple(dict.fromkeys(added))
    return tuple(dict.fromkeys([*(name for name in DEFAULT if name not in dropped), *added]))
