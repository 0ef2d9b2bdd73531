"""Bodies of the volumes API (engine-api-v1.51.yaml: VolumeCreateRequest) and what the engine notes beside the data."""

from typing import Any

import msgspec


class CreateOptions(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The body of `POST /volumes/create`; named as in Docker, because its JSON errors name it."""

    name: str = ""
    driver: str = ""
    driver_opts: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    cluster_volume_spec: dict[str, Any] | None = None


class VolumeNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept on disk beside a volume's data; null and empty are different, as the client sent them."""

    created: int = 0
    """Nanoseconds since the epoch."""
    labels: dict[str, str] | None = None
    options: dict[str, str] | None = None


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """A volume as it was found on disk."""

    name: str
    path: str
    note: VolumeNote
