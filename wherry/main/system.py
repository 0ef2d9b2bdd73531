"""What the engine says of itself: `version` and `info` in the newest shape (images.md 23)."""

import asyncio
import os
import platform
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from prometheus_client import Histogram

from wherry.base.errors import EngineError
from wherry.base.metrics import Metrics
from wherry.base.offload import offload
from wherry.base.refs import DEFAULT_DOMAIN
from wherry.base.version import API_VERSION, BUILD_TIME, ENGINE_VERSION, GIT_COMMIT, MIN_API_VERSION
from wherry.host.facts import HostFacts, forwards_ipv4, open_descriptors
from wherry.images.hosts import Registries
from wherry.main.config import Config
from wherry.main.programs import FEATURES, Program, Programs, read_features, read_programs
from wherry.runtimes.registry import Runtimes
from wherry.spec.cgroups import CGROUPFS
from wherry.spec.security import BUILTIN
from wherry.state.record import Phase, Record

Json = dict[str, Any]

PLATFORM = "wherry"
SNAPSHOTTER = "io.containerd.snapshotter.v1"
INDEX = "https://index.docker.io/v1/"
NAMESPACES = {"Containers": "moby", "Plugins": "plugins.moby"}
PLUGINS: Json = {
    "Volume": ["local"],
    "Network": ["bridge", "host", "null"],
    "Authorization": None,
    "Log": ["json-file"],
}
SWARM: Json = {
    "NodeID": "",
    "NodeAddr": "",
    "LocalNodeState": "inactive",
    "ControlAvailable": False,
    "Error": "",
    "RemoteManagers": None,
}


@dataclass(frozen=True, slots=True)
class Sources:
    """Where `info` and `version` read; functions are asked anew each time."""

    config: Config
    engine_id: str
    host: HostFacts
    records: Callable[[], Iterable[Record]]
    count_images: Callable[[], Awaitable[int]]
    containerd_version: Callable[[], Awaitable[tuple[str, str]]]
    """Version and revision; raises a kind when containerd does not answer."""
    containerd_address: Callable[[], str]
    count_event_readers: Callable[[], int]
    times: Histogram
    """How long `info` and `version` took, by function."""
    runtimes: Runtimes
    cgroup_driver: str = CGROUPFS
    snapshotter: str = "overlayfs"
    programs: Callable[[str], Programs] = read_programs
    """Blocking; asked once for each default runtime, at the first need. So is the next, for each runtime."""
    features: Callable[[str], str] = read_features
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    restoring: Callable[[], str] = str
    """How far the containers are restored, empty once they are."""


class System:
    """SystemVerbs of the API. Concurrent `info` requests share one computation."""

    def __init__(self, sources: Sources) -> None:
        """Take the sources; nothing is read before the first question."""
        self._from = sources
        self._programs: dict[str, asyncio.Task[Programs]] = {}
        self._features: dict[str, asyncio.Task[str]] = {}
        self._info: asyncio.Task[Json] | None = None
        self.experimental = sources.config.experimental

    def configure(self, config: Config) -> None:
        """Describe another configuration from now on."""
        self._from = replace(self._from, config=config)

    async def version(self) -> Json:
        """Return SystemVersion; a containerd that does not answer is left out of Components."""
        with Metrics.timed(self._from.times, "system_version"):
            return await self._read_version()

    async def _read_version(self) -> Json:
        host, programs = self._from.host, await self._ask_programs()
        engine = {
            "ApiVersion": API_VERSION,
            "Arch": host.architecture,
            "BuildTime": BUILD_TIME,
            "GitCommit": GIT_COMMIT,
            "GoVersion": f"python{platform.python_version()}",
            "KernelVersion": host.kernel,
            "MinAPIVersion": MIN_API_VERSION,
            "Os": "linux",
        }
        others = [await self._containerd(), programs.runtime, programs.init]
        return {
            "Platform": {"Name": PLATFORM},
            "Version": ENGINE_VERSION,
            **engine,
            **({"Experimental": True} if self.experimental else {}),
            "Components": [
                {
                    "Name": "Engine",
                    "Version": ENGINE_VERSION,
                    "Details": engine | {"Experimental": str(self.experimental).lower()},
                },
                *(_component(program) for program in others if program.version),
            ],
        }

    async def info(self) -> Json:
        """Return SystemInfo; raises what counting the images raises."""
        if self._info is None or self._info.done():
            self._info = asyncio.create_task(self._read_info(), name="info")
        return await asyncio.shield(self._info)

    async def _read_info(self) -> Json:
        with Metrics.timed(self._from.times, "system_info"):
            return await self._whole_info()

    async def _whole_info(self) -> Json:
        programs, containerd = await self._ask_programs(), await self._containerd()
        forwarding, descriptors = await offload(forwards_ipv4), await offload(open_descriptors)
        return {
            **self._identity(),
            **_census(self._from.records()),
            "Images": await self._from.count_images(),
            **self._machine(forwarding),
            **self._storage(),
            **self._engine(),
            "Runtimes": await self._describe_runtimes(),
            "NFd": descriptors,
            "NGoroutines": len(asyncio.all_tasks()),
            "NEventsListener": self._from.count_event_readers(),
            "SystemTime": _local_time(time.time_ns()),
            "ContainerdCommit": _commit(containerd),
            "RuncCommit": _commit(programs.runtime),
            "InitCommit": _commit(programs.init),
        }

    def _identity(self) -> Json:
        config, host = self._from.config, self._from.host
        return {
            "ID": self._from.engine_id,
            "Name": host.hostname,
            "Labels": list(config.labels),
            "ServerVersion": ENGINE_VERSION,
            "ExperimentalBuild": config.experimental,
            "LiveRestoreEnabled": config.live_restore,
            "Debug": config.debug,
            "Isolation": "",
            "Swarm": SWARM,
        }

    def _machine(self, forwarding: bool) -> Json:
        host, groups = self._from.host, self._from.host.cgroups
        return {
            "KernelVersion": host.kernel,
            "OperatingSystem": host.os_name,
            "OSVersion": host.os_version,
            "OSType": "linux",
            "Architecture": host.machine,
            "NCPU": host.cpus,
            "MemTotal": host.memory,
            "CgroupDriver": self._from.cgroup_driver,
            "CgroupVersion": str(groups.version),
            "MemoryLimit": groups.memory,
            "SwapLimit": groups.swap,
            "OomKillDisable": groups.oom_kill_disable,
            "CpuCfsPeriod": groups.cpu_period,
            "CpuCfsQuota": groups.cpu_quota,
            "CPUShares": groups.cpu_shares,
            "CPUSet": groups.cpuset,
            "PidsLimit": groups.pids,
            "IPv4Forwarding": forwarding,
            "SecurityOptions": security_options(host, self._from.config),
            "Warnings": [*warnings(host, forwarding), *self._restoring()] or None,
        }

    def _restoring(self) -> list[str]:
        progress = self._from.restoring()
        return [f"WARNING: {progress}"] if progress else []

    def _storage(self) -> Json:
        return {
            "Driver": self._from.snapshotter,
            "DriverStatus": [["driver-type", SNAPSHOTTER]],
            "DockerRootDir": self._from.config.data_root,
            "IndexServerAddress": INDEX,
            "RegistryConfig": registry_config(self._from.config),
            "Containerd": {"Address": self._from.containerd_address(), "Namespaces": NAMESPACES},
        }

    def _engine(self) -> Json:
        config, environ = self._from.config, self._from.environ
        return {
            "Plugins": PLUGINS,
            "LoggingDriver": config.log_driver,
            "DefaultRuntime": self._from.runtimes.default,
            "InitBinary": "docker-init",
            "FirewallBackend": {"Driver": "nftables" if config.iptables else "none"},
            "GenericResources": None,
            "CDISpecDirs": list(config.cdi_spec_dirs),
            "HttpProxy": mask_credentials(_variable(environ, "HTTP_PROXY")),
            "HttpsProxy": mask_credentials(_variable(environ, "HTTPS_PROXY")),
            "NoProxy": _variable(environ, "NO_PROXY"),
        }

    async def _describe_runtimes(self) -> Json:
        """Return each with the features of its program; what a reload has dropped is forgotten."""
        known = self._from.runtimes.known
        commands = {runtime.command for runtime in known.values() if runtime.command}
        self._features = {
            command: self._features.get(command) or _asking(self._from.features, command) for command in commands
        }
        await asyncio.wait(self._features.values())
        status = {
            command: {"status": {FEATURES: asked.result()}}
            for command, asked in self._features.items()
            if asked.result()
        }
        return {name: {**runtime.shown, **status.get(runtime.command, {})} for name, runtime in known.items()}

    async def _ask_programs(self) -> Programs:
        runtimes = self._from.runtimes
        asked = runtimes.known.get(runtimes.default)
        command = asked.command if asked is not None else ""
        if command not in self._programs:
            self._programs = {command: _asking(self._from.programs, command)}
        return await asyncio.shield(self._programs[command])

    async def _containerd(self) -> Program:
        try:
            version, revision = await self._from.containerd_version()
        except EngineError:
            return Program("containerd")  # these answers matter most when a part is down
        return Program("containerd", version, revision)


def registries_of(config: Config) -> Registries:
    """Return what the configuration says of registries."""
    return Registries(config.registry_mirrors, config.insecure_registries)


T = TypeVar("T")


def _asking(function: Callable[[str], T], command: str) -> "asyncio.Task[T]":
    return asyncio.create_task(offload(function, command), name=f"ask {command}")


def registry_config(config: Config) -> Json:
    """Return what is configured of registries, as Docker shows it."""
    registries = registries_of(config)
    mirrors = list(registries.mirrors)
    hub = {"Mirrors": mirrors, "Name": DEFAULT_DOMAIN, "Official": True, "Secure": True}
    named = {host: {"Mirrors": [], "Name": host, "Official": False, "Secure": False} for host in registries.hosts}
    return {
        "IndexConfigs": {**named, DEFAULT_DOMAIN: hub},
        "InsecureRegistryCIDRs": list(registries.networks),
        "Mirrors": mirrors or None,
    }


def security_options(host: HostFacts, config: Config) -> list[str]:
    """Return what containers are confined by unless they ask for less, in Docker's order; only what is applied."""
    private = config.default_cgroupns_mode or ("private" if host.cgroups.version == 2 else "host")
    options = {
        f"name=seccomp,profile={config.seccomp_profile or BUILTIN}": host.seccomp,
        "name=cgroupns": host.cgroup_namespaces and private == "private",
        "name=no-new-privileges": config.no_new_privileges,
    }
    return [option for option, applies in options.items() if applies]


def warnings(host: HostFacts, forwarding: bool) -> list[str]:
    """Return Docker's warnings on limits that this kernel does not offer."""
    groups = host.cgroups
    missing = {
        "No memory limit support": not groups.memory,
        "No swap limit support": not groups.swap,
        "No oom kill disable support": not groups.oom_kill_disable and groups.version == 1,
        "No cpu cfs quota support": not groups.cpu_quota,
        "No cpu cfs period support": not groups.cpu_period,
        "No cpu shares support": not groups.cpu_shares,
        "No cpuset support": not groups.cpuset,
        "IPv4 forwarding is disabled": not forwarding,
    }
    return [f"WARNING: {text}" for text, applies in missing.items() if applies]


def mask_credentials(url: str) -> str:
    """Return a proxy's URL with user and password replaced by `xxxxx:xxxxx`."""
    return re.sub(r"^([a-z][a-z0-9+.-]*://)?.*@", r"\1xxxxx:xxxxx@", url, count=1, flags=re.IGNORECASE)


def _census(records: Iterable[Record]) -> Json:
    phases = [record.phase for record in records]
    running, paused = phases.count(Phase.RUNNING), phases.count(Phase.PAUSED)
    return {
        "Containers": len(phases),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(phases) - running - paused,
    }


def _component(program: Program) -> Json:
    return {"Name": program.name, "Version": program.version, "Details": {"GitCommit": program.commit}}


def _commit(program: Program) -> Json:
    return {"ID": program.commit or program.version or "N/A"}


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _local_time(at_ns: int) -> str:
    seconds, fraction = divmod(at_ns, 1_000_000_000)
    zone = time.strftime("%z", time.localtime(seconds))
    offset = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds)) + f".{fraction:09d}{offset}"
