import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.records import record
from wherry.base.errors import Unavailable
from wherry.base.metrics import Metrics
from wherry.host.cgroups import Cgroups, Mode
from wherry.host.facts import HostFacts
from wherry.main.config import Config, load
from wherry.main.programs import FEATURES, Program, Programs, parse_init, parse_runtime
from wherry.main.system import Sources, System, mask_credentials, security_options, warnings
from wherry.runtimes.configured import Configured
from wherry.runtimes.registry import Host, Runtimes
from wherry.runtimes.scripts import Scripts
from wherry.state.record import Phase

LIMITS = ("memory", "swap", "cpu_shares", "cpu_period", "cpu_quota", "cpuset", "pids")
ALL = Cgroups(Mode.V2, frozenset({"memory"}), **dict.fromkeys(LIMITS, True))
HOST = HostFacts(
    hostname="box",
    kernel="6.1.0-18-amd64",
    machine="x86_64",
    os_name="Debian GNU/Linux 12 (bookworm)",
    os_version="12",
    memory=1 << 30,
    cpus=2,
    seccomp=True,
    apparmor=False,
    selinux=False,
    cgroup_namespaces=True,
    time_namespaces=True,
    capabilities=0,
    cgroups=ALL,
)
PROGRAMS = Programs(Program("runc", "1.1.5", "abc"), Program("docker-init"))


async def three() -> int:
    return 3


async def containerd() -> tuple[str, str]:
    return "1.6.20", "2806fc1057397dbaeefbea0e4e17bddfbd388f38"


async def nobody() -> tuple[str, str]:
    raise Unavailable("containerd is down")


def sources(config: Config | None = None, **changes: Any) -> Sources:
    phases = (Phase.RUNNING, Phase.RUNNING, Phase.STARTING, Phase.CREATED, Phase.EXITED)
    given = Sources(
        config=config or load({}),
        engine_id="an-id",
        host=HOST,
        records=lambda: [record(phase=phase) for phase in phases],
        count_images=three,
        containerd_version=containerd,
        containerd_address=lambda: "/run/wherry/containerd/containerd.sock",
        count_event_readers=lambda: 4,
        times=Metrics().host_info,
        runtimes=Runtimes(Host(), Scripts("/no/scripts")),
        programs=lambda _: PROGRAMS,
        features=lambda _: '{"ociVersionMin":"1.0.0"}',
        environ={},
    )
    return replace(given, **changes)


async def test_version() -> None:
    version = await System(sources()).version()
    assert (version["Platform"]["Name"], version["ApiVersion"], version["MinAPIVersion"]) == ("wherry", "1.51", "1.24")
    assert re.fullmatch(r"28\.5\.\d+\+wherry\.\d+\.\d+\.\d+", version["Version"])
    assert (version["Arch"], version["Os"]) == ("amd64", "linux")
    assert "Experimental" not in version
    assert [part["Name"] for part in version["Components"]] == ["Engine", "containerd", "runc"]
    assert version["Components"][0]["Details"]["Experimental"] == "false"
    assert all(isinstance(text, str) and text for text in version["Components"][0]["Details"].values())


async def test_version_without_containerd() -> None:
    version = await System(sources(containerd_version=nobody)).version()
    assert [part["Name"] for part in version["Components"]] == ["Engine", "runc"]


async def test_info() -> None:
    info = await System(sources()).info()
    assert (info["Containers"], info["ContainersRunning"], info["ContainersStopped"], info["Images"]) == (5, 2, 3, 3)
    assert (info["NCPU"], info["MemTotal"], info["Name"], info["ID"]) == (2, 1 << 30, "box", "an-id")
    assert (info["CgroupVersion"], info["CgroupDriver"], info["Architecture"]) == ("2", "cgroupfs", "x86_64")
    assert (info["Driver"], info["DriverStatus"]) == ("overlayfs", [["driver-type", "io.containerd.snapshotter.v1"]])
    assert info["Swarm"]["LocalNodeState"] == "inactive"
    assert info["RegistryConfig"] == {
        "IndexConfigs": {"docker.io": {"Mirrors": [], "Name": "docker.io", "Official": True, "Secure": True}},
        "InsecureRegistryCIDRs": ["::1/128", "127.0.0.0/8"],
        "Mirrors": None,
    }
    runtime = {"path": "runc", "status": {FEATURES: '{"ociVersionMin":"1.0.0"}'}}
    assert info["Runtimes"].keys() == {"runc", "io.containerd.runc.v2", "crun-direct", "runc-direct"}
    assert info["Runtimes"]["runc"] == info["Runtimes"]["io.containerd.runc.v2"] == runtime
    assert info.keys().isdisjoint({"ProductLicense", "DiscoveredDevices", "KernelMemory", "KernelMemoryTCP"})
    assert info["ContainerdCommit"] == {"ID": "2806fc1057397dbaeefbea0e4e17bddfbd388f38"}
    assert (info["RuncCommit"], info["InitCommit"]) == ({"ID": "abc"}, {"ID": "N/A"})
    assert info["NEventsListener"] == 4
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)", info["SystemTime"])


async def test_info_asks_each_program_once_and_follows_a_reload(tmp_path: Path) -> None:
    asked: list[str] = []

    def features(program: str) -> str:
        asked.append(program)
        return "" if program == "/opt/old" else f'"{program}"'

    runtimes = Runtimes(Host(), Scripts(str(tmp_path)))
    entries = {
        "old": Configured(path="/opt/old"),
        "spoken": Configured(path="crun", args=("--debug",)),
        "kata": Configured(shim="io.containerd.kata.v2", options={"ConfigPath": "/etc/kata"}),
    }
    runtimes.configure(entries, "kata")
    asked_programs: list[str] = []

    def programs(path: str) -> Programs:
        asked_programs.append(path)
        return replace(PROGRAMS, runtime=Program(path))

    system = System(sources(runtimes=runtimes, features=features, programs=programs))
    await system.info()
    info = await system.info()
    (script,) = map(str, tmp_path.iterdir())
    stock = {"path": "runc", "status": {FEATURES: '"runc"'}}
    assert info["Runtimes"] == {
        "runc": stock,
        "io.containerd.runc.v2": stock,
        "crun-direct": _direct("crun"),
        "runc-direct": _direct("runc"),
        "old": {"path": "/opt/old"},
        "spoken": {"path": "crun", "runtimeArgs": ["--debug"], "status": {FEATURES: f'"{script}"'}},
        "kata": {},
    }
    assert (info["DefaultRuntime"], info["RuncCommit"], sorted(asked)) == (
        "kata",
        {"ID": "N/A"},
        sorted(["runc", "crun", "/opt/old", script]),
    )
    runtimes.configure({"old": Configured(path="/opt/new")}, "old")
    info = await system.info()
    assert info["Runtimes"]["old"] == {"path": "/opt/new", "status": {FEATURES: '"/opt/new"'}}
    assert (info["DefaultRuntime"], asked_programs) == ("old", ["", "/opt/new"])


async def test_info_follows_the_configuration() -> None:
    config = load({"label": ["a=b"], "live-restore": True, "experimental": True, "iptables": False, "debug": True})
    system = System(sources(config, environ={"http_proxy": "http://me:secret@proxy:80", "NO_PROXY": "a,b"}))
    info = await system.info()
    assert (info["Labels"], info["LiveRestoreEnabled"], info["ExperimentalBuild"]) == (["a=b"], True, True)
    assert (info["HttpProxy"], info["HttpsProxy"], info["NoProxy"]) == ("http://xxxxx:xxxxx@proxy:80", "", "a,b")
    assert (info["FirewallBackend"]["Driver"], info["Debug"], system.experimental) == ("none", True, True)
    assert (await system.version())["Experimental"] is True


async def test_concurrent_info_is_computed_once() -> None:
    calls = 0

    async def count() -> int:
        nonlocal calls
        calls += 1
        return calls

    system = System(sources(count_images=count))
    answers = await asyncio.gather(system.info(), system.info(), system.info())
    assert [answer["Images"] for answer in answers] == [1, 1, 1]
    assert (await system.info())["Images"] == 2


async def test_a_failed_info_is_asked_anew() -> None:
    failures = [Unavailable("down")]

    async def count() -> int:
        if failures:
            raise failures.pop()
        return 1

    system = System(sources(count_images=count))
    with pytest.raises(Unavailable):
        await system.info()
    assert (await system.info())["Images"] == 1


def test_warnings() -> None:
    assert warnings(HOST, forwarding=True) == []
    poor = replace(HOST, cgroups=Cgroups(Mode.V1, frozenset()))
    assert warnings(poor, forwarding=False) == [
        "WARNING: No memory limit support",
        "WARNING: No swap limit support",
        "WARNING: No oom kill disable support",
        "WARNING: No cpu cfs quota support",
        "WARNING: No cpu cfs period support",
        "WARNING: No cpu shares support",
        "WARNING: No cpuset support",
        "WARNING: IPv4 forwarding is disabled",
    ]


def test_security_options() -> None:
    assert security_options(HOST, Config()) == ["name=seccomp,profile=builtin", "name=cgroupns"]
    assert security_options(replace(HOST, seccomp=False, cgroup_namespaces=False), Config()) == []
    hybrid = replace(HOST, cgroups=Cgroups(Mode.HYBRID, frozenset()))
    assert security_options(hybrid, Config()) == ["name=seccomp,profile=builtin"], (
        "the host's cgroup namespace is the default"
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://proxy:80/", "http://proxy:80/"),
        ("http://u:p@proxy", "http://xxxxx:xxxxx@proxy"),
        ("HTTPS://u:p/w@x@proxy", "HTTPS://xxxxx:xxxxx@proxy"),
        ("u:p@proxy", "xxxxx:xxxxx@proxy"),
        ("", ""),
    ],
)
def test_credentials_are_masked(url: str, shown: str) -> None:
    assert mask_credentials(url) == shown


def test_programs() -> None:
    runc = "runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\n"
    assert parse_runtime("runc", runc) == Program("runc", "1.1.5+ds1", "1.1.5+ds1-1+deb12u1")
    assert parse_runtime("crun", "crun version 1.8.1\ncommit: f8a096be\n") == Program("crun", "1.8.1", "f8a096be")
    assert parse_runtime("x", "") == Program("x")
    assert parse_init("tini version 0.19.0 - git.de40ad0\n") == Program("docker-init", "0.19.0", "de40ad0")
    assert parse_init("tini version 0.19.0\n") == Program("docker-init", "0.19.0")
    assert parse_init("") == Program("docker-init")


def _direct(program: str) -> dict[str, object]:
    options = {"binary": program, "root": f"/run/wherry/direct/{program}-direct"}
    return {
        "runtimeType": "io.wherry.direct.v1",
        "options": options,
        "status": {FEATURES: f'"{program}"'},
    }


async def test_info_tells_of_a_boot_that_is_under_way() -> None:
    info = await System(sources(restoring=lambda: "restoring containers: 12 of 50")).info()
    assert info["Warnings"] == ["WARNING: restoring containers: 12 of 50"]
