"""The header `X-Registry-Auth`, and the challenges of registries."""

import base64
import json

import pytest

from wherry.images.credentials import NOBODY, Challenge, Credentials, read_challenges, read_credentials

JOE = {"username": "joe", "password": "sécret>>>?", "serveraddress": "https://r.example/v1/"}
RAW = json.dumps(JOE, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "header",
    [
        base64.urlsafe_b64encode(RAW).decode(),
        base64.urlsafe_b64encode(RAW).decode().rstrip("="),
        base64.b64encode(RAW).decode(),
        base64.b64encode(RAW).decode().rstrip("="),
    ],
)
def test_every_alphabet(header: str) -> None:
    found = read_credentials(header)
    assert (found.username, found.password) == ("joe", "sécret>>>?")
    assert found.are_for("r.example")
    assert not found.are_for("docker.io")
    assert "cret" not in repr(found)


@pytest.mark.parametrize("text", ["", "e30", "e30=", "null", "bnVsbA==", "!!", "W10", "eyJ1c2VybmFtZSI6MX0", "a", "é"])
def test_what_says_nothing_is_nobody(text: str) -> None:
    assert read_credentials(text) == NOBODY


def test_user_and_password_in_one() -> None:
    packed = base64.b64encode(b"joe:a:b").decode()
    found = read_credentials(base64.b64encode(json.dumps({"auth": packed}).encode()).decode())
    assert (found.username, found.password) == ("joe", "a:b")
    assert base64.b64decode(found.basic.removeprefix("Basic ")) == b"joe:a:b"


def test_tokens() -> None:
    found = read_credentials(base64.b64encode(b'{"identitytoken":"i","registrytoken":"r"}').decode())
    assert (found.identity_token, found.registry_token, found.basic) == ("i", "r", "")
    assert found.are_for("anywhere.example")


def test_docker_hub_has_many_names() -> None:
    assert Credentials(server_address="https://index.docker.io/v1/").are_for("docker.io")


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        (
            'Bearer realm="https://a.example/token",service="a,b",scope="repository:x:pull,push"',
            [("bearer", {"realm": "https://a.example/token", "service": "a,b", "scope": "repository:x:pull,push"})],
        ),
        (
            'basic Realm=x, Bearer realm="q\\"q" , error=a',
            [("basic", {"realm": "x"}), ("bearer", {"realm": 'q"q', "error": "a"})],
        ),
        ("Basic", [("basic", {})]),
        ("Negotiate abc==", [("negotiate", {})]),
        ('Bearer realm="open', [("bearer", {})]),
        ("", []),
        ("=,;", []),
    ],
)
def test_challenges(header: str, challenges: list[tuple[str, dict[str, str]]]) -> None:
    assert read_challenges([header]) == [Challenge(*one) for one in challenges]
