"""Look-ups in zones: the order in which a sandbox's networks are asked (network.md 15.2). Pure."""

import random
from collections.abc import Iterator, Mapping, Sequence

from wherry.names.zones import Sandbox, Zone


class Index:
    """One zone, by name and by address. Names are kept in lower case."""

    def __init__(self, zone: Zone) -> None:
        """Read the zone."""
        self.network = zone.network
        self._addresses: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        for names, addresses in zone.hosts:
            for name in names:
                known = self._addresses.setdefault(name.lower(), [])
                known += [address for address in addresses if address not in known]
            for address in addresses:
                if names:
                    self._names.setdefault(address, names[0])

    def addresses(self, name: str) -> Sequence[str]:
        """Return all addresses of a name in lower case, of both families; empty when it is not known."""
        return self._addresses.get(name, ())

    def name(self, address: str) -> str:
        """Return `<name>.<network>` of an address, empty when it is not known."""
        found = self._names.get(address)
        return f"{found}.{self.network}" if found else ""


class View:
    """What one sandbox can find."""

    def __init__(self, sandbox: Sandbox, indexes: Mapping[str, Index]) -> None:
        """Look through the sandbox's networks, in the order of their gateways, at what is known at each look-up."""
        self._indexes = indexes
        self._joined = [
            (joined.network_id, {alias.lower(): target.lower() for alias, target in joined.links.items()})
            for joined in sandbox.networks
        ]

    def find(self, name: str) -> list[str]:
        """Return the addresses of a name, of both families, in random order; empty when it is not known.

        First the whole name in every network, then every split `<left>.<network>` from the right. In each round the
        sandbox's own aliases come before the names of others. The first network that knows the name answers.
        """
        left, network = name.lower(), ""
        while left:
            searched = [(index, links) for index, links in self._seen() if network in ("", index.network.lower())]
            for index, links in searched:
                if left in links and (found := index.addresses(links[left])):
                    return _shuffled(found)
            for index, links in searched:
                if left not in links and (found := index.addresses(left)):
                    return _shuffled(found)
            left, _, label = left.rpartition(".")
            network = f"{label}.{network}" if network else label
        return []

    def reverse(self, address: str) -> str:
        """Return the name of an address, empty when no network of the sandbox knows it."""
        return next((name for index, _ in self._seen() if (name := index.name(address))), "")

    def _seen(self) -> Iterator[tuple[Index, Mapping[str, str]]]:
        for ident, links in self._joined:
            if ident in self._indexes:
                yield self._indexes[ident], links


def _shuffled(addresses: Sequence[str]) -> list[str]:
    return random.sample(addresses, len(addresses))
