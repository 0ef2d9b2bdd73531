"""Files of the Container Device Interface: what a vendor says a container needs to use a device (CDI SPEC.md 1.0).

A file names devices of one kind, `vendor.com/class`, each with edits of the OCI spec, and edits that go with any of
them. Pure: containers/cdi.py reads the files.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from wherry.base.errors import InvalidParameter

VERSIONS = frozenset(("0.1.0", "0.2.0", "0.3.0", "0.4.0", "0.5.0", "0.6.0", "0.7.0", "0.8.0", "1.0.0"))
HOOKS = frozenset(("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"))
TYPES = frozenset(("", "b", "c", "u", "p"))
UNLIMITED = "rwm"
SPEC_DIRS = ("/etc/cdi", "/var/run/cdi")
"""Where Docker looks by default; what a later one says wins."""

_VENDOR = re.compile(r"[A-Za-z](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?")
_DEVICE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")


class DeviceNode(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A device node to make; what is not said is the host's node."""

    path: str
    host_path: str = ""
    type: str = ""
    major: int = 0
    minor: int = 0
    file_mode: int | None = None
    permissions: str = ""
    uid: int | None = None
    gid: int | None = None


class Mount(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A mount to add."""

    host_path: str
    container_path: str
    options: list[str] | None = None
    type: str = ""


class Hook(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A program that the runtime runs at a point of the container's life."""

    hook_name: str
    path: str
    args: list[str] | None = None
    env: list[str] | None = None
    timeout: int | None = None


class Edits(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What changes in the OCI spec."""

    env: list[str] | None = None
    device_nodes: list[DeviceNode] | None = None
    hooks: list[Hook] | None = None
    mounts: list[Mount] | None = None
    intel_rdt: dict[str, Any] | None = None
    additional_gids: list[int] | None = None


class CdiDevice(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One device by its name within the kind."""

    name: str
    annotations: dict[str, str] | None = None
    container_edits: Edits = Edits()


class CdiFile(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One file; `container_edits` goes with each of its devices."""

    cdi_version: str
    kind: str
    annotations: dict[str, str] | None = None
    devices: list[CdiDevice]
    container_edits: Edits = Edits()


def parse_cdi(document: Any) -> CdiFile:
    """Return a decoded JSON or YAML document as a file; InvalidParameter says what is wrong, unknown members too."""
    try:
        file = msgspec.convert(document, CdiFile)
    except msgspec.ValidationError as error:
        raise InvalidParameter(f"invalid CDI Spec: {error}") from error
    if file.cdi_version not in VERSIONS:
        raise InvalidParameter(f'invalid version "{file.cdi_version}"')
    vendor, _, group = file.kind.partition("/")
    if not _VENDOR.fullmatch(vendor) or not _VENDOR.fullmatch(group):
        raise InvalidParameter(f'invalid kind "{file.kind}"')
    _check_edits(file.container_edits)
    names = [device.name for device in file.devices]
    for device in file.devices:
        if not _DEVICE.fullmatch(device.name) or names.count(device.name) > 1:
            raise InvalidParameter(f'invalid device name "{device.name}"')
        if device.container_edits == Edits():
            raise InvalidParameter(f'invalid device "{device.name}", empty device edits')
        _check_edits(device.container_edits)
    return file


def _check_edits(edits: Edits) -> None:
    _check_env(edits.env or ())
    for node in edits.device_nodes or ():
        if not node.path or node.type not in TYPES or node.permissions.strip(UNLIMITED):
            raise InvalidParameter(f'invalid device node "{node.path}": type "{node.type}", "{node.permissions}"')
        if node.major < 0 or node.minor < 0:  # the runtime would read it as any number
            raise InvalidParameter(f'device "{node.path}": invalid (negative) device number')
    for hook in edits.hooks or ():
        if hook.hook_name not in HOOKS or not hook.path:
            raise InvalidParameter(f'invalid hook "{hook.hook_name}" with path "{hook.path}"')
        _check_env(hook.env or ())
    for mount in edits.mounts or ():
        if not mount.host_path or not mount.container_path:
            raise InvalidParameter("invalid mount, empty path")


def _check_env(entries: Iterable[str]) -> None:
    for entry in entries:
        if entry.find("=") <= 0:
            raise InvalidParameter(f'invalid environment variable "{entry}"')


def combine(all_edits: Iterable[Edits]) -> Edits:
    """Return one for all: lists one after the other, of the cache allocations the last."""
    given = list(all_edits)
    lists = {
        name: [entry for edits in given for entry in getattr(edits, name) or ()]
        for name in ("env", "device_nodes", "hooks", "mounts", "additional_gids")
    }
    caches = [edits.intel_rdt for edits in given if edits.intel_rdt is not None]
    return Edits(**lists, intel_rdt=caches[-1] if caches else None)


def build_hooks(edits: Edits) -> dict[str, list[dict[str, Any]]]:
    """Return `hooks` of the OCI spec, in the order given for each point of the life."""
    found: dict[str, list[dict[str, Any]]] = {}
    for hook in edits.hooks or ():
        entry = {"path": hook.path, "args": hook.args, "env": hook.env, "timeout": hook.timeout}
        found.setdefault(hook.hook_name, []).append({key: value for key, value in entry.items() if value})
    return found


def build_cdi_mounts(edits: Edits, readonly: bool) -> list[dict[str, Any]]:
    """Return the mounts as the OCI spec writes them; `readonly` is that of the root, which Docker carries over."""
    return [
        {
            "destination": mount.container_path,
            "type": mount.type or "bind",
            "source": mount.host_path,
            "options": [*(mount.options or ()), *(["ro"] if readonly else [])],
        }
        for mount in edits.mounts or ()
    ]
