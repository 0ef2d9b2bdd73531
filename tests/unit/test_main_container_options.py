"""The daemon's options on containers: words of dockerd 28 for wrong ones, and what the right ones mean."""

import json
from pathlib import Path
from typing import Any

import pytest

from wherry.base.errors import InvalidParameter
from wherry.containers.defaults import Defaults, Kernel, fill_host_config
from wherry.containers.validate import validate
from wherry.main.config import Config, load
from wherry.main.container_options import cgroup_driver, check_parent, check_realtime, check_selinux, read_profile
from wherry.main.flags import parse_flags
from wherry.model.container import HostConfig, Ulimit

SLICE = 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"'


def flags(*arguments: str) -> Config:
    return load(parse_flags(["--config-file", "/dev/null", *arguments]))


def in_file(tmp_path: Path, **content: Any) -> Config:
    path = tmp_path / "daemon.json"
    path.write_text(json.dumps({key.replace("_", "-"): value for key, value in content.items()}))
    return load(parse_flags(["--config-file", str(path)]))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--default-ulimit", "nofile"], "invalid ulimit argument: nofile"),
        (["--default-ulimit", "nosuch=1"], "invalid ulimit type: nosuch"),
        (["--default-ulimit", "nofile=a"], 'strconv.ParseInt: parsing "a": invalid syntax'),
        (
            ["--default-ulimit", "nofile=10:5"],
            "ulimit soft limit must be less than or equal to hard limit: 10 > 5",
        ),
        (
            ["--default-ulimit", "nofile=1:2:3"],
            "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`",
        ),
        (["--default-shm-size", "-5"], "invalid size: '-5'"),
    ],
)
def test_a_flag_that_cannot_be_read(arguments: list[str], text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        flags(*arguments)
    assert str(caught.value) == f'invalid argument "{arguments[1]}" for "{arguments[0]}" flag: {text}'


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ["--default-ipc-mode", "host"],
            'IPC mode "host" is not supported as default value; use "shareable" or "private"',
        ),
        (["--default-cgroupns-mode", "x"], 'invalid default cgroup namespace (x): use "host" or "private"'),
        (["--exec-opt", "foo"], "invalid exec-opt (foo): must be formatted 'opt=value'"),
        (["--exec-opt", "a.b=c"], "invalid exec-opt (a.b=c): unknown option: 'a.b'"),
        (
            ["--exec-opt", "isolation=x"],
            "invalid exec-opt (isolation=x): option 'isolation' is only supported on windows",
        ),
        (
            ["--exec-opt", "native.cgroupdriver=none"],
            "native.cgroupdriver option none is internally used and cannot be specified manually",
        ),
        (["--exec-opt", "native.cgroupdriver=x"], "native.cgroupdriver option x not supported"),
        (
            ["--seccomp-profile", "/nosuch"],
            "opening seccomp profile (/nosuch) failed: open /nosuch: no such file or directory",
        ),
    ],
)
def test_a_value_that_cannot_be(arguments: list[str], text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        flags(*arguments)
    assert text in str(caught.value)


def test_flags_and_file_say_the_same(tmp_path: Path) -> None:
    limit = Ulimit(name="nofile", soft=10, hard=20)
    by_flag = flags("--default-ulimit", "nofile=10:20", "--default-shm-size", "8m", "--no-new-privileges")
    by_file = in_file(
        tmp_path,
        default_ulimits={"nofile": {"Name": "nofile", "Soft": 10, "Hard": 20}},
        default_shm_size="8m",
        no_new_privileges=True,
    )
    assert by_flag == by_file
    assert (dict(by_flag.default_ulimits), by_flag.default_shm_size) == ({"nofile": limit}, 8 << 20)


@pytest.mark.parametrize("value", [{"nofile": 1}, {"nofile": {"Soft": "1"}}, {"a": {"Name": "b"}}, {"a": {"X": 1}}])
def test_limits_of_the_file_are_checked(tmp_path: Path, value: Any) -> None:
    with pytest.raises(InvalidParameter, match="default-ulimits"):
        in_file(tmp_path, default_ulimits=value)


@pytest.mark.parametrize(
    ("options", "version", "systemd", "driver"),
    [
        ((), 1, True, "cgroupfs"),
        ((), 2, True, "systemd"),
        ((), 2, False, "cgroupfs"),
        (("native.cgroupdriver=systemd", "native.cgroupdriver=cgroupfs"), 2, True, "cgroupfs"),
        (("native.cgroupdriver=systemd",), 1, False, "systemd"),
    ],
)
def test_who_makes_the_cgroups(options: tuple[str, ...], version: int, systemd: bool, driver: str) -> None:
    assert cgroup_driver(options, version, systemd) == driver


@pytest.mark.parametrize("parent", ["x", ".slice", "a.scope"])
def test_systemd_wants_a_slice_of_daemon_and_container(parent: str) -> None:
    check_parent("cgroupfs", parent)
    with pytest.raises(InvalidParameter) as caught:
        check_parent("systemd", parent)
    assert str(caught.value) == SLICE
    with pytest.raises(InvalidParameter, match="should be a valid slice"):
        validate(HostConfig(cgroup_parent=parent), None, Defaults(cgroup_driver="systemd"))


@pytest.mark.parametrize("parent", ["", "a.slice"])
def test_systemd_takes_a_slice(parent: str) -> None:
    check_parent("systemd", parent)


def test_a_profile_is_read_when_it_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{}")
    words = ("", "builtin", "unconfined", str(tmp_path / "p.json"))
    assert [read_profile(word) for word in words] == ["", "", "unconfined", "{}"]


@pytest.mark.parametrize(
    ("wanted", "version", "group", "mode"),
    [
        (HostConfig(), (1, 51), 1, "private"),
        (HostConfig(), (1, 40), 1, "host"),
        (HostConfig(), (1, 40), 2, "private"),
        (HostConfig(privileged=True), (1, 51), 1, "host"),
        (HostConfig(privileged=True), (1, 51), 2, "private"),
        (HostConfig(cgroupns_mode="host"), (1, 51), 2, "host"),
    ],
)
def test_the_default_of_cgroup_namespaces(wanted: HostConfig, version: tuple[int, int], group: int, mode: str) -> None:
    defaults = Defaults(kernel=Kernel(cgroup_version=group), cgroupns_mode="private")
    assert fill_host_config(wanted, defaults, version).cgroupns_mode == mode


def test_selinux_is_refused_by_name_where_it_is_and_said_to_be_missing_where_it_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert flags("--selinux-enabled").selinux_enabled
    check_selinux(enabled=False, there=True)
    assert not caplog.messages
    check_selinux(enabled=True, there=False)
    assert caplog.messages == ["Docker could not enable SELinux on the host system"]
    with pytest.raises(InvalidParameter, match="^--selinux-enabled: labels on root filesystems and volumes are not"):
        check_selinux(enabled=True, there=True)


def test_real_time_of_the_parents(tmp_path: Path) -> None:
    config = flags("--cpu-rt-period", "1000000", "--cpu-rt-runtime", "200000")
    assert (config.cpu_rt_period, config.cpu_rt_runtime) == (1_000_000, 200_000)
    assert in_file(tmp_path, cpu_rt_runtime=7).cpu_rt_runtime == 7
    check_realtime(1, True)
    for version, there, why in ((2, False, "implemented for cgroup v2"), (1, False, "supported by the kernel")):
        with pytest.raises(InvalidParameter) as caught:
            check_realtime(version, there)
        assert str(caught.value) == f"daemon-scoped cpu-rt-period and cpu-rt-runtime are not {why}"
