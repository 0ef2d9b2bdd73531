"""The networks on the real kernel: each scenario runs in a process with mount and network namespaces of its own."""

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.unit.network_fakes import networking, reserve, starting
from wherry.base.errors import Forbidden, System
from wherry.host import netns
from wherry.host.netlink import Netlink
from wherry.network import apply
from wherry.network.service import Networking
from wherry.state.record import Phase, Record

ROOT = Path(__file__).parents[2]
SECONDS = 60
PINS = "/run/wherry-netns"
FORWARDING = "/proc/sys/net/ipv4/ip_forward"

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(
        os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "nsenter", "ip", "nft", "busybox"))),
        reason="needs root, iproute2, nftables and busybox",
    ),
]


def alone(scenario: str) -> None:
    """Run a function of this module in namespaces of its own."""
    code = f"from {__name__} import prepare, {scenario}; prepare(); {scenario}()"
    command = ["unshare", "-m", "-n", "--propagation", "private", sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "scenario", ["life", "outside", "boots", "flushed", "foreign", "user_bridge", "small_mtu", "no_bridge"]
)
def test_alone(scenario: str) -> None:
    alone(scenario)


def sh(command: str) -> str:
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def prepare() -> None:
    sh(f"ip link set lo up; mount -t tmpfs none /run; mkdir {PINS}")


def links() -> set[str]:
    return set(re.findall(r"^\S+", sh("ip -br link"), re.M))


def rules() -> str:
    return re.sub(r"packets \d+ bytes \d+", "", sh("nft list ruleset"))


def make_namespace(name: str) -> Netlink:
    """Pin a new namespace, as a helper child of the engine does."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        made = netns.make()
        netns.pin(netns.SELF, f"{PINS}/{name}")
        socket.send_fds(theirs, [b"."], [made])
        os._exit(0)
    _, fds, _, _ = socket.recv_fds(ours, 1, 1)
    os.waitpid(pid, 0)
    return Netlink.from_fd(fds[0])


class Containers(dict[str, Record]):
    """Records of containers that have a namespace and nothing else."""

    def __init__(self, **config: object) -> None:
        self.networks: Networking = networking(lambda: list(self.values()), **config)

    def start(self, name: str) -> Record:
        rec = self[name] = starting(name=name)
        rec = self[name] = msgspec.structs.replace(rec, endpoints=reserve(self.networks, rec))
        with make_namespace(name) as ns:
            self.networks.connect(rec, rec.endpoints[0], ns)
        return rec

    def stop(self, name: str) -> None:
        for endpoint in self[name].endpoints * 2:
            self.networks.disconnect(endpoint)
        self[name] = msgspec.structs.replace(self[name], phase=Phase.EXITED, endpoints=())


def enter(name: str, command: str) -> str:
    return sh(f"nsenter --net={PINS}/{name} {command}")


def pings(address: str, name: str = "") -> bool:
    """One of two is enough: the kernel lets a new port of a bridge forward a moment after the request."""
    into = ["nsenter", f"--net={PINS}/{name}"] if name else []
    return subprocess.run([*into, "busybox", "ping", "-c2", "-W1", address], capture_output=True).returncode == 0


def life() -> None:
    box = Containers()
    box.networks.boot()
    before = links(), rules()
    one, two = box.start("one").endpoints[0], box.start("two").endpoints[0]
    assert (one.address, two.address) == ("172.17.0.2", "172.17.0.3")
    assert pings(one.address)
    assert pings("172.17.0.1", "one")
    assert pings(two.address, "one")
    shown = enter("one", "ip -d addr show eth0")
    assert one.mac in shown
    assert "172.17.0.2/16 brd 172.17.255.255" in shown
    assert "inet6" not in shown
    assert "default via 172.17.0.1 dev eth0" in enter("one", "ip route")
    assert f'ip daddr {one.address} iifname != "docker0" counter  drop comment "DROP DIRECT ACCESS"' in rules()
    # A container that comes after another one with its address is reached at once.
    box.stop("one")
    assert box.start("three").endpoints[0].address == one.address
    assert pings(one.address)
    assert pings(one.address, "two")
    box.stop("two")
    box.stop("three")
    apply.delete_set_aside()
    assert (links(), rules()) == before


def outside() -> None:
    """A neighbour of the host sees the host's address alone, and reaches no container by its own."""
    make_namespace("world").close()
    sh(f"ip link add up0 type veth peer eth0 netns {PINS}/world; ip addr add 192.0.2.10/24 dev up0; ip link set up0 up")
    enter("world", "ip addr add 192.0.2.1/24 dev eth0")
    enter("world", "ip link set eth0 up")
    box = Containers()
    box.networks.boot()
    address = box.start("one").endpoints[0].address
    assert pings("192.0.2.1", "one")
    assert "masquerade" in rules()
    enter("world", "ip route add 172.17.0.0/16 via 192.0.2.10")
    assert pings("192.0.2.10", "world")
    assert not pings(address, "world")


def boots() -> None:
    box = Containers()
    box.networks.boot()
    box.start("lives")
    box.start("dies")
    first = rules(), sh("ip -4 -br addr show docker0")
    box.networks.boot()
    again = networking(lambda: list(box.values()), bip="10.9.0.1/24")
    again.boot()
    assert (rules(), sh("ip -4 -br addr show docker0")) == first
    assert again.gateway() == "172.17.0.1"
    stale = box.pop("dies").endpoints[0]
    box.networks.boot()
    assert stale.host_link not in sh("ip link")
    assert stale.address not in rules()
    assert pings(box["lives"].endpoints[0].address)
    box.stop("lives")
    again.boot()
    assert sh("ip -4 -br addr show docker0").split()[-1] == "10.9.0.1/24"
    assert "10.9.0.0/24" in rules()
    assert "172.17" not in rules()


def flushed() -> None:
    box = Containers()
    box.networks.boot()
    box.start("one")
    sh("nft flush ruleset")
    box.start("two")
    assert rules().count("DROP DIRECT ACCESS") == 2
    sh("nft flush ruleset")
    box.stop("one")
    assert pings(box["two"].endpoints[0].address)


def foreign() -> None:
    Containers().networks.boot()
    before = links(), rules()
    with pytest.raises(System, match="bridge docker0 exists and it belongs to wherry:e1: start with --bridge"):
        Containers(engine_id="e2").networks.boot()
    with pytest.raises(Forbidden, match="bridge device with non default name br9 must be created manually"):
        Containers(bridge="br9").networks.boot()
    assert (links(), rules()) == before


def user_bridge() -> None:
    """Two engines on one machine: neither disturbs the other's rules."""
    box, other = Containers(), Containers(engine_id="e2", bridge="br9")
    box.networks.boot()
    box.start("one")
    sh("ip link add br9 type bridge")
    other.networks.boot()
    assert other.networks.gateway() == "172.18.0.1"
    assert other.start("two").endpoints[0].address == "172.18.0.2"
    assert pings("172.18.0.2")
    assert not pings("172.18.0.2", "one")
    both = rules()
    box.networks.boot()
    other.networks.boot()
    assert sorted(rules().splitlines()) == sorted(both.splitlines())
    other.stop("two")
    assert "172.17.0.2" in rules()
    assert pings("172.17.0.2")
    assert "alias" not in sh("ip -d link show br9")


def small_mtu() -> None:
    """Links below the MTU of IPv6 come up all the same; without iptables there is no rule at all."""
    Path(FORWARDING).write_text("0")  # a new namespace may have it from its parent
    box = Containers(mtu=1000, iptables=False, ip_forward=False)
    box.networks.boot()
    address = box.start("one").endpoints[0].address
    assert pings(address)
    assert "mtu 1000" in enter("one", "ip link show eth0")
    assert sh("nft list ruleset") == ""
    assert Path(FORWARDING).read_text() == "0\n"
    box.stop("one")


def no_bridge() -> None:
    Containers().networks.boot()
    box = Containers(bridge="none")
    box.networks.boot()
    assert "docker0" not in links()
    assert reserve(box.networks, starting()) == ()
