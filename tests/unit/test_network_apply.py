from dataclasses import replace

from tests.unit.network_fakes import BRIDGE, Kernel, link
from wherry.network.apply import make_bridge, sweep_links


def test_a_bridge_of_ours_keeps_no_other_address() -> None:
    kernel = Kernel([link("docker0")], [(5, "172.18.0.1/16"), (5, "172.17.0.1/16"), (6, "10.0.0.1/8")])
    make_bridge(replace(BRIDGE, owned=True), kernel)
    assert kernel.steps == [
        "create bridge docker0",
        "set link docker0",
        "delete address 172.18.0.1/16",
        "add address 172.17.0.1/16",
    ]


def test_a_bridge_of_the_user_keeps_all() -> None:
    kernel = Kernel([link("docker0")], [(5, "172.18.0.1/16")])
    make_bridge(replace(BRIDGE, owned=False), kernel)
    assert kernel.steps == ["add address 172.17.0.1/16"]


def test_only_stale_links_of_ours_are_swept() -> None:
    kernel = Kernel(
        [
            link("veth1", "veth", "wherry:e1"),
            link("veth2", "veth", "wherry:e1"),
            link("veth3", "veth", "wherry:e2"),
            link("veth4", "veth"),
            link("docker0", "bridge", "wherry:e1"),
        ]
    )
    sweep_links("wherry:e1", {"veth2"}, kernel)
    assert kernel.steps == ["set the group of link veth1", "delete links"]
    sweep_links("wherry:e3", set(), kernel)
    assert len(kernel.steps) == 2
