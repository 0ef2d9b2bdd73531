"""Step stdio: a keeper owns the container's streams, its log is open, the clients that waited are attached."""

from wherry.base.errors import InvalidParameter, System
from wherry.base.ids import short
from wherry.containers.execs import Execs
from wherry.containers.hub import Hub
from wherry.containers.layout import Layout
from wherry.host.errors import translate
from wherry.state.record import Record
from wherry.state.store import Slot
from wherry.streams import drivers
from wherry.streams.keepers import Keepers, Stdio
from wherry.streams.logtarget import LogTarget

DRAIN_SECONDS = 2.0
"""How long output may still come after the first process is gone: a child of it may hold the stream."""


class Streams:
    """After acquire: a keeper process with its directory `<exec-root>/c/<id>/<generation>` and the fifos in it.

    Release ends the attach clients once all output is written, then forgets the execs that never started; it finds the
    keeper by id and generation.
    """

    name = "stdio"

    def __init__(self, keepers: Keepers, hub: Hub, execs: Execs, layout: Layout) -> None:
        """Take the keepers, the meeting point of clients and keepers, the exec instances and the paths."""
        self._keepers = keepers
        self._hub = hub
        self._execs = execs
        self._layout = layout

    async def acquire(self, slot: Slot) -> Stdio:
        """Fork the keeper, open the fifos, hand over the clients that wait; returns the paths for the runtime."""
        rec = slot.rec
        with translate("make the container's directory"):
            self._layout.make_directory(rec.id)
        keeper = await self._keepers.fork(rec.id, rec.generation, self._log(rec))
        stdio = await keeper.open(rec.config.tty, rec.config.open_stdin, parent=rec.direct)
        await self._hub.enter(rec.id, keeper)
        return stdio

    async def replace(self, rec: Record) -> None:
        """Put a new keeper in the place of one that has died: the shim has kept the other ends of the fifos."""
        keeper = await self._keepers.fork(rec.id, rec.generation, self._log(rec))
        await keeper.open(rec.config.tty, rec.config.open_stdin)
        await self._hub.enter(rec.id, keeper)

    async def release(self, rec: Record) -> None:
        """Drain, flush, end the clients and the keeper, remove its directory."""
        await self._hub.leave(rec.id, DRAIN_SECONDS)
        await self._keepers.release(rec.id, rec.generation)
        self._execs.end_run(rec.id)

    def _log(self, rec: Record) -> LogTarget:
        chosen = rec.host_config.log_config
        options = chosen.config or {}
        try:
            attrs = drivers.attributes(options, rec.config.labels or {}, rec.config.env or [], _tag_fields(rec))
            return drivers.make_target(chosen.type, options, self._layout.log(rec.id), attrs)
        except InvalidParameter as error:
            raise System(
                f"failed to create task for container: failed to initialize logging driver: {error}"
            ) from error


def _tag_fields(rec: Record) -> dict[str, str]:
    """What a log tag may name (api-containers.md 4.7)."""
    return {
        "ID": short(rec.id),
        "FullID": rec.id,
        "Name": rec.name,
        "ImageID": short(rec.image_id.removeprefix("sha256:")),
        "ImageFullID": rec.image_id,
        "ImageName": rec.config.image,
        "Command": " ".join([rec.path, *rec.args]),
        "DaemonName": "docker",
    }
