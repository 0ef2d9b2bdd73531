"""Devices of the Container Device Interface by name: the files of the host are read anew at each start that needs them.

Source: CDI SPEC.md and its library as dockerd 28 uses it (start.md 5.3). A broken file is logged and costs its devices.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from wherry.base.errors import InvalidParameter, System
from wherry.host.devices import read_node
from wherry.spec.cdi import UNLIMITED, CdiDevice, CdiFile, DeviceNode, Edits, combine, parse_cdi
from wherry.spec.facts import Device

log = logging.getLogger("wherry.cdi")

MAX_FILE = 4 << 20

Known = dict[str, tuple[CdiFile, CdiDevice] | None]
"""Devices by qualified name; None where two files of one directory claim it."""


def find_edits(names: Sequence[str], directories: Sequence[str]) -> Edits:
    """Return all edits of the named devices, a file's own ones before those of its first device (blocking).

    System in Docker's words for names that no file has.
    """
    known = read_known(directories) if names else {}
    unknown = [name for name in names if known.get(name) is None]
    if unknown:
        raise System(f"CDI device injection failed: unresolvable CDI devices {', '.join(unknown)}")
    found: list[Edits] = []
    files: list[CdiFile] = []
    for file, device in (entry for name in names if (entry := known[name]) is not None):
        if not any(file is other for other in files):
            files.append(file)
            found.append(file.container_edits)
        found.append(device.container_edits)
    return combine(found)


def read_known(directories: Sequence[str]) -> Known:
    """Return the devices of all files by qualified name (blocking)."""
    known: Known = {}
    for directory in directories:
        here: Known = {}
        for path, file in _files(directory):
            for device in file.devices:
                name = f"{file.kind}={device.name}"
                if name in here:
                    log.warning("CDI device %s is defined twice in %s, the second time by %s", name, directory, path)
                here[name] = None if name in here else (file, device)
        known |= here
    return known


def _files(directory: str) -> Iterator[tuple[str, CdiFile]]:
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        path = os.path.join(directory, name)
        if name.endswith((".json", ".yaml")) and os.path.isfile(path):
            try:
                yield path, parse_cdi(_decode(path))
            except (InvalidParameter, OSError) as error:
                log.warning("CDI file %s is left out: %s", path, error)


def _decode(path: str) -> Any:
    with open(path, "rb") as file:
        raw = file.read(MAX_FILE + 1)
    if len(raw) > MAX_FILE:
        raise InvalidParameter(f"it is larger than {MAX_FILE} bytes")
    try:
        return msgspec.json.decode(raw) if path.endswith(".json") else _load_yaml(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidParameter(str(error)) from error


def _load_yaml(raw: bytes) -> Any:
    import yaml  # late: few machines have such a file, and every boot would pay for it

    try:
        return yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise InvalidParameter(str(error)) from error


def cdi_device(node: DeviceNode) -> Device:
    """Return a device node as the spec takes it, what it does not say looked up on the host (blocking); System."""
    path = node.host_path or node.path
    kind, major, minor = node.type, node.major, node.minor
    if not kind or (not major and kind != "p"):
        try:
            there = read_node(path)
        except OSError as error:
            raise System(_failed(f'failed to stat CDI host device "{path}": {_reason(error)}')) from error
        if kind and there.kind != kind:
            raise System(_failed(f'CDI device ("{node.path}", "{path}"), host type mismatch ({kind}, {there.kind})'))
        kind, major, minor = there.kind, there.major, there.minor
    return Device(
        path=node.path,
        kind=kind,
        major=major,
        minor=minor,
        mode=node.file_mode,
        uid=node.uid,
        gid=node.gid,
        access=node.permissions or UNLIMITED,
    )


def _failed(reason: str) -> str:
    return f"CDI device injection failed: failed to inject devices: {reason}"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
