"""The networks of this engine: set up at boot, joined and left by containers, shown to clients (network.md).

There are the three predefined ones, IPv4 only.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import Any

import msgspec

from wherry.base.errors import EngineError, NotFound, System, Unimplemented
from wherry.base.ids import new_id, short
from wherry.host.errors import translate
from wherry.host.netlink import Netlink
from wherry.host.nft import Nft
from wherry.network import apply, describe
from wherry.network.default_bridge import DOCKER0, MARK, choose_address, drop_docker0
from wherry.network.drivers import bridge, host, none
from wherry.network.ipam import Addresses
from wherry.network.mac import canonical_mac, random_mac
from wherry.network.plan import Bridge, Driver, Guard, Network
from wherry.network.ports import HostPorts, wishes
from wherry.state.record import Endpoint, Phase, Record

Json = dict[str, Any]
Items = list[Json]
Endpoints = list[Endpoint]

BRIDGE = bridge.DRIVER.name
"""Name of the driver, of its one network, and of the network mode."""
NO_BRIDGE = "none"
MTU = 1500
INTERFACE = "eth0"
FAILED = "failed to set up container networking: "
DRIVERS: Mapping[str, Driver] = {driver.name: driver for driver in (bridge.DRIVER, host.DRIVER, none.DRIVER)}

log = logging.getLogger("wherry.network")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """What the daemon was told about networks (network.md 2.1)."""

    bridge: str
    """Name of an existing bridge, `none`, or empty for docker0 of our own."""
    bip: str
    """Address with prefix length of docker0, or empty to choose one."""
    mtu: int
    """0 for the usual one."""
    iptables: bool
    """Write firewall rules."""
    ip_forward: bool
    ip_masq: bool
    dns: tuple[str, ...]
    engine_id: str


class Networking:
    """The networks bridge, host and none."""

    def __init__(self, config: NetworkConfig, records: Callable[[], Iterable[Record]]) -> None:
        """Take the configuration, and who knows the containers; nothing has an effect before `boot`."""
        self._config = config
        self._records = records
        self._mark = f"{MARK}{config.engine_id}"
        self._created = time.time_ns()
        self._firewall = apply.Firewall(None)
        self._networks = {network.name: network for network in (self._network("host"), self._network("none", "null"))}
        self._addresses = Addresses(records)
        self._ports = HostPorts()

    def boot(self) -> None:
        """Bring bridge and firewall to what configuration and records say; delete links that are nobody's. Blocks.

        May be repeated. Forbidden, InvalidParameter and System, each with a remedy.
        """
        live = self._live()
        for endpoint in live:
            self._ports.restore(endpoint.endpoint_id, endpoint.ports)
        with translate("set up network bridge"), Netlink.open() as kernel:
            apply.sweep_links(self._mark, {endpoint.host_link for endpoint in live}, kernel)
            if self._config.bridge == NO_BRIDGE:
                drop_docker0(self._mark, kernel)
            else:
                self._set_up(kernel, live)

    def _set_up(self, kernel: Netlink, live: Endpoints) -> None:
        config, name = self._config, self._config.bridge or DOCKER0
        made = Bridge(
            name=name,
            gateway=choose_address(name, config.bip, self._mark, live, kernel),
            mtu=config.mtu or MTU,
            masquerade=config.ip_masq and config.iptables,
            mark=self._mark,
            owned=name == DOCKER0,
        )
        network = self._network(BRIDGE, made=made)
        self._firewall = apply.Firewall(Nft() if config.iptables else None)
        if config.ip_forward:
            apply.forward_ipv4()
        apply.make_bridge(made, kernel)
        self._protect(network, live)
        apply.raise_bridge(made, kernel)
        self._networks = {BRIDGE: network, **self._networks}

    def reserve(self, rec: Record) -> tuple[Endpoint, ...]:
        """Return the endpoints of a run, with an address where the network has addresses; for the loop, no I/O.

        `rec` must be in the records, starting: an address stays taken until its record shows it, ends its start or is
        gone. NotFound for an unknown network, System when there is no address left, in Docker's words.
        """
        mode = rec.host_config.network_mode
        network = self._networks.get(mode)
        if network is None and mode == BRIDGE:
            return ()  # --bridge none: such a container runs without a network
        if network is None:
            raise NotFound(f"{FAILED}network {mode} not found")
        ident = new_id()
        endpoint = Endpoint(network=mode, network_id=network.ident, endpoint_id=ident, driver=network.driver)
        if network.bridge is None:
            return (endpoint,)
        gateway, wish = network.bridge.gateway, rec.endpoints_wished.get(mode)
        return (
            msgspec.structs.replace(
                endpoint,
                interface=INTERFACE,
                host_link=f"veth{ident[:7]}",
                address=self._address(rec, network, gateway),
                prefix=gateway.network.prefixlen,
                gateway=str(gateway.ip),
                mac=canonical_mac(wish.mac_address) if wish is not None and wish.mac_address else random_mac(),
            ),
        )

    def _address(self, rec: Record, network: Network, gateway: IPv4Interface) -> str:
        address = self._addresses.take(rec, gateway)
        if address is None:
            where = f"this network's address pools: {network.name} ({network.ident})"
            raise System(f"{FAILED}no available IPv4 addresses on {where}")
        return str(address)

    def publish(self, rec: Record) -> tuple[Endpoint, ...]:
        """Return the endpoints of a record with the host ports of its run, held from now until `disconnect`. Blocks.

        All or none; System in Docker's words when one cannot be had, Unimplemented when nothing could lead there.
        """
        return tuple(self._publish(rec, endpoint) if endpoint.address else endpoint for endpoint in rec.endpoints)

    def _publish(self, rec: Record, endpoint: Endpoint) -> Endpoint:
        host = rec.host_config
        wished = wishes(host.port_bindings or {}, rec.config.exposed_ports or (), host.publish_all_ports)
        if wished and not self._config.iptables:
            raise Unimplemented(f"{FAILED}published ports need firewall rules: start without --iptables=false")
        try:
            taken = self._ports.take(endpoint.endpoint_id, endpoint.address, wished)
        except System as error:
            where = f"endpoint {rec.name} ({endpoint.endpoint_id})"
            raise System(f"{FAILED}driver failed programming external connectivity on {where}: {error}") from error
        return msgspec.structs.replace(endpoint, ports=taken)

    def connect(self, rec: Record, endpoint: Endpoint, ns: Netlink) -> None:
        """Link a container to a network by a netlink socket in its namespace. Blocks; System in Docker's words."""
        network = self._networks[endpoint.network]
        plan = DRIVERS[network.driver].plan_endpoint(network, endpoint)
        if plan is None:
            return
        try:
            with translate(f"connect container {short(rec.id)} to network {network.name}"):
                self._guard(network, endpoint, plan.guard)
                if endpoint.ports:
                    apply.route_loopback(plan.bridge)
                    apply.forget_flows(endpoint.ports)
                apply.make_endpoint(plan, ns)
        except EngineError as error:
            raise System(f"{FAILED}{error}") from error

    def _guard(self, network: Network, endpoint: Endpoint, guard: Guard) -> None:
        """Guard an address; when somebody flushed the firewall, all of the network's rules are made anew."""
        try:
            self._firewall.guard(guard)
        except System as error:
            log.warning("the firewall rules of network %s are made anew: %s", network.name, error)
            self._protect(network, [*self._live(), endpoint])

    def disconnect(self, endpoint: Endpoint) -> None:
        """Take away what `connect` made, be it all, some or nothing. Blocks; System when the kernel refuses."""
        if not endpoint.host_link:
            return
        with translate(f"disconnect from network {endpoint.network}"):
            apply.delete_link(endpoint.host_link)
            self._firewall.unguard(Guard(endpoint.address, self._config.bridge or DOCKER0, endpoint.ports))
            apply.forget_flows(endpoint.ports)
        self._ports.give_back(endpoint.endpoint_id)

    def list(self, filters: dict[str, list[str]]) -> Items:
        """Describe the networks that the filters accept, without their containers."""
        found = describe.select(self._networks.values(), filters)
        return [describe.describe(network, DRIVERS[network.driver].options(network), ()) for network in found]

    def inspect(self, ref: str, scope: str = "") -> Json:
        """Describe one network with the containers that run in it; NotFound `network <ref> not found`.

        `scope` is the one that it must have, empty for any.
        """
        network = describe.find(ref, self._networks.values(), scope)
        return describe.describe(network, DRIVERS[network.driver].options(network), self._records())

    def gateway(self) -> str:
        """Return the address by which containers reach this host, empty without a bridge."""
        network = self._networks.get(BRIDGE)
        return str(network.bridge.gateway.ip) if network is not None and network.bridge is not None else ""

    def _network(self, name: str, driver: str = "", made: Bridge | None = None) -> Network:
        """Describe a network; its id holds for the life of the data root."""
        ident = hashlib.sha256(f"{self._config.engine_id}/{name}".encode()).hexdigest()
        return Network(name, ident, driver or name, self._created, made)

    def _live(self) -> Endpoints:
        """Return the endpoints on the bridge of the containers that run or start."""
        live = (rec for rec in self._records() if rec.alive or rec.phase is Phase.STARTING)
        return [endpoint for rec in live for endpoint in rec.endpoints if endpoint.driver == BRIDGE]

    def _protect(self, network: Network, live: Iterable[Endpoint]) -> None:
        plan = bridge.DRIVER.plan_network(network)
        if plan is not None:
            self._firewall.protect(plan, dict.fromkeys(Guard(e.address, plan.bridge.name, e.ports) for e in live))
