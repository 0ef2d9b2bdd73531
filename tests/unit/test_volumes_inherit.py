import pytest

from tests.unit.records import record
from wherry.base.errors import InvalidParameter, NotFound
from wherry.model.container import MountPoint
from wherry.state.record import Record
from wherry.volumes.inherit import inherit

SOURCE = record(
    mounts=(
        MountPoint(type="volume", name="data", destination="/data", mode="z", named=True),
        MountPoint(type="bind", source="/s", destination="/host", rw=False, propagation="rslave", create_source=True),
        MountPoint(type="tmpfs", destination="/t"),
    )
)


def find(ref: str) -> Record:
    if ref != "other":
        raise NotFound(f"No such container: {ref}")
    return SOURCE


def shown(entry: str) -> list[tuple[str, bool, str, bool]]:
    return [(point.destination, point.rw, point.mode, point.no_copy) for point in inherit([entry], find)]


def test_mounts_are_taken_over() -> None:
    for entry in ("other", "other:rw", "other:z", "other:"):
        assert shown(entry) == [("/data", True, "", True), ("/host", False, "", True)]
    assert shown("other:ro,z") == [("/data", False, "", True), ("/host", False, "", True)]
    volume, bind = inherit(["other"], find)
    assert (volume.name, volume.named, bind.propagation) == ("data", True, "rslave")


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("", "volumes-from specification cannot be an empty string"),
        ("none", "No such container: none"),
        ("other:bad", "invalid mode: bad"),
        ("other:nocopy", "invalid mode: nocopy"),
        ("other:rslave", "invalid mode: rslave"),
        ("other:ro,rw", "invalid mode: ro,rw"),
    ],
)
def test_refusals(entry: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        list(inherit([entry], find))
    assert str(caught.value) == text
