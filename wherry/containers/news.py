"""What the world hears of a container: its events with their attributes (api-containers.md 5.3)."""

from collections.abc import Callable

from wherry.base.events import EventBus
from wherry.model.container import MountPoint
from wherry.state.record import Endpoint, Receipt, Record


class News:
    """Publishes events; a label never hides an attribute of the event itself."""

    def __init__(self, bus: EventBus, started: Callable[[Receipt], None] | None = None) -> None:
        """Take the bus, and what counts the starts, if anything does."""
        self._bus = bus
        self._started = started

    def container(self, rec: Record, action: str, **attributes: str) -> None:
        """Publish a container event: labels, then the image and the name, then what the action adds."""
        if action == "start" and self._started is not None:
            self._started(rec.receipt)
        named = {"image": rec.config.image, "name": rec.name}
        self._bus.publish("container", action, rec.id, {**(rec.config.labels or {}), **named, **attributes})

    def network(self, rec: Record, action: str, endpoint: Endpoint) -> None:
        """Publish that a container joined or left a network."""
        attributes = {"container": rec.id, "name": endpoint.network, "type": endpoint.driver}
        self._bus.publish("network", action, endpoint.network_id, attributes)

    def volume(self, rec: Record, action: str, point: MountPoint) -> None:
        """Publish that a container begins or ends to use a volume."""
        attributes = {"container": rec.id, "driver": point.driver}
        if action == "mount":
            place = {"destination": point.destination, "propagation": point.propagation}
            attributes |= {**place, "read/write": "true" if point.rw else "false"}
        self._bus.publish("volume", action, point.name, attributes)
