"""Describing one container: ContainerInspectResponse in the newest shape, with the older fields of 1.51 (api 3.8).

What clients of other API versions see is cut in api/versions.py. Reads the frozen record, so it waits for nobody.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from wherry.base.units import format_time
from wherry.containers.defaults import Defaults
from wherry.containers.donors import joins
from wherry.containers.execs import Execs
from wherry.containers.health import Health, HealthOf, show
from wherry.containers.layout import Layout
from wherry.containers.links import link_names
from wherry.containers.receipt import receipt
from wherry.containers.render import Json, main_network, mounts, networks, ports, state
from wherry.containers.underway import UnderWay
from wherry.model.container import HostConfig
from wherry.spec.facts import NetFiles
from wherry.state.record import Record
from wherry.state.store import Store

Sizes = Callable[[Record], Awaitable[tuple[int, int]]]
"""Bytes of a container's writable layer, and of its whole root filesystem; may walk the disk."""

MOST = 256
"""So many descriptions are kept, some ten kilobytes each."""

_OMIT_HOST = ("Annotations", "Init", "Mounts", "Runtime", "StorageOpt", "Sysctls", "Tmpfs")
_OMIT_CONFIG = (
    "ArgsEscaped",
    "ExposedPorts",
    "Healthcheck",
    "MacAddress",
    "NetworkDisabled",
    "Shell",
    "StopSignal",
    "StopTimeout",
)
_LEGACY_ENDPOINT = {
    "EndpointID": "",
    "Gateway": "",
    "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0,
    "IPAddress": "",
    "IPPrefixLen": 0,
    "IPv6Gateway": "",
    "MacAddress": "",
}
"""Fields of the endpoint in the network named `bridge` that clients before 1.52 read at the top, and their zeros."""


class Inspect:
    """The verb."""

    def __init__(
        self,
        store: Store,
        execs: Execs,
        layout: Layout,
        sizes: Sizes,
        health: HealthOf,
        defaults: Defaults,
        under_way: UnderWay,
    ) -> None:
        """Take the records, the exec instances, the paths, who measures disk use, who knows health, the defaults.

        And who knows how far starts are.
        """
        self._under_way = under_way
        self._defaults = defaults
        self._health = health
        self._store = store
        self._execs = execs
        self._layout = layout
        self._sizes = sizes
        self._made: dict[str, tuple[Record, Json]] = {}

    async def __call__(self, ref: str, size: bool) -> Json:
        """Return the description; NotFound and InvalidParameter in Docker's words."""
        rec = self._store.get(ref)
        measured = await self._sizes(rec) if size else None
        kept = self._of_record(rec)
        shown = kept | of_moment(kept["State"], self._execs.of(rec.id), measured, self._health(rec))
        host = shown["HostConfig"] | hidden_paths(rec.host_config, self._defaults)
        host["Links"] = link_names(rec, self._store.by_id) or None  # by the names of now
        return shown | {"HostConfig": host, "Wherry": shown["Wherry"] | self._under_way.progress(rec.id)}

    def _of_record(self, rec: Record) -> Json:
        """Return what a record says; made once for each, as most are asked about again before they change."""
        kept = self._made.get(rec.id)
        if kept is None or kept[0] is not rec:
            if len(self._made) >= MOST:
                del self._made[next(iter(self._made))]
            kept = self._made[rec.id] = (rec, of_record(rec, self._layout))
        return kept[1]


def of_moment(state: Json, execs: list[str], sizes: tuple[int, int] | None, health: Health | None) -> Json:
    """Return what changes without the record; `sizes` are the writable layer and the root filesystem."""
    shown: Json = {"ExecIDs": execs or None}
    if health is not None:
        shown["State"] = state | {"Health": show(health)}
    if sizes is not None:
        shown["SizeRw"], shown["SizeRootFs"] = sizes
    return shown


def of_record(rec: Record, layout: Layout) -> Json:
    """Return what the record says, keys in their order; those of the moment have no value yet. Not to be changed."""
    return {
        "Id": rec.id,
        "Created": format_time(rec.created),
        "Path": rec.path,
        "Args": rec.args,
        "State": state(rec),
        "Image": rec.image_id,
        **_paths(rec, layout),
        "Name": f"/{rec.name}",
        "RestartCount": rec.restart_count,
        "Driver": rec.snapshotter,
        "Platform": rec.platform,
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": rec.apparmor_profile,
        "ExecIDs": None,
        "HostConfig": host_config(rec.host_config),
        "GraphDriver": {"Data": None, "Name": rec.snapshotter},
        "ImageManifestDescriptor": msgspec.to_builtins(rec.image_manifest),
        "Mounts": mounts(rec),
        "Config": config(rec),
        "NetworkSettings": network_settings(rec),
        "Wherry": receipt(rec),
    }


def _paths(rec: Record, layout: Layout) -> Json:
    """Return the host paths of the container's files; none exists before the first start."""
    started = rec.generation > 0
    shared = bool(rec.netfiles_of) or not joins(rec.host_config.network_mode)
    named = started and shared and not rec.config.network_disabled
    files = layout.netfiles(rec.netfiles_of or rec.id) if named else NetFiles()
    logs = started and rec.host_config.log_config.type == "json-file"
    return {
        "ResolvConfPath": files.resolv_conf,
        "HostnamePath": files.hostname,
        "HostsPath": files.hosts,
        "LogPath": layout.log(rec.id) if logs else "",
    }


def hidden_paths(host: HostConfig, defaults: Defaults) -> Json:
    """Return the masked and read-only paths that a container gets which says nothing of them; it stores none."""
    if host.privileged:
        return {}
    said = {"MaskedPaths": host.masked_paths, "ReadonlyPaths": host.readonly_paths}
    silent = {"MaskedPaths": list(defaults.masked_paths), "ReadonlyPaths": list(defaults.readonly_paths)}
    return {name: paths for name, paths in silent.items() if said[name] is None}


def host_config(host: HostConfig) -> Json:
    """Return HostConfig as inspect shows it: as stored, some keys left out when empty."""
    return _without_empty(msgspec.to_builtins(host), _OMIT_HOST)


def config(rec: Record) -> Json:
    """Return Config as inspect shows it; its MacAddress is the one that the main network's endpoint was asked for."""
    shown: Json = msgspec.to_builtins(rec.config)
    main = rec.endpoints_wished.get(main_network(rec))
    shown["MacAddress"] = main.mac_address if main is not None else ""
    health = shown["Healthcheck"]
    if health is not None:
        shown["Healthcheck"] = {key: value for key, value in health.items() if value}
    return _without_empty(shown, _OMIT_CONFIG)


def _without_empty(shown: Json, keys: tuple[str, ...]) -> Json:
    """Leave out the keys whose value is empty; a false or a zero that was sent is not empty."""
    return {key: value for key, value in shown.items() if key not in keys or not _is_empty(key, value)}


def _is_empty(key: str, value: Any) -> bool:
    # Init and StopTimeout are pointers in Docker's API: false and 0 are values there
    return value is None if key in ("Init", "StopTimeout") else not value


def network_settings(rec: Record) -> Json:
    """Return NetworkSettings, with the endpoint of `bridge` once more at the top for clients before 1.52."""
    found = networks(rec)
    bridge = found.get("bridge", {})
    running = rec.alive
    return {
        "Bridge": "",
        "SandboxID": rec.sandbox_id if running else "",
        "SandboxKey": rec.sandbox_key if running else "",
        "Ports": ports(rec),
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **{key: bridge.get(key, zero) for key, zero in _LEGACY_ENDPOINT.items()},
        "Networks": found,
    }
