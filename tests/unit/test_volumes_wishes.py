import pytest

from wherry.model.container import HostConfig, Mount, VolumeDriverConfig, VolumeOptions
from wherry.volumes.wishes import IGNORED, driver_warnings

PLAIN = Mount(type="volume", source="data", target="/a")
OWN = Mount(
    type="volume",
    source="data",
    target="/b",
    volume_options=VolumeOptions(driver_config=VolumeDriverConfig(name="local")),
)


@pytest.mark.parametrize(
    ("driver", "mounts", "version", "warnings"),
    [
        ("far", [OWN, PLAIN], (1, 48), [IGNORED]),
        ("far", [PLAIN], (1, 47), []),
        ("far", [OWN, Mount(type="tmpfs", target="/t")], (1, 48), []),
        ("far", None, (1, 48), []),
        ("", [PLAIN], (1, 48), []),
    ],
)
def test_the_drivers_that_do_not_count(
    driver: str, mounts: list[Mount] | None, version: tuple[int, int], warnings: list[str]
) -> None:
    assert driver_warnings(HostConfig(volume_driver=driver, mounts=mounts), version) == warnings
