"""How a record looks to clients: status, State, status text, networks and ports (start.md 1.2; api 3.8, 3.9). Pure.

Docker's overlapping flags are made here from one phase; nothing else in the engine knows them.
"""

from typing import Any

import msgspec

from wherry.base.units import format_time, human_duration
from wherry.containers.health import STARTING, Health
from wherry.model.container import EndpointSettings, MountPoint
from wherry.state.record import Endpoint, Phase, Record

Json = dict[str, Any]

STATUSES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
"""All words that `status` may be, in Docker's order."""


def _shown(rec: Record) -> Phase:
    """Return the phase that clients see: a start that goes on shows what was before it."""
    return rec.rest if rec.phase is Phase.STARTING else rec.phase


def status(rec: Record) -> str:
    """Return one of STATUSES; a container whose first start failed is still `created`."""
    return _shown(rec).value


def status_text(rec: Record, now_ns: int, health: Health | None = None) -> str:
    """Return the sentence of `docker ps`."""
    match _shown(rec):
        case Phase.RUNNING:
            return f"Up {human_duration(now_ns - rec.started_at)}{_health_text(health)}"
        case Phase.PAUSED:
            return f"Up {human_duration(now_ns - rec.started_at)} (Paused)"
        case Phase.RESTARTING:
            return f"Restarting ({rec.exit_code}) {human_duration(now_ns - rec.finished_at)} ago"
        case Phase.REMOVING:
            return "Removal In Progress"
        case Phase.DEAD:
            return "Dead"
        case Phase.CREATED:
            return "Created"
        case _:
            ago = human_duration(now_ns - rec.finished_at)
            return f"Exited ({rec.exit_code}) {ago} ago" if rec.finished_at else ""


def _health_text(health: Health | None) -> str:
    if health is None:
        return ""
    return " (health: starting)" if health.status == STARTING else f" ({health.status})"


def state(rec: Record) -> Json:
    """Return the State of inspect, without the health of the moment."""
    restarting = _shown(rec) is Phase.RESTARTING
    return {
        "Status": status(rec),
        "Running": rec.alive or restarting,
        "Paused": rec.phase is Phase.PAUSED,
        "Restarting": restarting,
        "OOMKilled": rec.oom_killed,
        "Dead": rec.phase is Phase.DEAD,
        "Pid": rec.pid if rec.alive else 0,
        "ExitCode": rec.exit_code,
        "Error": rec.error,
        "StartedAt": format_time(rec.started_at),
        "FinishedAt": format_time(rec.finished_at),
    }


def networks(rec: Record) -> dict[str, Json]:
    """Return the endpoints by network: the wishes, and while it runs what it got; a stopped one keeps the ids."""
    taken = {endpoint.network: endpoint for endpoint in rec.endpoints}
    return {name: _network(rec, name, taken.get(name)) for name in sorted({*rec.endpoints_wished, *taken})}


def main_network(rec: Record) -> str:
    """Return the name of the network of the container's mode, which may be given by its id."""
    mode = rec.host_config.network_mode
    named = (name for name, ident in rec.network_ids.items() if mode == ident and mode not in rec.endpoints_wished)
    return next(named, mode)


def _network(rec: Record, name: str, endpoint: Endpoint | None) -> Json:
    wish = rec.endpoints_wished.get(name, EndpointSettings())
    if endpoint is not None:
        shown = msgspec.structs.replace(
            wish,
            network_id=endpoint.network_id,
            endpoint_id=endpoint.endpoint_id,
            gateway=endpoint.gateway,
            ip_address=endpoint.address,
            ip_prefix_len=endpoint.prefix,
            mac_address=endpoint.mac,
        )
    elif name in rec.network_ids:
        # after a stop only the ids remain; before the first start even a wished address is shown
        shown = msgspec.structs.replace(wish, network_id=rec.network_ids[name], mac_address="")
    else:
        shown = wish
    network: Json = msgspec.to_builtins(shown)
    if network["IPAMConfig"]:
        network["IPAMConfig"] = {key: value for key, value in network["IPAMConfig"].items() if value}
    return network


def ports(rec: Record) -> dict[str, Any]:
    """Return inspect's Ports: while a network of it leads out every exposed port with its bindings, null for none."""
    bridged = [endpoint for endpoint in rec.endpoints if rec.alive and endpoint.gateway]
    found: dict[str, Any] = dict.fromkeys(rec.config.exposed_ports or ()) if bridged else {}
    for port in (port for endpoint in bridged for port in endpoint.ports):
        key = f"{port.container_port}/{port.protocol}"
        binding = {"HostIp": port.host_ip, "HostPort": str(port.host_port)}
        found[key] = [*(found.get(key) or ()), binding]
    return dict(sorted(found.items()))


def mounts(rec: Record) -> list[Json]:
    """Return Mounts by destination; `Name` and `Driver` only where there is one."""
    return [_mount(point) for point in sorted(rec.mounts, key=lambda point: point.destination)]


def _mount(point: MountPoint) -> Json:
    shown = {
        "Type": point.type,
        "Name": point.name,
        "Source": point.source,
        "Destination": point.destination,
        "Driver": point.driver,
        "Mode": point.mode,
        "RW": point.rw,
        "Propagation": point.propagation,
    }
    return {key: value for key, value in shown.items() if value != "" or key not in ("Name", "Driver")}
