"""ManifestSummary: what is told about each manifest of an image when `manifests=1` asks for it (images.md 7)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from wherry.base.refs import is_digest
from wherry.images.manifests import REFERENCE_TYPE, Part, is_image
from wherry.images.meter import Sizes
from wherry.model.image import Platform

Json = dict[str, Any]

REFERENCE_DIGEST = "vnd.docker.reference.digest"
"""Annotation: the manifest that an attestation is about."""
IMAGE, ATTESTATION, UNKNOWN = "image", "attestation", "unknown"


def summarise(part: Part, sizes: Sizes, containers: Mapping[str, Sequence[str]]) -> Json:
    """Describe a manifest, present or not; pure. `containers` are the ids of those made from each manifest."""
    kind = kind_of(part)
    described: Json = {
        "ID": part.descriptor.digest,
        "Descriptor": msgspec.to_builtins(part.descriptor),
        "Available": sizes.complete,
        "Size": {"Content": sizes.content, "Total": sizes.total},
        "Kind": kind,
    }
    if kind == IMAGE:
        described["ImageData"] = {
            "Platform": _platform(part),
            "Size": {"Unpacked": sizes.unpacked},
            "Containers": list(containers.get(part.descriptor.digest, ())) or None,
        }
    if kind == ATTESTATION:
        described["AttestationData"] = {"For": _about(part)}
    return described


def kind_of(part: Part) -> str:
    """Return `image`, `attestation`, or `unknown` for what only has the type of a manifest."""
    if REFERENCE_TYPE in (part.descriptor.annotations or {}):
        return ATTESTATION if is_digest(_about(part)) else UNKNOWN
    return IMAGE if is_image(part.descriptor, part.manifest) else UNKNOWN


def _about(part: Part) -> str:
    return (part.descriptor.annotations or {}).get(REFERENCE_DIGEST, "")


def _platform(part: Part) -> Json:
    found = (part.descriptor.platform or Platform()) if part.image is None else part.image.platform
    return {"architecture": "", "os": "", **msgspec.to_builtins(found)}
