"""Docker's rules in Docker's words."""

import dataclasses
from typing import Any

import pytest

from wherry.base.errors import InvalidParameter, Unimplemented
from wherry.containers.defaults import Defaults, Kernel
from wherry.containers.limits import check_limits, parse_cpu_list
from wherry.containers.validate import check_combinations, validate
from wherry.model.container import (
    ContainerConfig,
    HealthConfig,
    HostConfig,
    PortBinding,
    RestartPolicy,
    ThrottleDevice,
    WeightDevice,
)

GIB = 1 << 30
FULL = Kernel(
    cgroup_version=1,
    cpus=2,
    cpuset_cpus="0-1",
    swappiness=True,
    oom_kill_disable=True,
    capabilities=frozenset({"CAP_NET_ADMIN", "CAP_CHOWN"}),
)
BARE = Kernel(
    memory=False, swap=False, pids=False, cpu_shares=False, cpu_cfs=False, cpuset=False, cgroup_namespaces=False
)


def refusal(host: HostConfig, config: ContainerConfig | None = None) -> str:
    with pytest.raises(InvalidParameter) as raised:
        validate(host, config, Defaults(kernel=FULL))
    return str(raised.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"memory": 1}, "Minimum memory limit allowed is 6MB"),
        (
            {"memory": GIB, "memory_swap": 1},
            "Minimum memoryswap limit should be larger than memory limit, see usage",
        ),
        (
            {"memory_swap": GIB},
            "You should always set the Memory limit when using Memoryswap limit, see usage",
        ),
        ({"memory_swappiness": 101}, "Invalid value: 101, valid memory swappiness range is 0-100"),
        ({"memory_swappiness": -2}, "Invalid value: -2, valid memory swappiness range is 0-100"),
        ({"memory_reservation": 1}, "Minimum memory reservation allowed is 6MB"),
        (
            {"memory": GIB, "memory_reservation": 2 * GIB},
            "Minimum memory limit can not be less than memory reservation limit, see usage",
        ),
        (
            {"nano_cpus": 10**9, "cpu_period": 1000},
            "Conflicting options: Nano CPUs and CPU Period cannot both be set",
        ),
        (
            {"nano_cpus": 10**9, "cpu_quota": 1000},
            "Conflicting options: Nano CPUs and CPU Quota cannot both be set",
        ),
        ({"nano_cpus": 10**10}, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
        ({"nano_cpus": -1}, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"),
        (
            {"cpu_period": 1},
            "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
        ),
        ({"cpu_quota": 1}, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        ({"cpuset_cpus": "0-9"}, "Requested CPUs are not available - requested 0-9, available: 0-1"),
        ({"cpuset_cpus": "abc"}, "Invalid value abc for cpuset cpus: invalid format: abc"),
        ({"cpuset_mems": "5"}, "Requested memory nodes are not available - requested 5, available: 0"),
        ({"oom_score_adj": 2000}, "Invalid value 2000, range for oom score adj is [-1000, 1000]"),
        ({"shm_size": -1}, "SHM size can not be less than 0"),
        ({"ipc_mode": "x"}, "invalid IPC mode: x"),
        ({"ipc_mode": "container:"}, "invalid IPC mode: container:"),
        ({"pid_mode": "x"}, "invalid PID mode: x"),
        ({"uts_mode": "x"}, "invalid UTS mode: x"),
        ({"cgroupns_mode": "x"}, "invalid cgroup namespace mode: x"),
        ({"cap_add": ["foo"]}, 'invalid CapAdd: unknown capability: "CAP_FOO"'),
        ({"cap_drop": ["foo", "bar"]}, 'invalid CapDrop: unknown capability: "CAP_FOO"'),
        (
            {"cap_add": ["sys_resource"]},
            "invalid CapAdd: capability not supported by your kernel or not available in the current environment: "
            '"CAP_SYS_RESOURCE"',
        ),
        ({"extra_hosts": ["foo"]}, 'bad format for add-host: "foo"'),
        ({"extra_hosts": [":1.2.3.4"]}, 'bad format for add-host: ":1.2.3.4"'),
        ({"extra_hosts": ["foo:bar"]}, 'invalid IP address in add-host: "bar"'),
        ({"extra_hosts": ["foo:fe80::1%eth0"]}, 'invalid IP address in add-host: "fe80::1%eth0"'),
        ({"port_bindings": {"x": []}}, 'invalid port specification: "x"'),
        ({"port_bindings": {"99999": []}}, 'invalid port specification: "99999"'),
        ({"port_bindings": {"80-82/tcp": []}}, 'invalid port specification: "80-82"'),
        ({"port_bindings": {"80": [PortBinding(host_port="x")]}}, 'invalid port specification: "x"'),
        ({"port_bindings": {"80": [PortBinding(host_port="9-8")]}}, 'invalid port specification: "9-8"'),
        ({"port_bindings": {"80": [PortBinding(host_port="0-8")]}}, 'invalid port specification: "0-8"'),
        ({"port_bindings": {"0/tcp": []}}, 'invalid port specification: "0/tcp"'),
        ({"port_bindings": {"80/x": []}}, 'invalid port specification: "80/x"'),
        (
            {"port_bindings": {"80": [PortBinding(host_ip="here")]}},
            'invalid JSON: ParseAddr("here"): unable to parse IP',
        ),
        (
            {"annotations": {"": "x"}},
            "invalid Annotations: the empty string is not permitted as an annotation key",
        ),
        (
            {"auto_remove": True, "restart_policy": RestartPolicy(name="always")},
            "can't create 'AutoRemove' container with restart policy",
        ),
        (
            {"restart_policy": RestartPolicy(name="foo")},
            "invalid restart policy: unknown policy 'foo'; "
            "use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
        ),
        (
            {"restart_policy": RestartPolicy(name="always", maximum_retry_count=-1)},
            "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative",
        ),
        (
            {"restart_policy": RestartPolicy(name="on-failure", maximum_retry_count=-1)},
            "invalid restart policy: maximum retry count cannot be negative",
        ),
        ({"security_opt": ["foo"]}, 'invalid --security-opt 1: "foo"'),
        ({"security_opt": ["bar=x"]}, 'invalid --security-opt 2: "bar=x"'),
    ],
)
def test_a_host_config_is_refused(fields: dict[str, Any], words: str) -> None:
    assert refusal(HostConfig(**fields)) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"working_dir": "a"}, "the working directory 'a' is invalid, it needs to be an absolute path"),
        ({"stop_signal": "foo"}, "invalid signal: foo"),
        ({"hostname": "a" * 65}, f'hostname "{"a" * 65}" is too long (maximum 64 bytes)'),
        ({"env": ["=x"]}, "invalid environment variable: =x"),
        ({"env": [""]}, "invalid environment variable: "),
        ({"cmd": ["a\0b"]}, "invalid Cmd entry 'a\\x00b': it contains a NUL character"),
        ({"exposed_ports": {"x": {}}}, "invalid JSON: invalid port 'x': invalid syntax"),
        ({"healthcheck": HealthConfig(interval=1)}, "Interval in Healthcheck cannot be less than 1ms"),
        ({"healthcheck": HealthConfig(start_period=1)}, "StartPeriod in Healthcheck cannot be less than 1ms"),
        ({"healthcheck": HealthConfig(retries=-1)}, "Retries in Healthcheck cannot be negative"),
    ],
)
def test_a_config_is_refused(fields: dict[str, Any], words: str) -> None:
    assert refusal(HostConfig(), ContainerConfig(**fields)) == words


@pytest.mark.parametrize(
    ("config", "host", "words"),
    [
        ({}, {"network_mode": "container:"}, "invalid network mode: invalid container format container:<name|id>"),
        (
            {"hostname": "h"},
            {"network_mode": "container:x"},
            "conflicting options: hostname and the network mode",
        ),
        (
            {},
            {"network_mode": "container:x", "dns": ["1.1.1.1"]},
            "conflicting options: dns and the network mode",
        ),
        (
            {"exposed_ports": {"80/tcp": {}}},
            {"network_mode": "container:x"},
            "conflicting options: port exposing and the container type network mode",
        ),
        ({"hostname": "h"}, {"uts_mode": "host"}, "conflicting options: hostname and the UTS mode"),
        ({}, {"isolation": "hyperv"}, "invalid isolation (hyperv): linux only supports 'default'"),
        (
            {},
            {"io_maximum_iops": 1},
            "invalid option: QoS maximum IOPs configuration is not supported on linux",
        ),
        ({}, {"cpu_realtime_period": 1}, "kernel does not support CPU real-time scheduler"),
        ({}, {"cpu_shares": -1}, "invalid CPU shares (-1): value must be a positive integer"),
    ],
)
def test_a_combination_is_refused(config: dict[str, Any], host: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidParameter) as raised:
        check_combinations(ContainerConfig(**config), HostConfig(**host), FULL)
    assert str(raised.value) == words


@pytest.mark.parametrize(
    ("fields", "stored", "warnings"),
    [
        (
            {"memory": GIB},
            {"memory": 0, "memory_swap": -1},
            [
                "Your kernel does not support memory limit capabilities or the cgroup is not mounted. "
                "Limitation discarded."
            ],
        ),
        (
            {"memory_swappiness": 5},
            {"memory_swappiness": None},
            [
                "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. "
                "Memory swappiness discarded."
            ],
        ),
        (
            {"oom_kill_disable": True},
            {"oom_kill_disable": None},
            ["Your kernel does not support OomKillDisable. OomKillDisable discarded."],
        ),
        ({"oom_kill_disable": False}, {"oom_kill_disable": None}, []),
        (
            {"pids_limit": 5},
            {"pids_limit": None},
            [
                "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. "
                "PIDs limit discarded."
            ],
        ),
        (
            {"cpu_quota": 1},
            {"cpu_quota": 0},
            ["Your kernel does not support CPU CFS scheduler. CPU period/quota discarded."],
        ),
        (
            {"cpuset_cpus": "0"},
            {"cpuset_cpus": ""},
            ["Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded."],
        ),
    ],
)
def test_what_the_kernel_lacks_is_discarded_with_a_warning(
    fields: dict[str, Any], stored: dict[str, Any], warnings: list[str]
) -> None:
    host, said = check_limits(HostConfig(**fields), BARE)
    assert {name: getattr(host, name) for name in stored} == stored
    assert said == warnings


def test_limits_of_block_io_that_the_kernel_lacks_are_emptied_one_by_one() -> None:
    rate = [ThrottleDevice(path="/dev/sda", rate=1)]
    wanted = {
        "blkio_weight": 5,
        "blkio_weight_device": [WeightDevice(path="/dev/sda")],
        **{f"blkio_device_{way}_{unit}": rate for unit in ("bps", "iops") for way in ("read", "write")},
    }
    host, said = check_limits(HostConfig(**wanted), BARE)
    assert {name: getattr(host, name) for name in wanted} == dict.fromkeys(wanted, []) | {"blkio_weight": 0}
    assert [text.partition("mounted. ")[2] for text in said] == [
        "Weight discarded.",
        "Weight-device discarded.",
        "Block I/O BPS read limit discarded.",
        "Block I/O BPS write limit discarded.",
        "Block I/O IOPS read limit discarded.",
        "Block I/O IOPS write limit discarded.",
    ]


@pytest.mark.parametrize("weight", [9, 1001])
def test_a_weight_has_a_range_where_the_kernel_has_weights(weight: int) -> None:
    with pytest.raises(InvalidParameter, match="Range of blkio weight is from 10 to 1000"):
        check_limits(HostConfig(blkio_weight=weight), Kernel(blkio=frozenset({"blkio_weight"})))


def test_a_quota_of_the_root_filesystem_is_refused_as_overlay2_does_it() -> None:
    assert refusal(HostConfig(storage_opt={"a": "b"})) == "unknown option a"
    with pytest.raises(Unimplemented, match="--storage-opt is supported only for overlay over xfs"):
        validate(HostConfig(storage_opt={"size": "1G"}), None, Defaults())


@pytest.mark.parametrize("limit", [-1, 0, None])
def test_no_limit_of_processes_is_stored_as_null(limit: int | None) -> None:
    assert check_limits(HostConfig(pids_limit=limit), FULL)[0].pids_limit is None


def test_a_container_without_oom_killer_and_limit_is_warned_of() -> None:
    host, said = check_limits(HostConfig(oom_kill_disable=True), FULL)
    assert host.oom_kill_disable is True
    assert said[0].startswith("OOM killer is disabled for the container, but no memory limit is set")


def test_the_network_of_the_host_is_warned_of() -> None:
    kernel = dataclasses.replace(FULL, ipv4_forwarding=False)
    bridged = validate(HostConfig(network_mode="bridge"), None, Defaults(kernel=kernel))[1]
    assert bridged == ["IPv4 forwarding is disabled. Networking will not work."]
    assert validate(HostConfig(network_mode="bridge"), None, Defaults(kernel=kernel, bridge=False))[1] == []
    shared = HostConfig(network_mode="host", port_bindings={"80/tcp": []})
    assert validate(shared, None, Defaults(kernel=kernel))[1] == [
        "Published ports are discarded when using host network mode"
    ]


def test_what_an_inspect_shows_is_valid_again() -> None:
    shown = HostConfig(
        network_mode="bridge",
        port_bindings={},
        restart_policy=RestartPolicy(name="no"),
        ipc_mode="private",
        cgroupns_mode="host",
        runtime="runc",
        isolation="",
        oom_kill_disable=False,
        masked_paths=["/proc/kcore"],
        security_opt=["label=disable"],
        cap_add=["ALL"],
        extra_hosts=["a:::1", "b:host-gateway"],
    )
    assert validate(shown, ContainerConfig(stop_signal="RTMIN+3", env=["A", "B=", "C=1"]), Defaults(kernel=FULL)) == (
        shown,
        [],
    )


@pytest.mark.parametrize(("text", "numbers"), [("", set()), ("0", {0}), ("0-2,7", {0, 1, 2, 7}), ("3,3", {3})])
def test_a_cpu_list_is_read(text: str, numbers: set[int]) -> None:
    assert parse_cpu_list(text) == numbers


@pytest.mark.parametrize("text", ["a", "1-", "-1", "3-1", "0-9999999999", "1-2-3", "8193", ","])
def test_a_bad_cpu_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_cpu_list(text)
