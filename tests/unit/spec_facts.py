"""Facts for tests of the spec: a machine with cgroup version 1 and everything that a spec may use."""

from typing import Any

from tests.unit.records import record
from wherry.model.container import ContainerConfig, HostConfig
from wherry.spec import caps
from wherry.spec.facts import EngineFacts, Facts, NetFiles
from wherry.state.record import Record

IDENT = "b0a7" * 16
FILES = f"/data/containers/{IDENT}"


def engine(**changes: Any) -> EngineFacts:
    """An engine on kernel 6.1 that lacks CAP_SYS_RESOURCE, as virtual machines often do."""
    facts: dict[str, Any] = {
        "arch": "amd64",
        "kernel": (6, 1),
        "hostname": "shore",
        "capabilities": tuple(name for name in caps.CAPABILITIES if name != "CAP_SYS_RESOURCE"),
        "cgroup_version": 1,
        "recursive_readonly": frozenset(("runc",)),
        "sysctls": frozenset({"net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"}),
        "init_path": "/usr/bin/tini-static",
    }
    return EngineFacts(**facts | changes)


def facts(**changes: Any) -> Facts:
    """Facts of a start on a bridge."""
    given: dict[str, Any] = {
        "engine": engine(),
        "rootfs": f"/data/rootfs/overlayfs/{IDENT}",
        "netns": "/run/wherry/netns/0123456789ab",
        "netfiles": NetFiles(resolv_conf=f"{FILES}/resolv.conf", hostname=f"{FILES}/hostname", hosts=f"{FILES}/hosts"),
    }
    return Facts(**given | changes)


def container(config: dict[str, Any] | None = None, **host_config: Any) -> Record:
    """A container that runs `sleep 60`, as create would have recorded it."""
    host: dict[str, Any] = {
        "network_mode": "bridge",
        "ipc_mode": "private",
        "cgroupns_mode": "host",
        "shm_size": 64 << 20,
        "oom_kill_disable": False,
        "runtime": "runc",
    }
    return record(
        id=IDENT,
        path="sleep",
        args=["60"],
        config=ContainerConfig(**{"hostname": IDENT[:12], "image": "busybox"} | (config or {})),
        host_config=HostConfig(**host | host_config),
    )
