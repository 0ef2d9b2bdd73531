"""The driver `bridge`: containers on a Linux bridge, reaching the world through the host (network.md 3, 12, 18)."""

from ipaddress import IPv4Address, IPv4Interface

from wherry.network.firewall import PUBLISHED, TRANSLATED
from wherry.network.plan import Bridge, Chain, EndpointPlan, Guard, Network, NetworkPlan, Veth
from wherry.state.record import Endpoint

ESTABLISHED = "ct state established,related counter accept"


class BridgeDriver:
    """Plans for a network with a bridge."""

    name = "bridge"

    def options(self, network: Network) -> dict[str, str]:
        """Return Docker's options of the default bridge, or those that the user gave; all values are text."""
        bridge = network.bridge
        if network.record is not None:
            return network.record.options
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

    def plan_endpoint(self, network: Network, endpoint: Endpoint, default: bool) -> EndpointPlan | None:
        """Return the link of an endpoint, its address, its default route, and the guard of its address."""
        bridge = network.bridge
        if bridge is None:
            return None
        return EndpointPlan(
            bridge=bridge.name,
            link=Veth(
                endpoint.host_link,
                endpoint.interface,
                endpoint.mac,
                bridge.mtu,
                bridge.mark,
                hairpin=bool(endpoint.ports),
                isolated=not bridge.icc,
            ),
            address=IPv4Interface(f"{endpoint.address}/{endpoint.prefix}"),
            gateway=IPv4Address(endpoint.gateway) if default and endpoint.gateway else None,
            guard=Guard(endpoint.address, bridge.name, endpoint.ports),
        )


def _chains(bridge: Bridge) -> tuple[Chain, ...]:
    """Return the chains of a bridge: what leaves it may be masked, from outside nothing is let in but to its ports.

    Who comes to a published port by way of loopback or of the bridge itself needs an answer that passes the host.
    """
    name, subnet = bridge.name, bridge.gateway.network
    ports = f"{PUBLISHED}__{name}"
    masked = f'oifname != "{name}" ip saddr {subnet} counter masquerade comment "MASQUERADE"'
    rules = {
        "filter-forward-in": (
            ESTABLISHED,
            *((f'iifname != "{name}" counter drop comment "INTERNAL NETWORK INGRESS"',) if bridge.internal else ()),
            f'iifname "{name}" counter {"accept" if bridge.icc else "drop"} comment "ICC"',
            f"jump {ports}",
            'counter drop comment "UNPUBLISHED PORT DROP"',
        ),
        "filter-forward-out": (
            ESTABLISHED,
            *((f'oifname != "{name}" counter drop comment "INTERNAL NETWORK EGRESS"',) if bridge.internal else ()),
            'counter accept comment "OUTGOING"',
        ),
        "nat-postrouting-in": (
            'ip saddr 127.0.0.0/8 counter masquerade comment "MASQ LOOPBACK TO PORT"',
            # by source: a packet that stays in the bridge comes here without the interface it came from
            f'ip saddr {subnet} ct status dnat counter masquerade comment "MASQ TO OWN PORT"',
        ),
        "nat-postrouting-out": (masked,) if bridge.masquerade and not bridge.internal else (),
    }
    entered = tuple(Chain(f"{kind}__{name}", f"{kind}-jumps", lines) for kind, lines in rules.items())
    return Chain(ports, "", ()), Chain(f"{TRANSLATED}__{name}", "", ()), *entered


DRIVER = BridgeDriver()
