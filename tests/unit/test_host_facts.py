from pathlib import Path

import pytest

from wherry.host.facts import (
    capability_mask,
    forwards_ipv4,
    kernel_version,
    open_descriptors,
    read_host,
    read_os_release,
    total_memory,
)


def test_this_machine() -> None:
    facts = read_host()
    assert kernel_version(facts.kernel) >= (5, 10)
    assert facts.memory > 1 << 20
    assert facts.cpus >= 1
    assert facts.architecture in ("amd64", "arm64", facts.machine)
    assert forwards_ipv4() in (True, False)
    assert open_descriptors() >= 3


@pytest.mark.parametrize(
    ("release", "version"), [("6.1.0-18-amd64", (6, 1)), ("5.10.0", (5, 10)), ("6.18.44-x", (6, 18)), ("odd", (0, 0))]
)
def test_kernel_version(release: str, version: tuple[int, int]) -> None:
    assert kernel_version(release) == version


def test_os_release(tmp_path: Path) -> None:
    file = tmp_path / "os-release"
    file.write_text("# comment\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID='12'\nID=debian\n\n")
    names = read_os_release((str(tmp_path / "none"), str(file)))
    assert names == {"PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)", "VERSION_ID": "12", "ID": "debian"}
    assert read_os_release(()) == {}


def test_memory_and_capabilities() -> None:
    assert total_memory("MemFree: 1 kB\nMemTotal:        2048 kB\n") == 2048 * 1024
    assert total_memory("") == 0
    assert capability_mask("CapInh:\t0\nCapPrm:\t00000000000000f0\nCapEff:\t0\nCapBnd:\t000000000000003f\n") == 0x30
    assert capability_mask("") == 0
