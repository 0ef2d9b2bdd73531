"""The driver `bridge`: containers on a Linux bridge, reaching the world through the host (network.md 3, 12, 18)."""

from ipaddress import IPv4Address, IPv4Interface

from wherry.network.plan import Bridge, Chain, EndpointPlan, Guard, Network, NetworkPlan, Veth
from wherry.state.record import Endpoint

ESTABLISHED = "ct state established,related counter accept"


class BridgeDriver:
    """Plans for a network with a bridge."""

    name = "bridge"

    def options(self, network: Network) -> dict[str, str]:
        """Return Docker's options of the default bridge; all values are text."""
        bridge = network.bridge
        if bridge is None:
            return {}
        return {
            "com.docker.network.bridge.default_bridge": "true",
            "com.docker.network.bridge.enable_icc": "true",
            "com.docker.network.bridge.enable_ip_masquerade": "true" if bridge.masquerade else "false",
            "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",  # noqa: S104 - shown, nothing is bound
            "com.docker.network.bridge.name": bridge.name,
            "com.docker.network.driver.mtu": str(bridge.mtu),
        }

    def plan_network(self, network: Network) -> NetworkPlan | None:
        """Return the bridge with its chains."""
        return None if network.bridge is None else NetworkPlan(network.bridge, _chains(network.bridge))

    def plan_endpoint(self, network: Network, endpoint: Endpoint) -> EndpointPlan | None:
        """Return the link of an endpoint, its address, its default route, and the guard of its address."""
        bridge = network.bridge
        if bridge is None:
            return None
        return EndpointPlan(
            bridge=bridge.name,
            link=Veth(endpoint.host_link, endpoint.interface, endpoint.mac, bridge.mtu, bridge.mark),
            address=IPv4Interface(f"{endpoint.address}/{endpoint.prefix}"),
            gateway=IPv4Address(endpoint.gateway),
            guard=Guard(endpoint.address, bridge.name),
        )


def _chains(bridge: Bridge) -> tuple[Chain, ...]:
    """Return the four chains of a bridge: what leaves it may be masked, nothing from outside is let in unasked."""
    name = bridge.name
    masked = f'oifname != "{name}" ip saddr {bridge.gateway.network} counter masquerade comment "MASQUERADE"'
    rules = {
        "filter-forward-in": (
            ESTABLISHED,
            f'iifname "{name}" counter accept comment "ICC"',
            'counter drop comment "UNPUBLISHED PORT DROP"',
        ),
        "filter-forward-out": (ESTABLISHED, 'counter accept comment "OUTGOING"'),
        "nat-postrouting-in": (),
        "nat-postrouting-out": (masked,) if bridge.masquerade else (),
    }
    return tuple(Chain(f"{kind}__{name}", f"{kind}-jumps", lines) for kind, lines in rules.items())


DRIVER = BridgeDriver()
