"""`GET /images/{name}/json` in the newest shape (images.md 7)."""

from typing import Any

import msgspec

from wherry.base.errors import System
from wherry.base.times import show_time
from wherry.base.units import format_time
from wherry.containerd.images import Images
from wherry.images.manifests import Documents, PlatformImage, Survey
from wherry.images.meter import Meter
from wherry.images.names import parent_of, repo_names
from wherry.images.resolve import find, read
from wherry.images.summary import summarise
from wherry.images.uses import InUse, by_manifest
from wherry.model.image import Descriptor

Json = dict[str, Any]

CONFIG_KEYS = (
    "User",
    "ExposedPorts",
    "Env",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "Labels",
    "StopSignal",
    "ArgsEscaped",
    "Healthcheck",
    "OnBuild",
    "Shell",
)
"""What an image's config may say; anything else in it is not shown."""


class Inspect:
    """The verb."""

    def __init__(self, images: Images, documents: Documents, meter: Meter, in_use: InUse, snapshotter: str) -> None:
        """Take the records, who reads documents, who measures, who tells the containers, and the snapshotter's name."""
        self._images = images
        self._documents = documents
        self._meter = meter
        self._in_use = in_use
        self._snapshotter = snapshotter

    async def __call__(self, ref: str, manifests: bool) -> Json:
        """Describe an image, of its platforms the best for this host; the errors of `find` and of `survey`.

        With `manifests` every manifest of it too, unless it has none.
        """
        record = await find(self._images, ref)
        try:
            survey = await self._documents.survey(record.target)
        except System:
            await find(self._images, ref)  # NotFound if it has been removed meanwhile
            raise
        records = await self._images.list([f"target.digest=={record.target.digest}"])
        if not records:
            raise read(ref).missing()
        tags, digests = repo_names(records)
        best = survey.images[0] if survey.images else None
        return {
            "Id": record.target.digest,
            "RepoTags": tags,
            "RepoDigests": digests,
            "Parent": parent_of(records),
            "Size": packed_size(record.target, best),
            "GraphDriver": {"Name": self._snapshotter, "Data": None},
            "Metadata": {"LastTagTime": format_time(max(found.updated_ns for found in records))},
            "Descriptor": msgspec.to_builtins(record.target),
            **describe(best),
            **(await self._manifests(survey) if manifests else {}),
        }

    async def _manifests(self, survey: Survey) -> Json:
        containers = by_manifest(self._in_use())
        sizes = await self._meter.parts(survey)
        found = [summarise(part, size, containers) for part, size in zip(survey.parts, sizes, strict=True)]
        return {"Manifests": found} if found else {}


def packed_size(target: Descriptor, image: PlatformImage | None) -> int:
    """Return the bytes of one platform's image as a registry would send it, its index too; Docker counts no more."""
    if image is None:
        return target.size
    index = 0 if image.descriptor.digest == target.digest else target.size
    return index + sum(blob.size for blob in (image.descriptor, image.manifest.config, *image.manifest.layers))


def describe(image: PlatformImage | None) -> Json:
    """Return what manifest and config say; of an image whose content is absent the empty shape."""
    if image is None:
        return {
            "Comment": "",
            "Author": "",
            "DockerVersion": "",
            "Architecture": "",
            "Os": "",
            "Config": {},
            "RootFS": {},
        }
    config = image.config
    created = show_time(config.created or "")
    layers = {"Layers": config.rootfs.diff_ids} if config.rootfs.diff_ids else {}
    container = config.config or {}
    return {
        **({"Created": created} if created else {}),
        "Comment": config.history[-1].comment if config.history else "",
        "Author": config.author,
        "DockerVersion": config.docker_version,
        "Architecture": config.architecture,
        **({"Variant": config.variant} if config.variant else {}),
        "Os": config.os,
        "Config": {key: container[key] for key in CONFIG_KEYS if container.get(key)},
        "RootFS": {"Type": config.rootfs.type, **layers},
    }
