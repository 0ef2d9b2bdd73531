"""A record and the facts of its start become an OCI runtime specification (start.md 5).

Pure: the same arguments give the same spec, and nothing is opened or asked. Read it to know what a container is
given; what each member means is in the runtime specification.
"""

from typing import Any

from wherry.spec.cdi import build_hooks
from wherry.spec.cgroups import build_limits, cgroups_path
from wherry.spec.devices import build_devices, build_rules
from wherry.spec.facts import Facts
from wherry.spec.mounts import build_mounts, masked_paths, readonly_paths, rootfs_propagation
from wherry.spec.namespaces import HOST, build_namespaces, build_sysctls
from wherry.spec.process import bounding, build_process
from wherry.spec.seccomp import build_seccomp
from wherry.spec.security import SecurityOptions, parse_security_options
from wherry.spec.selinux import build_labels
from wherry.state.record import Record

OCI_VERSION = "1.1.0"
"""The newest whose members are used (`rro`, time namespaces); runc 1.1 and crun 1.8 take it."""


def build_spec(rec: Record, facts: Facts) -> dict[str, Any]:
    """Return the spec, ready for JSON; parts of it are shared between calls, so it is read and never changed.

    InvalidParameter in Docker's words for settings that cannot be (a capability, a tmpfs option, a seccomp profile,
    a device rule, a label); System for what the host lacks.
    """
    security = parse_security_options(rec.host_config.security_opt)
    spec: dict[str, Any] = {
        "ociVersion": OCI_VERSION,
        "process": build_process(rec, facts),
        "root": {"path": facts.rootfs, "readonly": rec.host_config.readonly_rootfs},
        "mounts": build_mounts(rec, facts, security),
        "linux": _linux(rec, facts, security),
    }
    if facts.selinux is not None:
        labels = build_labels(facts.selinux, security.labels, rec.host_config.privileged)
        spec["process"]["selinuxLabel"], spec["linux"]["mountLabel"] = labels.process, labels.mount
    if rec.host_config.uts_mode != HOST:
        spec["hostname"] = rec.config.hostname
    if rec.host_config.annotations:
        spec["annotations"] = rec.host_config.annotations
    if hooks := build_hooks(facts.edits):
        spec["hooks"] = hooks
    return spec


def _linux(rec: Record, facts: Facts, security: SecurityOptions) -> dict[str, Any]:
    wanted, engine = rec.host_config, facts.engine
    masked, readonly = _hidden_paths(rec, facts)
    linux: dict[str, Any] = {
        "sysctl": build_sysctls(rec, facts),
        "resources": {"devices": build_rules(wanted, facts), **build_limits(wanted, facts.disks, engine)},
        "cgroupsPath": cgroups_path(rec.id, wanted, engine),
        "namespaces": build_namespaces(wanted, facts),
        "devices": build_devices(facts),
        "seccomp": build_seccomp(security.seccomp, wanted.privileged, bounding(rec, engine), engine),
        "intelRdt": facts.edits.intel_rdt,
        "rootfsPropagation": rootfs_propagation(facts.mounts),
        "maskedPaths": masked,
        "readonlyPaths": readonly,
    }
    return {name: value for name, value in linux.items() if value}


def _hidden_paths(rec: Record, facts: Facts) -> tuple[list[str], list[str]]:
    """The container's own lists win, empty ones too; else the defaults of this version, none for a privileged one."""
    wanted = rec.host_config
    masked = [] if wanted.privileged else masked_paths(facts.engine)
    readonly = [] if wanted.privileged else readonly_paths()
    return (
        masked if wanted.masked_paths is None else wanted.masked_paths,
        readonly if wanted.readonly_paths is None else wanted.readonly_paths,
    )
