from typing import Any

import pytest

from wherry.base.errors import InvalidParameter
from wherry.containerd.gen.messages import message
from wherry.runtimes.configured import DIRECT_TYPE, Configured, parse_flag, read_configured

RUNC, KATA = "io.containerd.runc.v2", "io.containerd.kata.v2"


def test_every_form() -> None:
    entries = {
        "a": {"path": "/usr/bin/crun"},
        "b": {"Path": "runc", "runtimeargs": ["--log", "/with space", "$(x)"], "unknown": 1},
        "c": {"runtimeType": KATA},
        "e": {"runtimeType": DIRECT_TYPE, "options": {"binary": "crun", "root": "/var/e"}},
        "d/with any sign": {"runtimeType": "/opt/my shim", "options": {"ConfigPath": "/etc/x"}, "path": None},
    }
    assert read_configured(entries, "b") == {
        "a": Configured(path="/usr/bin/crun"),
        "b": Configured(path="runc", args=("--log", "/with space", "$(x)")),
        "c": Configured(shim=KATA),
        "e": Configured(shim=DIRECT_TYPE, options={"binary": "crun", "root": "/var/e"}),
        "d/with any sign": Configured(shim="/opt/my shim", options={"ConfigPath": "/etc/x"}),
    }


@pytest.mark.parametrize("default", ["runc", RUNC, "crun-direct", "runc-direct", "x", "io.containerd.foo.v1"])
def test_the_default_may_be(default: str) -> None:
    read_configured({"x": {"path": "x"}}, default)


@pytest.mark.parametrize(
    ("entries", "default", "text"),
    [
        ({"runc": {"path": "x"}}, "runc", "runtime name 'runc' is reserved"),
        ({"crun-direct": {"path": "x"}}, "runc", "runtime name 'crun-direct' is reserved"),
        ({"io.wherry.fast": {"path": "x"}}, "runc", "runtime name 'io.wherry.fast' is reserved"),
        ({"x": {"runtimeType": "io.wherry.fast"}}, "runc", "runtime x: runtimeType 'io.wherry.fast' is reserved"),
        (
            {"x": {"runtimeType": DIRECT_TYPE}},
            "runc",
            "runtime x: a direct runtime needs the option 'binary', such as crun",
        ),
        (
            {"x": {"runtimeType": DIRECT_TYPE, "options": {"binary": "crun", "root": "here"}}},
            "runc",
            "runtime x: root must be an absolute path",
        ),
        (
            {"x": {"runtimeType": DIRECT_TYPE, "options": {"binary": "crun", "Root": "/x"}}},
            "runc",
            "runtime x: a direct runtime has no option 'Root', only binary and root",
        ),
        (
            {"x": {"runtimeType": DIRECT_TYPE, "options": {"binary": 1}}},
            "runc",
            'invalid JSON: "runtimes.x.options.binary" must be a string',
        ),
        ({}, "nope", "specified default runtime 'nope' does not exist"),
        ({}, "/bin/sh", "specified default runtime '/bin/sh' does not exist"),
        ({}, "io.wherry.fast", "specified default runtime 'io.wherry.fast' does not exist"),
        ({"x": {}}, "runc", "runtime x: either a runtimeType or a path must be configured"),
        (
            {"x": {"path": "a", "runtimeType": KATA}},
            "runc",
            "runtime x: cannot configure both path and runtimeType for the same runtime",
        ),
        (
            {"x": {"path": "a", "options": {"Root": "/r"}}},
            "runc",
            "runtime x: options cannot be used with a path runtime",
        ),
        (
            {"x": {"runtimeType": KATA, "runtimeArgs": ["a"]}},
            "runc",
            "runtime x: args cannot be used with a runtimeType runtime",
        ),
        (
            {"x": {"runtimeType": RUNC, "options": {"Root": 3}}},
            "runc",
            "runtime x: Can't convert 3 to the type of option Root",
        ),
        ({"x": {"path": 3}}, "runc", 'invalid JSON: "runtimes.x.path" must be a string'),
        ({"x": "runc"}, "runc", 'invalid JSON: "runtimes.x" must be an object'),
        ({"x": {"path": "a", "runtimeArgs": "b"}}, "runc", 'invalid JSON: "runtimes.x.runtimeArgs" must be a list of'),
        ({"x": {"path": "a", "runtimeArgs": ["\0"]}}, "runc", "runtime x: path and args cannot contain a NUL"),
    ],
)
def test_refusals(entries: dict[str, Any], default: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        read_configured(entries, default)
    assert str(caught.value).startswith(text)


def test_the_flag() -> None:
    assert parse_flag(" Mine = /opt/my runtime") == ("mine", {"path": "/opt/my runtime"})
    for text in ("mine", "=path", " =path", "mine="):
        with pytest.raises(InvalidParameter) as caught:
            parse_flag(text)
        assert str(caught.value) == f"invalid runtime argument: {text}"
    with pytest.raises(InvalidParameter, match="^runtime name 'runc' is reserved$"):
        parse_flag("RUNC=/x")


def test_options_of_runc_go_by_their_names_in_any_case() -> None:
    options = {"BinaryName": "crun", "root": "/r", "SYSTEMDCGROUP": True, "IoUid": 7, "Unknown": "skipped"}
    encoded = Configured(shim=RUNC, options=options).encode()
    assert encoded is not None
    assert encoded.type_url == "containerd.runc.v1.Options"
    found = message(encoded.type_url).FromString(encoded.value)
    assert (found.binary_name, found.root, found.systemd_cgroup, found.io_uid) == ("crun", "/r", True, 7)


def test_options_of_another_shim_are_the_generic_ones() -> None:
    options = {"TypeUrl": "io.x.options", "ConfigPath": "/etc/x.toml", "ConfigBody": "a = 1"}
    encoded = Configured(shim=KATA, options=options).encode()
    assert encoded is not None
    assert encoded.type_url == "runtimeoptions.v1.Options"
    found = message(encoded.type_url).FromString(encoded.value)
    assert (found.type_url, found.config_path, found.config_body) == ("io.x.options", "/etc/x.toml", b"a = 1")
    assert Configured(shim=KATA).encode() is None
