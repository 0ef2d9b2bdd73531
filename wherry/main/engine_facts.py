"""What the spec and create need to know of this machine, gathered once at boot."""

import os

from wherry.containers.defaults import Defaults, Kernel
from wherry.host.facts import HostFacts, forwards_ipv4, kernel_version
from wherry.main.config import Config
from wherry.main.container_options import (
    cgroup_driver,
    check_parent,
    check_realtime,
    check_selinux,
    read_profile,
    runs_systemd,
)
from wherry.main.programs import find_init, mount_options
from wherry.model.image import Platform
from wherry.runtimes.configured import DEFAULT, DIRECT, SHIM
from wherry.spec.caps import from_mask
from wherry.spec.facts import EngineFacts
from wherry.spec.mounts import masked_paths, readonly_paths
from wherry.spec.namespaces import NETWORK_DEFAULTS


def gather(config: Config, host: HostFacts) -> EngineFacts:
    """Return the facts of the spec (blocking: looks below /proc, /sys and PATH); InvalidParameter for bad options."""
    driver = cgroup_driver(config.exec_opts, host.cgroups.version, runs_systemd())
    check_parent(driver, config.cgroup_parent)
    if config.cpu_rt_period or config.cpu_rt_runtime:
        check_realtime(host.cgroups.version, host.cgroups.cpu_realtime)
    check_selinux(config.selinux_enabled, host.selinux)
    return EngineFacts(
        arch=host.architecture,
        kernel=kernel_version(host.kernel),
        hostname=host.hostname,
        capabilities=from_mask(host.capabilities),
        cgroup_version=host.cgroups.version,
        cgroup_driver=driver,
        cgroup_parent=config.cgroup_parent,
        recursive_readonly=_recursive_readonly(host),
        cpu_realtime=host.cgroups.cpu_realtime,
        cpu_rt_period=config.cpu_rt_period,
        cpu_rt_runtime=config.cpu_rt_runtime,
        seccomp=host.seccomp,
        seccomp_profile=read_profile(config.seccomp_profile),
        apparmor=host.apparmor,
        no_new_privileges=config.no_new_privileges,
        default_ulimits=tuple(config.default_ulimits.values()),
        sysctls=frozenset(name for name in NETWORK_DEFAULTS if os.path.exists(_sysctl(name))),
        thermal_paths=_thermal_paths(),
        cdi_dirs=config.cdi_spec_dirs,
        default_init=config.init,
        init_path=find_init(),
    )


def defaults(config: Config, host: HostFacts, facts: EngineFacts) -> Defaults:
    """Return what create fills in for silent clients."""
    cpuset = (host.cgroups.cpuset_cpus, host.cgroups.cpuset_mems)
    return Defaults(
        kernel=Kernel.of(host, cpuset, facts.capabilities, config.ip_forward or forwards_ipv4()),
        platform=Platform(os="linux", architecture=host.architecture),
        data_root=config.data_root,
        host_name=host.hostname,
        bridge=config.bridge != "none",
        ipc_mode=config.default_ipc_mode,
        shm_size=config.default_shm_size,
        cgroupns_mode=config.default_cgroupns_mode,
        cgroup_driver=facts.cgroup_driver,
        log_driver=config.log_driver,
        log_options=dict(config.log_opts),
        masked_paths=tuple(masked_paths(facts)),
        readonly_paths=tuple(readonly_paths()),
    )


def _recursive_readonly(host: HostFacts) -> frozenset[str]:
    """Return the runtimes that use mount_setattr(2), which came with Linux 5.12: only the stock ones are asked."""
    if kernel_version(host.kernel) < (5, 12):
        return frozenset()
    knows = {program: "rro" in mount_options(program) for program in sorted(set(DIRECT.values()))}
    return frozenset(name for name, program in {SHIM: DEFAULT, DEFAULT: DEFAULT, **DIRECT}.items() if knows[program])


def _sysctl(name: str) -> str:
    return f"/proc/sys/{name.replace('.', '/')}"


def _thermal_paths() -> tuple[str, ...]:
    root = "/sys/devices/system/cpu"
    paths = (f"{root}/{entry}/thermal_throttle" for entry in sorted(os.listdir(root)) if entry[3:].isdecimal())
    return tuple(path for path in paths if os.path.isdir(path))
