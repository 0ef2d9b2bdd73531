"""Records for tests."""

from typing import Any

import msgspec

from wherry.base.ids import new_id
from wherry.model.container import ContainerConfig, HostConfig
from wherry.model.image import Descriptor
from wherry.state.record import Record


def record(**changes: Any) -> Record:
    """A container that was just created."""
    rec = Record(
        id=new_id(),
        name="boat",
        created=1,
        config=ContainerConfig(image="busybox"),
        host_config=HostConfig(network_mode="none"),
        endpoints_wished={},
        path="true",
        args=[],
        image_id="sha256:" + "1" * 64,
        image_manifest=Descriptor(media_type="application/vnd.oci.image.manifest.v1+json", digest="sha256:" + "2" * 64),
        image_chain="sha256:" + "3" * 64,
    )
    return msgspec.structs.replace(rec, **changes)
