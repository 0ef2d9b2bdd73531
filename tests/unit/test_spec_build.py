"""Whole specs against goldens, which were compared with those of dockerd 28.5 for the same requests.

After a change that is meant, `GOLDENS=write pytest tests/unit/test_spec_build.py` writes them anew; the difference is
then read and committed.
"""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.spec_facts import FILES, container, engine, facts
from wherry.base.errors import System
from wherry.model.container import DeviceMapping, ExecRequest, MountPoint, Ulimit
from wherry.spec.build import build_spec
from wherry.spec.facts import Device, Facts, UserIds
from wherry.spec.process import build_exec_process
from wherry.spec.selinux import Labels
from wherry.state.record import Record

GOLDENS = Path(__file__).parent / "goldens" / "spec"

MOUNTS = (
    MountPoint(type="volume", name="a" * 64, source=f"/data/volumes/{'a' * 64}/_data", destination="/anonymous"),
    MountPoint(type="bind", source="/srv", destination="/srv", propagation="rprivate"),
    MountPoint(type="bind", source="/srv/deep", destination="/srv/a/b", rw=False, propagation="rslave"),
    MountPoint(type="bind", source="/own-hosts", destination="/etc/hosts", rw=False, propagation="rprivate"),
    MountPoint(type="bind", source="/flat", destination="/flat", rw=False, recursive=False, options=["ro"]),
    MountPoint(type="tmpfs", destination="/scratch", options=["ro", "mode=770", "size=4k"]),
)
FUSE = Device(path="/dev/fuse", kind="c", major=10, minor=229, mode=0o600)
DISK = Device(path="/dev/vda", kind="b", major=254, minor=0, mode=0o660, gid=6)

APPARMOR = facts(engine=engine(apparmor=True))
SELINUX = facts(selinux=Labels("system_u:system_r:container_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2"))

CASES: dict[str, tuple[Record, Facts]] = {
    "plain": (container(), facts()),
    "tty": (container({"tty": True}, console_size=[24, 80]), facts()),
    "privileged": (container(privileged=True, security_opt=["label=disable"]), facts(devices=(FUSE, DISK))),
    "init": (container(init=True), facts()),
    "read-only": (container(readonly_rootfs=True, tmpfs={"/run": "size=1m"}), facts()),
    "user": (
        container({"user": "www-data", "working_dir": "/var/www"}, security_opt=["no-new-privileges"]),
        facts(user=UserIds(33, 33, (33, 10, 29))),
    ),
    "host-network": (container({"hostname": "shore"}, network_mode="host"), facts(netns=None)),
    "mounts": (container(tmpfs={"/x": "size=1m,exec"}), facts(mounts=MOUNTS)),
    "limits": (
        container(
            memory=64 << 20,
            memory_swap=128 << 20,
            nano_cpus=1_500_000_000,
            pids_limit=100,
            oom_score_adj=100,
            cgroup_parent="/fleet",
            cpuset_cpus="0",
            ulimits=[Ulimit(name="nofile", soft=100, hard=200)],
            sysctls={"net.core.somaxconn": "100", "net.ipv4.ip_unprivileged_port_start": "1024"},
        ),
        facts(),
    ),
    "shared-with-host": (
        container(pid_mode="host", ipc_mode="host", uts_mode="host", cgroupns_mode="private"),
        facts(shm="/dev/shm"),
    ),
    "device": (
        container(
            devices=[DeviceMapping(path_on_host="/dev/fuse", path_in_container="/dev/fuse", cgroup_permissions="rw")],
            device_cgroup_rules=["c 7:* rmw"],
        ),
        facts(devices=(FUSE,)),
    ),
    "cgroup-v2": (
        container(memory=64 << 20, memory_swappiness=10, oom_kill_disable=True, cgroupns_mode="private"),
        facts(engine=engine(cgroup_version=2, cgroup_driver="systemd")),
    ),
    "real-time": (
        container(
            cpu_realtime_period=1_000_000, cpu_realtime_runtime=5000, ulimits=[Ulimit(name="rtprio", soft=9, hard=9)]
        ),
        facts(engine=engine(cpu_realtime=True)),
    ),
    "apparmor": (container(), APPARMOR),
    "selinux": (container(security_opt=["label=type:svirt_t", "label=level:s0:c7,c9"]), SELINUX),
    "selinux-privileged": (container(privileged=True, security_opt=["label=disable"]), SELINUX),
}


def plain_json(rec: Record, given: Facts) -> Any:
    """The spec as the runtime reads it, without the seccomp rules, which have tests of their own."""
    spec = json.loads(msgspec.json.encode(build_spec(rec, given)))
    if "seccomp" in spec["linux"]:
        spec["linux"]["seccomp"] = f"{spec['linux']['seccomp']['defaultAction']} and rules"
    return spec


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str) -> None:
    got = plain_json(*CASES[case])
    path = GOLDENS / f"{case}.json"
    if os.environ.get("GOLDENS") == "write":
        path.write_text(json.dumps(got, indent=1) + "\n")
    assert got == json.loads(path.read_text())


def test_every_golden_has_a_case() -> None:
    assert {path.stem for path in GOLDENS.glob("*.json")} == set(CASES)


def test_building_twice_gives_the_same() -> None:
    for rec, given in CASES.values():
        assert build_spec(rec, given) == build_spec(rec, given)


def test_explicit_paths_hold_for_a_privileged_container_too() -> None:
    spec = build_spec(container(privileged=True, masked_paths=["/proc/kcore"]), facts())
    assert spec["linux"]["maskedPaths"] == ["/proc/kcore"]
    assert "readonlyPaths" not in spec["linux"]


def test_empty_paths_mean_none() -> None:
    spec = build_spec(container(masked_paths=[], readonly_paths=[]), facts())
    assert "maskedPaths" not in spec["linux"]
    assert "readonlyPaths" not in spec["linux"]


def test_weak_37_masked_paths_are_those_of_the_engine_that_starts() -> None:
    older, newer = facts(), facts(engine=engine(thermal_paths=("/sys/devices/system/cpu/cpu0/thermal_throttle",)))
    shown = [build_spec(container(), each)["linux"]["maskedPaths"] for each in (older, newer)]
    assert set(shown[1]) - set(shown[0]) == {"/sys/devices/system/cpu/cpu0/thermal_throttle"}
    assert build_spec(container(masked_paths=["/mine"]), newer)["linux"]["maskedPaths"] == ["/mine"]


def test_thermal_paths_are_masked() -> None:
    path = "/sys/devices/system/cpu/cpu0/thermal_throttle"
    assert path in build_spec(container(), facts(engine=engine(thermal_paths=(path,))))["linux"]["maskedPaths"]


def test_an_init_that_is_nowhere_is_an_error() -> None:
    with pytest.raises(System, match="--init"):
        build_spec(container(init=True), facts(engine=engine(init_path="")))


def test_the_default_init_is_the_daemons_and_the_containers_word_wins() -> None:
    daemon = facts(engine=engine(default_init=True))
    assert build_spec(container(), daemon)["process"]["args"][0] == "/sbin/docker-init"
    assert build_spec(container(init=False), daemon)["process"]["args"] == ["sleep", "60"]
    assert build_spec(container(pid_mode="host"), daemon)["process"]["args"] == ["sleep", "60"]


def test_joined_namespaces_have_a_path() -> None:
    rec = container(pid_mode="container:x", ipc_mode="container:x", network_mode="container:x")
    spec = build_spec(rec, facts(joined={"pid": "/p/pid", "ipc": "/p/ipc"}))
    paths = {namespace["type"]: namespace.get("path") for namespace in spec["linux"]["namespaces"]}
    assert paths["pid"] == "/p/pid"
    assert paths["ipc"] == "/p/ipc"
    assert "sysctl" not in spec["linux"]


def test_a_namespace_that_cannot_be_found_is_an_error() -> None:
    with pytest.raises(System, match="failed to join PID namespace"):
        build_spec(container(pid_mode="container:x"), facts())


def test_time_namespace_only_where_it_exists() -> None:
    kinds = [
        n["type"] for n in build_spec(container(), facts(engine=engine(time_namespaces=True)))["linux"]["namespaces"]
    ]
    assert kinds == ["mount", "network", "time", "uts", "pid", "ipc"]


def test_shareable_shm_replaces_the_tmpfs() -> None:
    spec = build_spec(container(ipc_mode="shareable"), facts(shm=f"{FILES}/mounts/shm"))
    shm = [mount for mount in spec["mounts"] if mount["destination"] == "/dev/shm"]
    options = ["rbind", "nosuid", "noexec", "nodev", "rprivate"]
    assert shm == [{"destination": "/dev/shm", "type": "bind", "source": f"{FILES}/mounts/shm", "options": options}]


def test_annotations_and_domain_name() -> None:
    spec = build_spec(container({"domainname": "fleet.example"}, annotations={"a": "b"}), facts())
    assert spec["annotations"] == {"a": "b"}
    assert spec["linux"]["sysctl"]["kernel.domainname"] == "fleet.example"


def test_weak_36_no_joiner_has_a_user_namespace() -> None:
    """So none of several donors can bring one that another does not have."""
    modes = {f"{kind}_mode": "container:d" for kind in ("network", "ipc", "pid")}
    paths = {kind: f"/run/wherry/joined/x/{kind}" for kind in ("ipc", "pid")}
    spec = build_spec(container(**modes), facts(joined=paths))
    assert "user" not in {namespace["type"] for namespace in spec["linux"]["namespaces"]}
    assert {"type": "pid", "path": paths["pid"]} in spec["linux"]["namespaces"]


@pytest.mark.parametrize(
    ("options", "privileged", "profile"),
    [
        (None, False, "docker-default"),
        (["apparmor="], False, "docker-default"),
        (["apparmor=mine"], False, "mine"),
        (["apparmor:unconfined"], False, "unconfined"),
        (None, True, "unconfined"),
        (["apparmor=mine"], True, "mine"),
    ],
)
def test_the_apparmor_profile(options: list[str] | None, privileged: bool, profile: str) -> None:
    """And an exec runs under what its container runs under, a privileged exec too."""
    rec = container(privileged=privileged, security_opt=options)
    process = build_spec(rec, APPARMOR)["process"]
    assert process["apparmorProfile"] == profile
    request = ExecRequest(cmd=["true"], privileged=True)
    assert build_exec_process(process, request, UserIds(), ())["apparmorProfile"] == profile
    assert "apparmorProfile" not in build_spec(rec, facts())["process"]


def test_labels_of_an_exec_are_those_of_its_container_and_none_without_selinux() -> None:
    rec = container(security_opt=["label=type:svirt_t"])
    process = build_spec(rec, SELINUX)["process"]
    assert build_exec_process(process, ExecRequest(cmd=["true"]), UserIds(), ())["selinuxLabel"] == (
        "system_u:system_r:svirt_t:s0:c1,c2"
    )
    spec = build_spec(container(security_opt=["label=nonsense"]), facts())  # dockerd does not read them then
    assert "selinuxLabel" not in spec["process"]
    assert "mountLabel" not in spec["linux"]
