"""SELinux labels of a container: of its processes, and of what is mounted for it (start.md 5.3). Pure.

A label is `user:role:type:level`. The policy gives those of a container, the engine a level that no other has, and
`--security-opt label=` changes parts of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wherry.base.errors import InvalidParameter

DISABLE = "disable"
PARTS = ("user", "role", "type", "level")
OF_NOBODY = "s0:c1022,c1023"
"""The level of files whose container has no label of its own: no confined process has both categories."""


@dataclass(frozen=True, slots=True)
class Labels:
    """Of the processes and of the mounts of a container; empty for none."""

    process: str
    mount: str


def build_labels(given: Labels, options: Sequence[str], privileged: bool) -> Labels:
    """Return the labels of one container; `given` are the policy's with the container's own level.

    InvalidParameter in Docker's words for a malformed option. Privileged processes have no label, their mounts have.
    """
    process, mount = _parts(given.process), _parts(given.mount)
    for option in options:
        if option == DISABLE:
            return Labels("", _joined(mount | {"level": OF_NOBODY}))
        name, value = _option(option)
        if name == "filetype":
            mount["type"] = value
            continue
        process[name] = value
        if name in ("level", "user"):
            mount[name] = value
    labels = Labels(_joined(process), _joined(mount))
    return replace(labels, process="") if privileged else labels


def _option(option: str) -> tuple[str, str]:
    name, colon, value = option.partition(":")
    if not colon:
        raise InvalidParameter(
            f"bad label option \"{option}\", valid options 'disable' or \n"
            "'user, role, level, type, filetype' followed by ':' and a value"
        )
    if name not in (*PARTS, "filetype", DISABLE):
        raise InvalidParameter(
            f"bad label option \"{name}\", valid options 'disable, user, role, level, type, filetype'"
        )
    return name, value


def _parts(label: str) -> dict[str, str]:
    """A level has colons of its own; without one the policy has no levels."""
    return dict(zip(PARTS, label.split(":", 3), strict=False))


def _joined(parts: dict[str, str]) -> str:
    return ":".join(parts[name] for name in PARTS if name in parts)
