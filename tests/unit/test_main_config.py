import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from wherry.base.errors import InvalidParameter
from wherry.main.config import Config, load
from wherry.main.flags import parse_flags
from wherry.main.options import OPTIONS
from wherry.runtimes.configured import Configured


def configure(tmp_path: Path, content: bytes | dict[str, Any], *arguments: str) -> Config:
    path = tmp_path / "daemon.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return load(parse_flags(["--config-file", str(path), *arguments]))


def refusal(tmp_path: Path, content: bytes | dict[str, Any], *arguments: str) -> str:
    with pytest.raises(InvalidParameter) as caught:
        configure(tmp_path, content, *arguments)
    return str(caught.value).replace(str(tmp_path), "DIR")


PREFIX = "unable to configure the Docker daemon with file DIR/daemon.json: "
MERGED = PREFIX + "merged configuration validation from file and command line flags failed: "


def test_every_option_with_a_key_has_a_field_and_back() -> None:
    assert {option.field for option in OPTIONS if option.key} == {field.name for field in fields(Config)} - {"given"}


def test_registries(tmp_path: Path) -> None:
    content = {"registry-mirrors": ["https://m.example"], "max-concurrent-downloads": 5}
    config = configure(tmp_path, content, "--insecure-registry", "http://r.example:5000")
    assert config.registry_mirrors == ("https://m.example/",)
    assert config.insecure_registries == ("r.example:5000",)
    assert config.max_concurrent_downloads == 5
    assert "invalid mirror: no scheme" in refusal(tmp_path, {"registry-mirrors": ["m.example"]})
    assert "invalid max concurrent downloads: -1" in refusal(tmp_path, {"max-concurrent-downloads": -1})


def test_runtimes(tmp_path: Path) -> None:
    content = {"runtimes": {"a": {"path": "runc", "runtimeArgs": ["--debug"]}}, "default-runtime": "b"}
    config = configure(tmp_path, content, "--add-runtime", "A=/other", "--add-runtime=b=/opt/b")
    assert config.runtimes == {"a": Configured(path="runc", args=("--debug",)), "b": Configured(path="/opt/b")}
    assert config.default_runtime == "b"
    assert configure(tmp_path, {"default-runtime": ""}).default_runtime == "runc"
    text = refusal(tmp_path, {"runtimes": {"a": {}}})
    assert text == MERGED + "runtime a: either a runtimeType or a path must be configured"
    assert '"runtimes" must be an object' in refusal(tmp_path, {"runtimes": ["a"]})
    with pytest.raises(InvalidParameter, match="^specified default runtime 'x' does not exist$"):
        load({"default-runtime": "x"})


def test_defaults() -> None:
    config = load({})
    assert config.hosts == ("unix:///run/wherry/wherry.sock",)
    assert config.pidfile == "/run/wherry/wherryd.pid"
    assert (config.data_root, config.exec_root) == ("/var/lib/wherry", "/run/wherry")
    assert (config.iptables, config.ip_forward, config.ip_masq, config.live_restore) == (True, True, True, False)
    assert (config.mtu, config.shutdown_timeout, config.log_driver) == (1500, 15, "json-file")


def test_socket_and_pidfile_follow_the_exec_root() -> None:
    config = load(parse_flags(["--exec-root", "/run/two/", "-H", "unix://", "-H", "fd://"]))
    assert config.exec_root == "/run/two"
    assert config.hosts == ("unix:///run/two/wherry.sock", "fd://")
    assert config.pidfile == "/run/two/wherryd.pid"


def test_relative_roots_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(parse_flags(["--data-root", "data", "-p", "pid"])).data_root == f"{tmp_path}/data"


def test_file_and_flags_merge(tmp_path: Path) -> None:
    content = {"hosts": ["unix:///a"], "log-opts": {"max-size": "1m"}, "debug": True, "labels": ["a=b"]}
    config = configure(tmp_path, content, "--mtu=1400", "--iptables=false")
    assert config.hosts == ("unix:///a",)
    assert config.log_opts == {"max-size": "1m"}
    assert (config.debug, config.mtu, config.labels) == (True, 1400, ("a=b",))


def test_no_masquerade_without_firewall() -> None:
    assert load({"iptables": False}).ip_masq is False


@pytest.mark.parametrize("content", [b"", b" \n", b"{}", b"\xef\xbb\xbf{}", "{}".encode("utf-16")])
def test_empty_files(tmp_path: Path, content: bytes) -> None:
    assert configure(tmp_path, content) == load({})


def test_dockerd_ignores_two_old_keys(tmp_path: Path) -> None:
    assert configure(tmp_path, {"deprecated-key-path": "/x", "allow-nondistributable-artifacts": []}) == load({})


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match=r"daemon with file /none: open /none: no such file or directory$"):
        load({"config-file": "/none"})


def test_conflicts_are_worded_as_dockerd_does(tmp_path: Path) -> None:
    content = {"hosts": ["unix:///b"], "debug": True, "log-opts": {"b": "c", "a": "d"}, "mtu": 9000}
    arguments = ["-H", "unix:///a", "-H", "fd://", "-D", "--log-opt", "max-size=1m", "--mtu", "1"]
    assert refusal(tmp_path, content, *arguments) == (
        f"{PREFIX}the following directives are specified both as a flag and in the configuration file: "
        "debug: (from flag: true, from file: true), hosts: (from flag: [unix:///a fd://], from file: [unix:///b]), "
        "log-opts: (from flag: map[max-size:1m], from file: map[a:d b:c]), mtu: (from flag: 1, from file: 9000)"
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"zzz": 1, "bogus": 2}, "the following directives don't match any configuration option: bogus, zzz"),
        (
            {"userns-remap": "x", "icc": False},
            "the following directives are not supported by wherryd yet: icc, userns-remap",
        ),
        ({"host": []}, "the following directives don't match any configuration option: host"),
        ({"mtu": "x"}, 'invalid JSON: "mtu" must be a whole number, it is "x"'),
        ({"mtu": True}, 'invalid JSON: "mtu" must be a whole number, it is true'),
        ({"debug": 1}, 'invalid JSON: "debug" must be true or false, it is 1'),
        ({"dns": "1.1.1.1"}, 'invalid JSON: "dns" must be a list of strings, it is "1.1.1.1"'),
        ({"dns": [1]}, 'invalid JSON: "dns" must be a list of strings, it is [1]'),
        ({"log-opts": {"a": 1}}, 'invalid JSON: "log-opts" must be an object of strings, it is {"a": 1}'),
        ({"group": None}, 'invalid JSON: "group" must be a string, it is null'),
        (b"[]", "invalid JSON: the file must hold one object"),
        (b'{"mtu":1,"mtu":2}', "invalid JSON: duplicate key 'mtu'"),
        (b" " * (2 << 20), "the file is larger than 1048576 bytes"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes | dict[str, Any], text: str) -> None:
    assert refusal(tmp_path, content) == PREFIX + text


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe{", b'{"mtu": 1,}', b"\x80"])
def test_broken_json(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content).startswith(PREFIX + "invalid JSON: ")


def test_what_the_file_says_is_checked_too(tmp_path: Path) -> None:
    assert refusal(tmp_path, {"labels": ["x"]}) == MERGED + "bad attribute format: x"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("-H ftp://x", "invalid bind address (ftp://x): unsupported proto, use unix://, tcp:// or fd://"),
        ("-H /run/x", "invalid bind address (/run/x): unsupported proto, use unix://, tcp:// or fd://"),
        ("-H unix://x", "invalid bind address (unix://x): the path of a unix socket must be absolute"),
        ("-l loud", "invalid logging level: loud"),
        ("--log-driver syslog", "--log-driver syslog is not supported by wherryd yet: use json-file or none"),
        ("--log-driver x", "logger: no log driver named 'x' is registered"),
        ("-b br0 --bip 10.0.0.1/8", "You specified -b & --bip, mutually exclusive options. Please specify only one"),
        ("--bip 10.0.0.1", "invalid CIDR address: 10.0.0.1"),
        ("--bip 10.0.0.300/8", "invalid CIDR address: 10.0.0.300/8"),
        ("--bip 10.0.0.0/8", "--bip 10.0.0.0/8 is the network itself: give the bridge an address in it"),
        ("--mtu -1", "invalid default MTU: -1"),
        ("--dns localhost", "IP address is not correctly formatted: localhost"),
        ("--label =x", "bad attribute format: =x"),
        ("--label a=b --label a=c", "conflict labels for a=c and a=b"),
    ],
)
def test_checks(arguments: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        load(parse_flags(arguments.split()))
    assert str(caught.value) == text
