import pytest

from tests.unit.network_fakes import Kernel, endpoint, link
from wherry.base.errors import EngineError, Forbidden, InvalidParameter, System
from wherry.host.rtmessages import Link
from wherry.network.default_bridge import choose_address, drop_docker0

MARK = "wherry:e1"
OURS = link("docker0", alias=MARK)


def choose(kernel: Kernel, name: str = "docker0", bip: str = "", *gateways: str) -> str:
    live = [endpoint(gateway=text.split("/")[0], prefix=int(text.split("/")[1])) for text in gateways]
    return str(choose_address(name, bip, MARK, live, kernel))


def test_a_new_bridge_gets_what_is_free() -> None:
    on_link = [("172.17.0.0/16", True), ("0.0.0.0/0", False), ("172.18.0.0/16", False)]
    assert choose(Kernel(routes=on_link, addresses=[(7, "172.18.0.9/24")])) == "172.19.0.1/16"


def test_it_gets_what_it_was_told() -> None:
    assert choose(Kernel([OURS], [(5, "172.17.0.1/16")]), "docker0", "10.9.0.1/24") == "10.9.0.1/24"


def test_it_keeps_what_it_has() -> None:
    assert choose(Kernel([OURS], [(5, "172.20.0.1/16"), (1, "127.0.0.1/8")])) == "172.20.0.1/16"


def test_where_containers_live_it_stays() -> None:
    assert choose(Kernel(), "docker0", "10.9.0.1/24", "172.20.0.1/16") == "172.20.0.1/16"
    elsewhere = Kernel(addresses=[(8, "172.20.0.1/16")])
    assert choose(elsewhere, "docker0", "10.9.0.1/24", "172.20.0.1/16") == "10.9.0.1/24"


def test_a_bridge_of_the_user() -> None:
    assert choose(Kernel([link("br7")], [(5, "10.1.0.9/24"), (5, "10.2.0.1/24")]), "br7") == "10.1.0.9/24"
    assert choose(Kernel([link("br7")]), "br7", "", "10.1.0.9/24") == "172.17.0.1/16"


@pytest.mark.parametrize(
    ("found", "name", "kind", "text"),
    [
        (None, "br7", Forbidden, "bridge device with non default name br7 must be created manually"),
        (link("docker0"), "docker0", System, "bridge docker0 exists and it was not made by this engine: start with"),
        (link("docker0", alias="mine"), "docker0", System, "bridge docker0 exists and it belongs to mine: start with"),
        (link("br7", alias="wherry:e2"), "br7", System, "bridge br7 exists and it belongs to wherry:e2: start with"),
        (link("eth0", "veth"), "eth0", System, "existing interface eth0 is not a bridge"),
        (link('b"r'), 'b"r', InvalidParameter, 'invalid bridge name b"r'),
    ],
)
def test_what_cannot_be_used(found: Link | None, name: str, kind: type[EngineError], text: str) -> None:
    with pytest.raises(kind) as caught:
        choose(Kernel([found] if found is not None else []), name)
    assert str(caught.value).startswith(text)


def test_only_our_docker0_is_deleted() -> None:
    for found, steps in ((OURS, ["delete link docker0"]), (link("docker0", alias="wherry:e2"), []), (link("x"), [])):
        kernel = Kernel([found])
        drop_docker0(MARK, kernel)
        assert kernel.steps == steps
