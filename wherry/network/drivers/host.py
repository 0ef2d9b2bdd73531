"""The driver `host` of network `host`: the container shares the host's namespace (network.md 21)."""

from wherry.network.plan import Network
from wherry.state.record import Endpoint


class HostDriver:
    """Has nothing to do."""

    name = "host"

    def options(self, network: Network) -> dict[str, str]:
        """Return no options."""
        return {}

    def plan_network(self, network: Network) -> None:
        """Plan nothing."""

    def plan_endpoint(self, network: Network, endpoint: Endpoint, default: bool) -> None:
        """Plan nothing."""


DRIVER = HostDriver()
