"""Namespaces and the sysctls that belong to them (start.md 5.3, 5.6)."""

from typing import Any

from wherry.base.errors import System
from wherry.model.container import HostConfig
from wherry.spec.facts import Facts
from wherry.state.record import Record

HOST = "host"
JOIN = "container:"

NETWORK_DEFAULTS = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
}
"""Set in every network namespace of a container's own: low ports and ping need no privilege in there."""


def build_namespaces(host_config: HostConfig, facts: Facts) -> list[dict[str, str]]:
    """Return `linux.namespaces`: what is not listed is shared with the host. System if one to join is not known."""
    wanted = [
        {"type": "mount"},
        _network(facts),
        {"type": "time"} if facts.engine.time_namespaces else None,
        None if host_config.uts_mode == HOST else {"type": "uts"},
        _joinable("pid", host_config.pid_mode, facts),
        _joinable("ipc", host_config.ipc_mode, facts),
        {"type": "cgroup"} if host_config.cgroupns_mode == "private" else None,
    ]
    return [namespace for namespace in wanted if namespace]


def _network(facts: Facts) -> dict[str, str] | None:
    return None if facts.netns is None else {"type": "network", "path": facts.netns}


def _joinable(kind: str, mode: str, facts: Facts) -> dict[str, str] | None:
    if mode == HOST:
        return None
    if not mode.startswith(JOIN):
        return {"type": kind}
    if kind not in facts.joined:
        raise System(f"failed to join {kind.upper()} namespace: no path of it was found for {mode}")
    return {"type": kind, "path": facts.joined[kind]}


def build_sysctls(rec: Record, facts: Facts) -> dict[str, Any]:
    """Return `linux.sysctl`: defaults that this kernel has, then the domain name, then what was asked for."""
    mode = rec.host_config.network_mode
    private = mode != HOST and not mode.startswith(JOIN)
    defaults = {key: value for key, value in NETWORK_DEFAULTS.items() if private and key in facts.engine.sysctls}
    domain = {"kernel.domainname": rec.config.domainname} if rec.config.domainname else {}
    return defaults | domain | (rec.host_config.sysctls or {})
