"""A bounded memory of what never changes under its key (content is named by its digest)."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Cache(Generic[V]):
    """Keeps what was used last, up to a total weight."""

    def __init__(self, limit: int) -> None:
        """Take the total weight that may be kept."""
        self._limit = limit
        self._weight = 0
        self._kept: OrderedDict[str, tuple[V, int]] = OrderedDict()

    def get(self, key: str) -> V | None:
        """Return what is kept under the key."""
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: str, value: V, weight: int = 1) -> None:
        """Keep a value; what was not used for longest makes room."""
        self._weight -= self._kept.pop(key, (None, 0))[1]
        self._kept[key] = (value, weight)
        self._weight += weight
        while self._weight > self._limit:
            self._weight -= self._kept.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self._weight = 0
