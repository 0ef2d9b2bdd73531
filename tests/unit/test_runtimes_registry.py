import pytest

from wherry.base.errors import InvalidParameter
from wherry.runtimes.registry import Runtimes

SHIM = "io.containerd.runc.v2"


@pytest.mark.parametrize("name", ["", "runc", SHIM])
def test_the_stock_runtime(name: str) -> None:
    runtime = Runtimes("/run/wherry").choose(name)
    assert runtime.shim == SHIM
    assert runtime.runc is not None
    assert runtime.runc.binary == "runc"
    assert runtime.runc.root == "/run/wherry/runtime-runc"
    assert not runtime.runc.systemd_cgroup
    options = runtime.options()
    assert options is not None
    assert options.type_url.endswith("containerd.runc.v1.Options")
    assert b"/run/wherry/runtime-runc" in options.value


def test_another_shim_gets_no_options() -> None:
    runtime = Runtimes("/run/wherry").choose("io.containerd.kata.v2")
    assert runtime.shim == "io.containerd.kata.v2"
    assert runtime.options() is None


@pytest.mark.parametrize("name", ["foo", "/bin/sh", "a/b.c", ".hidden", "io.wherry.crun-direct", "crun-direct"])
def test_names_refused_in_dockers_words(name: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        Runtimes("/run/wherry").choose(name)
    assert str(caught.value) == f"unknown or invalid runtime name: {name}"


def test_the_names_are_listed() -> None:
    assert Runtimes("/run/wherry").names() == [SHIM, "runc"]
