"""What a container asks of the host's hardware: how a start says that it is not there."""

from typing import Any

from tests.parity.calls_create import SHOW
from tests.parity.cases import Case, case, create, start


def fails(name: str, **config: Any) -> Case:
    """Return a start whose answer is compared, and what inspect shows then."""
    return case(f"hardware {name}", start(), SHOW, setup=[create(HostConfig=config)])


def device(path: str, inside: str = "/dev/x", access: str = "rwm") -> dict[str, Any]:
    return {"Devices": [{"PathOnHost": path, "PathInContainer": inside, "CgroupPermissions": access}]}


def request(**fields: Any) -> dict[str, Any]:
    return {"DeviceRequests": [fields]}


CASES = (
    fails("absent device", **device("/dev/absent")),
    fails("file as device", **device("/etc/passwd")),
    fails("no path", **device("")),
    fails("directory without devices", **device("/etc")),
    fails("absent device of a privileged container", Privileged=True, **device("/dev/absent")),
    fails("same device of a privileged container", Privileged=True, **device("/dev/absent", "/dev/absent")),
    fails("no permissions", **device("/dev/null", access="")),
    fails("bad rule", DeviceCgroupRules=["x 1:1 r"]),
    fails("bad rule of a privileged container", Privileged=True, DeviceCgroupRules=["x 1:1 r"]),
    fails("absent disk", BlkioDeviceReadBps=[{"Path": "/dev/absent", "Rate": 1}]),
    fails("no disk", BlkioDeviceWriteIOps=[{"Path": "/dev/null", "Rate": 1}]),
    fails("gpu", **request(Count=-1, Capabilities=[["gpu"]])),
    fails("other driver", **request(Driver="other", DeviceIDs=["a"], Capabilities=[["gpu", "x"], ["b"]])),
    fails("empty request", **request()),
    fails("count of cdi", **request(Driver="cdi", Count=1)),
    fails("options of cdi", **request(Driver="cdi", Options={"a": "b"})),
    fails("nothing of cdi", **request(Driver="cdi")),
    fails("absent cdi", **request(Driver="cdi", DeviceIDs=["a", "vendor.com/net=eth0"])),
    fails("real time without any to give", CpuRealtimePeriod=1_000_000, CpuRealtimeRuntime=5000),
    *(
        case(f"security {text}", start(), SHOW, setup=[create(HostConfig={"SecurityOpt": [text]})])
        for text in ("apparmor=absent", "apparmor=", "label=type:svirt_t", "label=nonsense", "label=disable")
    ),
    case("security of a privileged one", start(), SHOW, setup=[create(HostConfig={"Privileged": True})]),
    case("hardware no network", start(), SHOW, setup=[create(NetworkDisabled=True)]),
)
