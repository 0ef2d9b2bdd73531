"""Devices, disks and device requests are looked up with Docker's words for what is not there."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.unit.spec_facts import container
from wherry.base.errors import System
from wherry.containers.hardware import find_hardware, wants_hardware
from wherry.host.devices import NotADevice, find_devices
from wherry.model.container import DeviceMapping, DeviceRequest, HostConfig, ThrottleDevice, WeightDevice

NULL = DeviceMapping(path_on_host="/dev/null", path_in_container="/dev/nothing", cgroup_permissions="r")


def found(**wanted: Any) -> Any:
    return find_hardware(container(**wanted), ())


def failure(**wanted: Any) -> str:
    with pytest.raises(System) as caught:
        found(**wanted)
    return str(caught.value)


def mapping(path: str) -> list[DeviceMapping]:
    return [DeviceMapping(path_on_host=path, path_in_container="/dev/x", cgroup_permissions="rwm")]


def test_a_device_keeps_its_number_and_takes_the_path_inside() -> None:
    (device,) = found(devices=[NULL]).devices
    assert (device.path, device.kind, device.major, device.minor) == ("/dev/nothing", "c", 1, 3)
    assert (device.mode, device.access) == (0o666, "r")


def test_a_link_means_what_it_points_at(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    (device,) = found(devices=mapping(str(tmp_path / "link"))).devices
    assert (device.path, device.major, device.minor) == ("/dev/x", 1, 3)


def test_a_directory_gives_its_nodes_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "plain").touch()
    (tmp_path / "link").symlink_to("/dev/null")
    os.mkfifo(tmp_path / "deep" / "pipe")
    assert [(node.path, node.kind) for node in find_devices(str(tmp_path), "/dev/d")] == [("/dev/d/deep/pipe", "p")]


def test_a_directory_without_nodes_is_no_device(tmp_path: Path) -> None:
    with pytest.raises(NotADevice):
        find_devices(str(tmp_path), "/dev/d")


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/nosuch", "no such file or directory"), ("/etc/passwd", "not a device node"), ("", "no such file or directory")],
)
def test_what_is_no_device_is_told_as_docker_does(path: str, reason: str) -> None:
    text = f'error gathering device information while adding custom device "{path}": {reason}'
    assert failure(devices=mapping(path)) == text


def test_privileged_has_all_devices_and_those_mapped_elsewhere() -> None:
    same = DeviceMapping(path_on_host="/nosuch", path_in_container="/nosuch", cgroup_permissions="r")
    devices = {device.path: device for device in found(privileged=True, devices=[NULL, same]).devices}
    assert {"/dev/null", "/dev/zero", "/dev/nothing"} <= devices.keys()
    assert devices["/dev/nothing"].access == "rwm"


@pytest.mark.parametrize(
    "name",
    ["blkio_weight_device", *(f"blkio_device_{way}_{unit}" for way in ("read", "write") for unit in ("bps", "iops"))],
)
def test_a_disk_is_named_by_its_number(name: str) -> None:
    entry = WeightDevice if name == "blkio_weight_device" else ThrottleDevice
    assert found(**{name: [entry(path="/dev/null")]}).disks == {"/dev/null": (1, 3)}
    assert failure(**{name: [entry(path="/nosuch")]}) == "stat /nosuch: no such file or directory"


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (
            DeviceRequest(count=-1, capabilities=[["gpu"]]),
            'could not select device driver "" with capabilities: [[gpu]]',
        ),
        (
            DeviceRequest(driver="nvidia", capabilities=[["gpu", "x"], ["b"]]),
            'could not select device driver "nvidia" with capabilities: [[gpu x] [b]]',
        ),
        (DeviceRequest(), 'could not select device driver "" with capabilities: []'),
        (DeviceRequest(driver="cdi", count=1), "unexpected count in CDI device request"),
        (DeviceRequest(driver="cdi", options={"a": "b"}), "unexpected options in CDI device request"),
        (
            DeviceRequest(driver="cdi", device_ids=["a", "v.com/c=d"]),
            "CDI device injection failed: unresolvable CDI devices a, v.com/c=d",
        ),
    ],
)
def test_a_device_request_that_nobody_answers(request_: DeviceRequest, text: str) -> None:
    assert failure(device_requests=[request_]) == text


def test_a_cdi_request_for_nothing_changes_nothing() -> None:
    assert found(device_requests=[DeviceRequest(driver="cdi")]) == found()


def test_an_ordinary_container_looks_at_nothing() -> None:
    assert not wants_hardware(HostConfig(devices=[], blkio_weight=10))
    assert wants_hardware(HostConfig(devices=[NULL]))
