"""TCP hosts: defaults, what is refused, and the warnings that Docker gives with their time."""

import logging
from pathlib import Path

import pytest

from wherry.base.errors import InvalidParameter
from wherry.main.config import load
from wherry.main.flags import parse_flags
from wherry.main.listeners import bind, caution, is_loopback
from wherry.main.tls import server_context


def hosts(*arguments: str) -> tuple[str, ...]:
    return load(parse_flags(list(arguments))).hosts


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["-H", "tcp://"], "tcp://localhost:2375"),
        (["-H", "tcp://10.0.0.1"], "tcp://10.0.0.1:2375"),
        (["-H", "tcp://10.0.0.1", "--tls"], "tcp://10.0.0.1:2376"),
        (["-H", "tcp://[::1]", "--tlsverify=false"], "tcp://[::1]:2376"),
        (["-H", "tcp://:80"], "tcp://:80"),
    ],
)
def test_defaults(arguments: list[str], wanted: str) -> None:
    assert hosts(*arguments) == (wanted,)


@pytest.mark.parametrize("host", ["tcp://h:0", "tcp://h:x", "tcp://h:70000"])
def test_a_bad_port(host: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid bind address .*: invalid port: "):
        hosts("-H", host)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("tcp://localhost:1", True),
        ("tcp://127.9.9.9:1", True),
        ("tcp://[::1]:1", True),
        ("tcp://0.0.0.0:1", False),
        ("tcp://:1", False),
        ("tcp://10.0.0.1:1", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        (["-H", "unix:///x"], []),
        (["-H", "tcp://127.0.0.1"], [1]),
        (["-H", "tcp://0.0.0.0"], [1, 15]),
        (["-H", "tcp://0.0.0.0", "--tls=false"], [1]),
        (["-H", "tcp://0.0.0.0", "--tlsverify"], []),
    ],
)
async def test_warnings_take_dockers_time(
    arguments: list[str], seconds: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []

    async def sleep(time: float) -> None:
        slept.append(time)

    with caplog.at_level(logging.WARNING):
        await caution(load(parse_flags(arguments)), sleep)
    assert slept == seconds
    assert ("is insecure and gives root access" in caplog.text) is bool(seconds)
    assert ("Startup is intentionally being slowed down" in caplog.text) is (15 in seconds)


def test_certificates_that_are_not_there(tmp_path: Path) -> None:
    assert server_context(load({})) is None
    flags = ["--tls", "--tlscert", f"{tmp_path}/cert.pem", "--tlskey", f"{tmp_path}/key.pem"]
    with pytest.raises(InvalidParameter, match="invalid TLS configuration: could not load X509 key pair"):
        server_context(load(parse_flags(flags)))


def test_a_port_that_is_taken() -> None:
    (first,) = bind(["tcp://127.0.0.1:0"], "docker", {})
    with first, pytest.raises(Exception, match="failed to load listeners: listen tcp"):
        bind([f"tcp://127.0.0.1:{first.getsockname()[1]}"], "docker", {})
