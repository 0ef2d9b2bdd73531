import msgspec
import pytest

from tests.unit.records import record
from wherry.base.errors import InvalidParameter
from wherry.containers.prepare import prepare
from wherry.containers.steps.task import image_name
from wherry.model.container import ContainerConfig, HostConfig
from wherry.runtimes.configured import Configured
from wherry.runtimes.registry import Host, Runtimes
from wherry.runtimes.scripts import Scripts
from wherry.state.record import Record

RUNTIMES = Runtimes(Host(), Scripts("/no/scripts"))


def prepared(rec: Record, by_hand: bool = True, apparmor: bool = True) -> Record:
    return prepare(rec, by_hand, apparmor, RUNTIMES)[0]


def of_host(**fields: object) -> Record:
    return msgspec.structs.replace(record(), host_config=HostConfig(**fields))  # type: ignore[arg-type]


def test_a_start_by_hand_begins_anew() -> None:
    rec = record(restart_count=3, manually_stopped=True)
    assert (prepared(rec).restart_count, prepared(rec).manually_stopped) == (0, False)
    after = prepared(rec, by_hand=False)
    assert (after.restart_count, after.manually_stopped) == (3, True)


def test_the_apparmor_profile() -> None:
    assert prepared(of_host()).apparmor_profile == "docker-default"
    assert prepared(of_host(security_opt=["apparmor=mine"])).apparmor_profile == "mine"
    assert prepared(of_host(privileged=True)).apparmor_profile == "unconfined"
    assert prepared(of_host(privileged=True, security_opt=["apparmor=mine"])).apparmor_profile == "unconfined"
    before = msgspec.structs.replace(of_host(), apparmor_profile="of the last start")
    assert prepared(before, apparmor=False).apparmor_profile == ""
    with pytest.raises(InvalidParameter, match="invalid --security-opt"):
        prepared(of_host(security_opt=["apparmor"]))


def test_the_runtime() -> None:
    rec, runtime = prepare(of_host(runtime=""), True, False, RUNTIMES)
    assert (rec.host_config.runtime, runtime.name) == ("runc", "runc")
    others = Runtimes(Host(), Scripts("/no/scripts"))
    others.configure({"mine": Configured(path="/opt/mine")}, "mine")
    rec, runtime = prepare(of_host(runtime=""), True, False, others)
    assert (rec.host_config.runtime, runtime.name) == ("mine", "mine")
    assert prepare(of_host(runtime="runc"), True, False, others)[1].name == "runc"
    with pytest.raises(InvalidParameter, match="^unknown or invalid runtime name: mine$"):
        prepare(of_host(runtime="mine"), True, False, RUNTIMES)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("r.example:5000/a/b:1", "r.example:5000/a/b:1"),
        ("busybox@sha256:" + "a" * 64, "docker.io/library/busybox@sha256:" + "a" * 64),
        ("sha256:" + "a" * 64, ""),
        ("a" * 64, ""),
        ("a" * 12, ""),
        ("Not A Reference", ""),
        ("", ""),
    ],
)
def test_the_name_of_the_image(asked: str, name: str) -> None:
    rec = msgspec.structs.replace(record(), config=ContainerConfig(image=asked), image_id="sha256:" + "a" * 64)
    assert image_name(rec) == name
