from typing import Any

import pytest

from tests.unit.spec_facts import engine, facts
from wherry.base.errors import InvalidParameter
from wherry.model.container import HostConfig, ThrottleDevice, WeightDevice
from wherry.spec.cgroups import build_limits, cgroups_path
from wherry.spec.devices import DEFAULT_RULES, build_devices, build_rules, parse_rule
from wherry.spec.facts import Device, UserIds

DISKS = {"/dev/vda": (254, 0)}
FUSE = Device(path="/dev/fuse", kind="c", major=10, minor=229, mode=0o600, access="r")


def group(name: str, version: int = 1, realtime: bool = False, **wanted: Any) -> Any:
    known = engine(cgroup_version=version, cpu_realtime=realtime)
    return build_limits(HostConfig(**wanted), DISKS, known).get(name)


@pytest.mark.parametrize(
    ("wanted", "cpu"),
    [
        ({"nano_cpus": 10_000_000}, {"quota": 1000, "period": 100_000}),
        ({"cpu_quota": 25_000}, {"quota": 25_000}),
        ({"cpu_period": 50_000, "cpu_quota": -1}, {"quota": -1, "period": 50_000}),
        ({"cpu_shares": 512, "cpuset_cpus": "0", "cpuset_mems": "0"}, {"shares": 512, "cpus": "0", "mems": "0"}),
        ({"cpu_realtime_runtime": 5}, None),
        ({}, None),
    ],
)
def test_cpu(wanted: dict[str, Any], cpu: Any) -> None:
    assert group("cpu", **wanted) == cpu


def test_realtime_where_the_kernel_has_it() -> None:
    assert group("cpu", realtime=True, cpu_realtime_runtime=5) == {"realtimeRuntime": 5}


@pytest.mark.parametrize(
    ("wanted", "memory"),
    [
        ({"memory": 8, "memory_swap": -1}, {"limit": 8}),
        ({"memory": 8, "memory_swap": 16, "memory_reservation": 4}, {"limit": 8, "reservation": 4, "swap": 16}),
        ({"memory_swappiness": 0}, {"swappiness": 0}),
        ({"memory_swappiness": -1}, None),
        ({"oom_kill_disable": False}, {"disableOOMKiller": False}),
        ({}, None),
    ],
)
def test_memory(wanted: dict[str, Any], memory: Any) -> None:
    assert group("memory", **wanted) == memory


def test_version_two_has_no_swappiness_and_no_oom_switch() -> None:
    assert group("memory", version=2, memory_swappiness=1, oom_kill_disable=True) is None


@pytest.mark.parametrize(("limit", "pids"), [(None, None), (0, {"limit": -1}), (-1, {"limit": -1}), (7, {"limit": 7})])
def test_pids(limit: int | None, pids: Any) -> None:
    assert group("pids", pids_limit=limit) == pids


def test_block_weight() -> None:
    assert group("blockIO", blkio_weight=500) == {"weight": 500}


def test_limits_of_disks() -> None:
    rate = [ThrottleDevice(path="/dev/vda", rate=7)]
    limits = group(
        "blockIO",
        blkio_weight_device=[WeightDevice(path="/dev/vda", weight=20)],
        blkio_device_read_bps=rate,
        blkio_device_write_bps=rate,
        blkio_device_read_iops=rate,
        blkio_device_write_iops=rate,
    )
    names = ("ReadBpsDevice", "WriteBpsDevice", "ReadIOPSDevice", "WriteIOPSDevice")
    assert limits == {
        "weightDevice": [{"major": 254, "minor": 0, "weight": 20}],
        **{f"throttle{name}": [{"major": 254, "minor": 0, "rate": 7}] for name in names},
    }


@pytest.mark.parametrize(
    ("parent", "daemon", "driver", "path"),
    [
        ("", "", "cgroupfs", "/docker/x"),
        ("", "/d", "cgroupfs", "/d/x"),
        ("/a/../b", "/d", "cgroupfs", "/b/x"),
        ("relative", "", "cgroupfs", "relative/x"),
        ("", "", "systemd", "system.slice:docker:x"),
        ("my.slice", "", "systemd", "my.slice:docker:x"),
    ],
)
def test_path(parent: str, daemon: str, driver: str, path: str) -> None:
    known = engine(cgroup_parent=daemon, cgroup_driver=driver)
    assert cgroups_path("x", HostConfig(cgroup_parent=parent), known) == path


def test_weak_35_device_rules_begin_with_one_denial_and_privileged_ends_with_a_grant() -> None:
    rules = build_rules(HostConfig(), facts())
    assert rules[0] == {"allow": False, "access": "rwm"}
    assert rules.count(rules[0]) == 1
    everything = [*DEFAULT_RULES, {"allow": True, "access": "rwm"}]
    known = facts(devices=(FUSE,))
    assert build_rules(HostConfig(privileged=True, device_cgroup_rules=["bad"]), known) == everything


def test_device_rules_follow_what_was_asked_for_and_cdi_comes_last() -> None:
    null = Device(path="/dev/null0", kind="c", major=1, minor=3, mode=None)
    pipe = Device(path="/pipe", kind="p", major=0, minor=0, mode=None)
    known = facts(devices=(FUSE,), cdi_devices=(null, pipe))
    rules = build_rules(HostConfig(device_cgroup_rules=["b 7:* rw"]), known)
    assert rules[: len(DEFAULT_RULES)] == list(DEFAULT_RULES)
    assert [
        (rule["type"], rule.get("major"), rule.get("minor"), rule["access"]) for rule in rules[len(DEFAULT_RULES) :]
    ] == [
        ("c", 10, 229, "r"),
        ("b", 7, None, "rw"),
        ("c", 1, 3, "rwm"),
    ]


def test_a_device_of_cdi_replaces_one_on_its_path_and_belongs_to_the_user() -> None:
    own = Device(path="/dev/fuse", kind="c", major=1, minor=3, mode=None, uid=None, gid=None)
    known = facts(devices=(FUSE,), cdi_devices=(own,), user=UserIds(33, 34))
    assert build_devices(known) == [{"path": "/dev/fuse", "type": "c", "major": 1, "minor": 3, "uid": 33, "gid": 34}]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("a *:* rwm", ("a", None, None, "rwm")), ("c 1:3 mr", ("c", 1, 3, "mr")), ("b *:3 r", ("b", None, 3, "r"))],
)
def test_device_rule(text: str, numbers: tuple[str, int | None, int | None, str]) -> None:
    rule = parse_rule(text)
    assert rule["allow"]
    assert (rule["type"], rule.get("major"), rule.get("minor"), rule["access"]) == numbers


@pytest.mark.parametrize("text", ["x 1:2 r", "c 1:* rwmm", "c 1:2", "c 1:2 r\n", "c 12345678901:1 r", ""])
def test_device_rule_refused(text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_rule(text)
    assert str(caught.value) == f"invalid device cgroup rule format: '{text}'"
