"""The networks of this engine by id: what is found, listed and joined. For the loop; boot fills it."""

import hashlib
import time
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from wherry.network import describe, options
from wherry.network.plan import ANY, MTU, Bridge, Network, Pool
from wherry.state.networks import NetworkRecord

BRIDGE, HOST, NONE = "bridge", "host", "none"
PREDEFINED = (BRIDGE, HOST, NONE, "default")
"""Names that no user's network has, and what `--network` calls the first of them."""
DEFAULT_GATEWAY = "DefaultGatewayIPv4"
"""The auxiliary address that containers have for their gateway in place of the bridge's."""


class Catalog:
    """All networks that containers may join."""

    def __init__(self, engine_id: str) -> None:
        """Begin with host and none."""
        self._engine_id = engine_id
        self._created = time.time_ns()
        self._networks: dict[str, Network] = {}
        self.add(self.predefined(HOST, HOST))
        self.add(self.predefined(NONE, "null"))

    def predefined(self, name: str, driver: str, bridge: Bridge | None = None) -> Network:
        """Describe a network that nobody made; its id holds for the life of the data root."""
        ident = hashlib.sha256(f"{self._engine_id}/{name}".encode()).hexdigest()
        pool = Pool.of(bridge.gateway) if bridge is not None else None
        return Network(name, ident, driver, self._created, bridge, pool)

    def add(self, network: Network) -> None:
        """Add a network, or put it in place of the one with its id."""
        self._networks[network.ident] = network

    def drop(self, ident: str) -> None:
        """Let nobody join a network any more."""
        self._networks.pop(ident, None)

    def all(self) -> list[Network]:
        """Return the networks, those that were added last at the end."""
        return list(self._networks.values())

    def get(self, ident: str) -> Network | None:
        """Return the network with exactly this id."""
        return self._networks.get(ident)

    def named(self, name: str) -> Network | None:
        """Return the network with exactly this name."""
        return next((network for network in self._networks.values() if network.name == name), None)

    def find(self, ref: str, scope: str = "") -> Network:
        """Find by id, name or unique id prefix; NotFound and InvalidParameter in Docker's words."""
        return describe.find(ref, self._networks.values(), scope)


def network_of(rec: NetworkRecord, mark: str, masquerade: bool) -> Network:
    """Return the network of a record; `masquerade` is what the daemon allows."""
    gateway = IPv4Interface(rec.gateway)
    wanted = options.read(rec.options)
    bridge = Bridge(
        name=rec.bridge,
        gateway=gateway,
        mtu=wanted.mtu or MTU,
        masquerade=wanted.masquerade and masquerade,
        mark=mark,
        owned=rec.owned,
        icc=wanted.icc,
        internal=rec.internal,
        binding=wanted.binding or ANY,
    )
    return Network(rec.name, rec.id, rec.driver, rec.created, bridge, _pool(rec, gateway), rec)


def _pool(rec: NetworkRecord, gateway: IPv4Interface) -> Pool:
    config = next(pool for pool in rec.ipam.config or () if ":" not in pool.subnet)
    auxiliary = config.auxiliary_addresses or {}
    return Pool(
        subnet=gateway.network,
        range=IPv4Network(config.ip_range) if config.ip_range else gateway.network,
        reserved=frozenset((gateway.ip, *map(IPv4Address, auxiliary.values()))),
        gateway="" if rec.internal else auxiliary.get(DEFAULT_GATEWAY, str(gateway.ip)),
    )


def bridges(networks: Iterable[Network]) -> list[tuple[Network, Bridge]]:
    """Return those that have a bridge, with it."""
    return [(network, network.bridge) for network in networks if network.bridge is not None]
