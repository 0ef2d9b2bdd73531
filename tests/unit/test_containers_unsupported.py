"""What is not honoured yet is refused by name: generated from the table."""

import msgspec
import pytest

from wherry.base.errors import Unimplemented
from wherry.containers.create import check_request
from wherry.containers.defaults import Defaults
from wherry.containers.unsupported import LACKS, LOG_DRIVERS, Lack, refuse_unsupported
from wherry.model.container import CreateRequest, HostConfig, LogConfig, Mount, PortBinding, RestartPolicy

VERSION = (1, 51)
ROWS = pytest.mark.parametrize("lack", LACKS, ids=lambda lack: f"{lack.field} {lack.flag}")


@ROWS
def test_a_row_refuses_its_sample_by_name(lack: Lack) -> None:
    with pytest.raises(Unimplemented) as raised:
        refuse_unsupported(lack.sample)
    assert str(raised.value) == f"{lack.field} ({lack.flag}) is not supported by this engine yet"


@ROWS
def test_create_reaches_every_row(lack: Lack) -> None:
    request = msgspec.structs.replace(lack.sample, image="busybox")
    with pytest.raises(Unimplemented, match="is not supported by this engine yet"):
        check_request(request, VERSION, Defaults(), lambda _: None)


@ROWS
def test_no_row_refuses_an_ordinary_request(lack: Lack) -> None:
    assert not lack.uses(CreateRequest(image="busybox", cmd=["sh"]))


def test_no_two_rows_have_one_name() -> None:
    names = [(lack.field, lack.flag) for lack in LACKS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "host",
    [
        HostConfig(restart_policy=RestartPolicy(name="no")),
        HostConfig(port_bindings={"80/tcp": [PortBinding(host_ip="127.0.0.1")], "80/udp": []}, publish_all_ports=True),
        HostConfig(port_bindings={"80/tcp": [PortBinding(host_ip="::1")]}, network_mode="host"),
        HostConfig(port_bindings={"80/sctp": []}, network_mode="none"),
        HostConfig(links=[], volumes_from=[], devices=[], device_requests=[], blkio_weight_device=[], storage_opt={}),
        HostConfig(binds=["/data:/data", "/a:/b:ro"]),
        HostConfig(binds=["/anonymous"], mounts=[Mount(type="volume", target="/a"), Mount(type="tmpfs", target="/b")]),
        HostConfig(log_config=LogConfig(type="none")),
        HostConfig(userns_mode="host", pid_mode="host", ipc_mode="host", uts_mode="host", cgroupns_mode="host"),
        HostConfig(security_opt=["label=type:svirt_t", "apparmor=strict", "seccomp=unconfined", "no-new-privileges"]),
        HostConfig(sysctls={"net.ipv4.ip_forward": "1", "kernel.shmmax": "1"}),
        *(HostConfig(network_mode=mode) for mode in ("", "default", "bridge", "host", "none")),
    ],
)
def test_what_is_honoured_passes(host: HostConfig) -> None:
    refuse_unsupported(CreateRequest(host_config=host))


@pytest.mark.parametrize("driver", sorted(LOG_DRIVERS))
def test_every_absent_log_driver_is_named(driver: str) -> None:
    with pytest.raises(Unimplemented, match="LogConfig.Type"):
        refuse_unsupported(CreateRequest(host_config=HostConfig(log_config=LogConfig(type=driver))))
