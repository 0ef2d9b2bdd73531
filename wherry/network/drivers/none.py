"""The driver `null` of network `none`: the container has its loopback alone (network.md 21)."""

from wherry.network.plan import Network
from wherry.state.record import Endpoint


class NoneDriver:
    """Has nothing to do."""

    name = "null"

    def options(self, network: Network) -> dict[str, str]:
        """Return no options."""
        return {}

    def plan_network(self, network: Network) -> None:
        """Plan nothing."""

    def plan_endpoint(self, network: Network, endpoint: Endpoint, default: bool) -> None:
        """Plan nothing."""


DRIVER = NoneDriver()
