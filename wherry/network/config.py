"""What the daemon was told about networks (network.md 2.1)."""

from dataclasses import dataclass

NO_BRIDGE = "none"
"""Of `--bridge`: no default bridge."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The flags and keys that networks heed."""

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
