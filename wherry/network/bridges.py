"""Bridges on this host with their firewall rules: brought about, brought about again at boot, taken away. Blocks."""

import logging
from collections.abc import Collection, Iterable

from wherry.base.errors import System
from wherry.host import rtmessages as rt
from wherry.host.errors import translate
from wherry.host.netlink import Netlink
from wherry.host.nft import Nft
from wherry.network import apply
from wherry.network.config import NetworkConfig
from wherry.network.default_bridge import DOCKER0, MARK, check_name, choose_address
from wherry.network.drivers import bridge
from wherry.network.guards import Firewall
from wherry.network.plan import MTU, Bridge, EndpointPlan, Guard, Network
from wherry.state.record import Endpoint

log = logging.getLogger("wherry.network")


class Bridges:
    """The kernel's side of bridge networks."""

    def __init__(self, config: NetworkConfig) -> None:
        """Take the configuration; the packet filter is opened with the first bridge."""
        self._config = config
        self.mark = f"{MARK}{config.engine_id}"
        """The alias of every link of this engine."""
        self._firewall: Firewall | None = None

    def default(self, live: Iterable[Endpoint], others: Iterable[Network], kernel: Netlink) -> Bridge:
        """Return the default bridge beside other networks; Forbidden, InvalidParameter, System if it is of no use."""
        taken = [other.pool.subnet for other in others if other.pool is not None]
        config, name = self._config, self._config.bridge or DOCKER0
        return Bridge(
            name=name,
            gateway=choose_address(name, config.bip, self.mark, list(live), kernel, taken),
            mtu=config.mtu or MTU,
            masquerade=config.ip_masq and config.iptables,
            mark=self.mark,
            owned=name == DOCKER0,
        )

    def set_up(self, network: Network, live: Iterable[Endpoint], kernel: Netlink) -> None:
        """Bring about a network's bridge with the rules of its endpoints; what is there of it stays."""
        if network.bridge is None:
            return
        if self._config.ip_forward:
            apply.forward_ipv4()
        apply.make_bridge(network.bridge, kernel)
        self.protect(network, live)
        apply.raise_bridge(network.bridge, kernel)

    def protect(self, network: Network, live: Iterable[Endpoint]) -> None:
        """Bring about all firewall rules of a network anew."""
        plan = bridge.DRIVER.plan_network(network)
        if plan is not None:
            guards = dict.fromkeys(Guard(e.address, plan.bridge.name, e.ports) for e in live)
            self.firewall.protect(plan, guards)

    def guard(self, network: Network, plan: EndpointPlan, live: Iterable[Endpoint]) -> None:
        """Guard an address; when somebody flushed the firewall, all of the network's rules are made anew."""
        try:
            self.firewall.guard(plan.guard)
        except System as error:
            log.warning("the firewall rules of network %s are made anew: %s", network.name, error)
            self.protect(network, live)

    def adopts(self, name: str) -> bool:
        """Tell whether a bridge of the user's has a name already; System when something else has it."""
        with translate(f"look for bridge {name}"), Netlink.open() as kernel:
            link = kernel.link(check_name(name))
        if link is None:
            return False
        if link.kind != "bridge":
            raise System(f"existing interface {name} is not a bridge")
        if link.alias.startswith(MARK):
            raise System(f"bridge {name} exists and it belongs to {link.alias}: give the network another one")
        return True

    def remove(self, made: Bridge) -> None:
        """Take away the rules of a bridge, and the bridge unless it is the user's; what is gone already is fine."""
        with translate(f"remove bridge {made.name}"), Netlink.open() as kernel:
            self.firewall.forget(made.name)
            if made.owned:
                kernel.run(rt.delete_link(made.name))

    def sweep(self, kept: Collection[str], kernel: Netlink) -> None:
        """Take away the bridges of this engine that no network owns."""
        for link in kernel.links():
            if link.kind == "bridge" and link.alias == self.mark and link.name not in kept:
                log.warning("bridge %s, which no network owns, is deleted", link.name)
                self.firewall.forget(link.name)
                kernel.run(rt.delete_link(link.name))

    @property
    def firewall(self) -> Firewall:
        """The packet filter; System names the package when it is missing."""
        if self._firewall is None:
            self._firewall = Firewall(Nft() if self._config.iptables else None)
        return self._firewall
