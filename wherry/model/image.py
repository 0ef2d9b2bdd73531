"""OCI and Docker image documents as the registry, archives and the content store hold them.

Sources: OCI image-spec v1.1 (descriptor, index, manifest, config); Docker image manifest v2 schema 2.
"""

from typing import Any

import msgspec
from msgspec import field


class Platform(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an image runs on."""

    architecture: str = ""
    os: str = ""
    variant: str = ""
    os_version: str = field(default="", name="os.version")


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A typed, sized, content-addressed reference to a blob."""

    media_type: str = ""
    digest: str = ""
    size: int = 0
    urls: list[str] | None = None
    annotations: dict[str, str] | None = None
    platform: Platform | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An image manifest: one config, layers from the base up."""

    schema_version: int = 2
    media_type: str = ""
    config: Descriptor = Descriptor()
    layers: list[Descriptor] = []
    annotations: dict[str, str] | None = None


class Index(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """An index: a manifest for each platform."""

    schema_version: int = 2
    media_type: str = ""
    manifests: list[Descriptor] = []
    annotations: dict[str, str] | None = None


class RootFS(msgspec.Struct, frozen=True, kw_only=True):
    """Digests of the uncompressed layers from the base up."""

    type: str = "layers"
    diff_ids: list[str] = []


class History(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a layer came about."""

    created: str = ""
    created_by: str = ""
    author: str = ""
    comment: str = ""
    empty_layer: bool = False


class ImageConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The config blob; `config` keeps Docker's ContainerConfig keys untyped, as the image wrote them."""

    created: str | None = None
    author: str = ""
    architecture: str = ""
    os: str = ""
    variant: str = ""
    docker_version: str = ""
    comment: str = ""
    config: dict[str, Any] | None = None
    rootfs: RootFS = RootFS()
    history: list[History] | None = None
