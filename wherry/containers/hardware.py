"""What of the host's hardware a container asks for, looked up at each start, as the host may have changed (blocking).

Source: start.md 5.3, 5.8; the texts are those of dockerd 28. All of them are System: Docker answers 500 at this point.
"""

import logging
from dataclasses import dataclass, field

from wherry.base.errors import System
from wherry.containers.cdi import cdi_device, find_edits
from wherry.host.devices import Node, block_number, find_devices, host_devices
from wherry.model.container import DeviceMapping, DeviceRequest, HostConfig
from wherry.spec.cdi import UNLIMITED, Edits
from wherry.spec.facts import Device
from wherry.state.record import Record

log = logging.getLogger("wherry.hardware")

CDI = "cdi"


@dataclass(frozen=True, slots=True)
class Hardware:
    """What was found; members as spec.facts.Facts has them."""

    devices: tuple[Device, ...] = ()
    disks: dict[str, tuple[int, int]] = field(default_factory=dict)
    edits: Edits = Edits()
    cdi_devices: tuple[Device, ...] = ()


def wants_hardware(host: HostConfig) -> bool:
    """Whether there is anything to look up."""
    return bool(host.privileged or host.devices or host.device_requests or disk_paths(host))


def disk_paths(host: HostConfig) -> list[str]:
    """Return the paths that limits of block I/O name."""
    lists = (
        host.blkio_weight_device,
        host.blkio_device_read_bps,
        host.blkio_device_write_bps,
        host.blkio_device_read_iops,
        host.blkio_device_write_iops,
    )
    return [entry.path for entries in lists for entry in entries or ()]


def find_hardware(rec: Record, cdi_dirs: tuple[str, ...]) -> Hardware:
    """Return it all; System names the first thing that is not there."""
    host = rec.host_config
    disks = {path: _disk(path) for path in disk_paths(host)}
    edits = find_edits([name for request in host.device_requests or () for name in _cdi_names(request)], cdi_dirs)
    return Hardware(
        devices=tuple(_privileged(rec) if host.privileged else _mapped(host.devices or [])),
        disks=disks,
        edits=edits,
        cdi_devices=tuple(cdi_device(node) for node in edits.device_nodes or ()),
    )


def _disk(path: str) -> tuple[int, int]:
    try:
        return block_number(path)
    except OSError as error:
        raise System(f"stat {path}: {_reason(error)}") from error


def _mapped(mappings: list[DeviceMapping]) -> list[Device]:
    return [device for mapping in mappings for device in _expand(mapping, mapping.cgroup_permissions)]


def _privileged(rec: Record) -> list[Device]:
    """All of the host's, then those that are mapped to another path; permissions mean nothing here."""
    devices = [_device(node, UNLIMITED) for node in host_devices()]
    for mapping in rec.host_config.devices or ():
        if mapping.path_on_host == mapping.path_in_container:
            log.warning(
                "container %s: %s is there already in privileged mode: its mapping is left out",
                rec.id,
                mapping.path_in_container,
            )
            continue
        devices += _expand(mapping, UNLIMITED)
    return devices


def _expand(mapping: DeviceMapping, access: str) -> list[Device]:
    try:
        nodes = find_devices(mapping.path_on_host, mapping.path_in_container)
    except OSError as error:
        text = f'error gathering device information while adding custom device "{mapping.path_on_host}"'
        raise System(f"{text}: {_reason(error)}") from error
    return [_device(node, access) for node in nodes]


def _device(node: Node, access: str) -> Device:
    return Device(
        path=node.path,
        kind=node.kind,
        major=node.major,
        minor=node.minor,
        mode=node.mode,
        uid=node.uid,
        gid=node.gid,
        access=access,
    )


def _cdi_names(request: DeviceRequest) -> list[str]:
    """Return the devices that a request names for CDI, the one driver that there is."""
    if request.driver != CDI:
        sets = " ".join(f"[{' '.join(names)}]" for names in request.capabilities or ())
        raise System(f'could not select device driver "{request.driver}" with capabilities: [{sets}]')
    for given, words in ((request.count, "count"), (request.options, "options")):
        if given:
            raise System(f"unexpected {words} in CDI device request")
    return request.device_ids or []


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
