"""Bodies of the checkpoints API (api-containers.md 1.2; start.md 10)."""

import msgspec


class CreateOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The body of `POST /containers/{id}/checkpoints`; named as in Docker, because its JSON errors name it."""

    id: str = msgspec.field(default="", name="CheckpointID")
    directory: str = msgspec.field(default="", name="CheckpointDir")
    exit: bool = msgspec.field(default=False, name="Exit")
