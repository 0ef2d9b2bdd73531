"""The networks as boot and containers use them: joined, left, published by (network.md). Blocks unless it says so."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from wherry.base.errors import EngineError, NotFound, System, Unimplemented
from wherry.base.ids import new_id, short
from wherry.host.errors import translate
from wherry.host.netlink import Netlink
from wherry.model.container import EndpointIPAMConfig
from wherry.network import apply
from wherry.network.bridges import Bridges
from wherry.network.catalog import BRIDGE, Catalog, network_of
from wherry.network.config import NO_BRIDGE, NetworkConfig
from wherry.network.default_bridge import DOCKER0, drop_docker0
from wherry.network.drivers import bridge, host, none
from wherry.network.endpoints import Join, check_wish, dns_names, free_interface, gateway_of
from wherry.network.ipam import Addresses
from wherry.network.mac import canonical_mac, random_mac
from wherry.network.plan import Driver, Guard, Network
from wherry.network.ports import HostPorts, wishes
from wherry.state.networks import NetworkRecord
from wherry.state.record import Endpoint, Phase, Record

DRIVERS: Mapping[str, Driver] = {driver.name: driver for driver in (bridge.DRIVER, host.DRIVER, none.DRIVER)}

log = logging.getLogger("wherry.network")


class Networking:
    """All networks of this engine."""

    def __init__(self, config: NetworkConfig, records: Callable[[], Iterable[Record]]) -> None:
        """Take the configuration, and who knows the containers; nothing has an effect before `boot`."""
        self.catalog = Catalog(config.engine_id)
        self._config = config
        self._records = records
        self._bridges = Bridges(config)
        self._addresses = Addresses(records)
        self._ports = HostPorts()

    def boot(self, stored: Iterable[NetworkRecord] = ()) -> None:
        """Bring bridges and firewall to what configuration and records say; delete links that are nobody's.

        May be repeated. A stored network that cannot be set up is logged and stays. Forbidden, InvalidParameter and
        System for the default one, each with a remedy.
        """
        live = [endpoint for rec in self._records() if _holds(rec) for endpoint in rec.endpoints]
        for endpoint in live:
            self._ports.restore(endpoint.endpoint_id, endpoint.ports)
        networks = [self._network(rec) for rec in stored]
        with translate("set up network bridge"), Netlink.open() as kernel:
            apply.sweep_links(self._bridges.mark, {endpoint.host_link for endpoint in live}, kernel)
            if self._config.bridge == NO_BRIDGE:
                drop_docker0(self._bridges.mark, kernel)
            else:
                self._boot_default(live, networks, kernel)
        for network in networks:
            if network.record is not None and network.record.settled:
                self._boot_stored(network)
        with translate("sweep bridges"), Netlink.open() as kernel:
            kept = [network.bridge.name for network in networks if network.bridge is not None]
            self._bridges.sweep({*kept, self._config.bridge or DOCKER0}, kernel)

    def _boot_default(self, live: Iterable[Endpoint], others: Iterable[Network], kernel: Netlink) -> None:
        before = self.catalog.predefined(BRIDGE, bridge.DRIVER.name)
        here = [endpoint for endpoint in live if endpoint.network_id == before.ident]
        made = self._bridges.default(here, others, kernel)
        network = self.catalog.predefined(BRIDGE, bridge.DRIVER.name, made)
        self._bridges.set_up(network, here, kernel)
        self.catalog.add(network)

    def _boot_stored(self, network: Network) -> None:
        self.catalog.add(network)
        try:
            self._set_up(network)
        except EngineError as error:
            log.error("network %s is not set up, its containers do not start: %s", network.name, error)

    # For those who make and remove networks.

    def set_up(self, rec: NetworkRecord) -> None:
        """Bring about a stored network; System in the kernel's words."""
        self._set_up(self._network(rec))

    def _set_up(self, network: Network) -> None:
        with translate(f"set up network {network.name}"), Netlink.open() as kernel:
            self._bridges.set_up(network, self._live(network), kernel)

    def tear_down(self, rec: NetworkRecord) -> None:
        """Take away what `set_up` brought about, be it all, some or nothing; System when the kernel refuses."""
        made = self._network(rec).bridge
        if made is not None:
            self._bridges.remove(made)

    def adopts(self, name: str) -> bool:
        """Tell whether a bridge of the user's has a name already; System when something else has it."""
        return self._bridges.adopts(name)

    def admit(self, rec: NetworkRecord) -> None:
        """Let containers join a stored network. For the loop."""
        self.catalog.add(self._network(rec))

    def users(self, network: Network) -> list[str]:
        """Return in Docker's words who is in a network, or about to be. For the loop."""
        shown = [(rec.name, held.endpoint_id) for rec in self._records() for held in rec.endpoints]
        known = {ident: name for name, ident in shown}
        inside = {
            held.endpoint_id for rec in self._records() for held in rec.endpoints if held.network_id == network.ident
        }
        found = sorted(inside | self._addresses.joining(network.ident))
        return [f'name:"{known.get(ident, "")}" id:"{short(ident)}"' for ident in found]

    @staticmethod
    def options(network: Network) -> Mapping[str, str]:
        """Return the Options that inspect shows. For the loop."""
        return DRIVERS[network.driver].options(network)

    # For containers.

    @contextlib.contextmanager
    def reserved(self, rec: Record, joins: Iterable[Join]) -> Iterator[tuple[Endpoint, ...]]:
        """Give the new endpoints of a container, each with an address where the network has some. For the loop.

        Store them inside: what is not in the record at the end is free again. Forbidden, InvalidParameter and System in
        Docker's words.
        """
        made: list[Endpoint] = []
        idents: list[str] = []
        try:
            for join in joins:
                idents.append(new_id())
                made.append(self._reserve(rec, join, idents[-1], free_interface([*rec.endpoints, *made])))
            yield tuple(made)
        finally:
            for ident in idents:
                self._addresses.forget(ident)

    def _reserve(self, rec: Record, join: Join, ident: str, interface: str) -> Endpoint:
        network, wish = join.network, join.wish
        check_wish(network.name, network, wish)
        endpoint = Endpoint(network=network.name, network_id=network.ident, endpoint_id=ident, driver=network.driver)
        if network.bridge is None or network.pool is None:
            self._addresses.join(ident, network)
            return endpoint
        wished = (wish.ipam_config or EndpointIPAMConfig()).ipv4_address
        return msgspec.structs.replace(
            endpoint,
            interface=interface,
            host_link=f"veth{ident[:7]}",
            bridge=network.bridge.name,
            address=str(self._addresses.take(ident, network, network.pool, wished)),
            prefix=network.pool.subnet.prefixlen,
            gateway=network.pool.gateway,
            gw_priority=wish.gw_priority,
            mac=canonical_mac(wish.mac_address) if wish.mac_address else random_mac(),
            dns_names=dns_names(rec, network, wish),
        )

    def publish(self, rec: Record) -> tuple[Endpoint, ...]:
        """Return the endpoints of a record with the host ports of its run, held from now until `disconnect`.

        All or none; System in Docker's words when one cannot be had, Unimplemented when nothing could lead there.
        """
        gateway = gateway_of(rec.endpoints)
        return tuple(self._publish(rec, each) if each is gateway else each for each in rec.endpoints)

    def _publish(self, rec: Record, endpoint: Endpoint) -> Endpoint:
        wanted, network = rec.host_config, self._network_of(endpoint)
        binding = network.bridge.binding if network.bridge is not None else ""
        exposed = rec.config.exposed_ports or ()
        wished = wishes(wanted.port_bindings or {}, exposed, wanted.publish_all_ports, binding)
        if wished and not self._config.iptables:
            raise Unimplemented("published ports need firewall rules: start without --iptables=false")
        try:
            taken = self._ports.take(endpoint.endpoint_id, endpoint.address, wished)
        except System as error:
            where = f"endpoint {rec.name} ({endpoint.endpoint_id})"
            raise System(f"driver failed programming external connectivity on {where}: {error}") from error
        return msgspec.structs.replace(endpoint, ports=taken)

    def connect(self, rec: Record, endpoint: Endpoint, ns: Netlink) -> None:
        """Link a container to a network by a netlink socket in its namespace; System in Docker's words."""
        network = self._network_of(endpoint)
        plan = DRIVERS[network.driver].plan_endpoint(network, endpoint, endpoint is gateway_of(rec.endpoints))
        if plan is None:
            return
        with translate(f"connect container {short(rec.id)} to network {network.name}"):
            self._bridges.guard(network, plan, [*self._live(network), endpoint])
            if endpoint.ports:
                apply.route_loopback(plan.bridge)
                self._bridges.firewall.forget_flows(endpoint.ports)
            apply.make_endpoint(plan, ns)

    def disconnect(self, endpoint: Endpoint) -> None:
        """Take away what `connect` made, be it all, some or nothing; System when the kernel refuses.

        The link is only set aside: an Unlinker deletes it.
        """
        if not endpoint.host_link:
            return
        with translate(f"disconnect from network {endpoint.network}"):
            apply.set_aside(endpoint.host_link, self._bridges.mark)
            self._bridges.firewall.unguard(self._guard(endpoint))
            self._bridges.firewall.forget_flows(endpoint.ports)
        self._ports.give_back(endpoint.endpoint_id)

    def switch(self, before: Iterable[Endpoint], after: Iterable[Endpoint], ns: Netlink) -> None:
        """Move the default route and the published ports of a container to where its endpoints now say.

        Both ends are connected. The same with the two exchanged is its undo. System in the kernel's words.
        """
        old, new = gateway_of(before), gateway_of(after)
        if new is None or (old is not None and old.endpoint_id == new.endpoint_id):
            return
        with translate(f"let network {new.network} be the gateway"):
            if old is not None:
                self._ports.hand_over(old.endpoint_id, new.endpoint_id)
                self._republish(old, msgspec.structs.replace(old, ports=()))
            self._republish(msgspec.structs.replace(new, ports=()), new)
            apply.route_by(new.interface, new.gateway, ns)

    def _republish(self, before: Endpoint, after: Endpoint) -> None:
        """Give the guard of an address other ports."""
        if before.ports == after.ports:
            return
        self._bridges.firewall.unguard(self._guard(before))
        self._bridges.firewall.guard(self._guard(after))
        apply.set_hairpin(after.host_link, bool(after.ports))
        if after.ports:
            apply.route_loopback(after.bridge)
        self._bridges.firewall.forget_flows(before.ports or after.ports)

    def known(self, ref: str) -> Network | None:
        """Return the network that a reference means now, if any. For the loop."""
        try:
            return self.catalog.find(ref)
        except NotFound:
            return None

    def gateway(self) -> str:
        """Return the address by which containers reach this host, empty without a bridge. For the loop."""
        network = self.catalog.named(BRIDGE)
        return str(network.bridge.gateway.ip) if network is not None and network.bridge is not None else ""

    def _network_of(self, endpoint: Endpoint) -> Network:
        network = self.catalog.get(endpoint.network_id)
        if network is None:
            raise NotFound(f"network {endpoint.network_id} not found")
        return network

    def _network(self, rec: NetworkRecord) -> Network:
        return network_of(rec, self._bridges.mark, self._config.ip_masq and self._config.iptables)

    def _guard(self, endpoint: Endpoint) -> Guard:
        return Guard(endpoint.address, endpoint.bridge or self._config.bridge or DOCKER0, endpoint.ports)

    def _live(self, network: Network) -> list[Endpoint]:
        """Return the endpoints in a network of the containers that run or start."""
        live = (endpoint for rec in self._records() if _holds(rec) for endpoint in rec.endpoints)
        return [endpoint for endpoint in live if endpoint.network_id == network.ident]


def _holds(rec: Record) -> bool:
    return rec.alive or rec.phase is Phase.STARTING
