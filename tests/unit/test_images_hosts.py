"""Which hosts serve a registry, and what the configuration may say of them."""

import pytest

from wherry.base.errors import InvalidParameter
from wherry.images.hosts import Endpoint, Registries, check_insecure, check_mirror, server_of

HUB = Endpoint("https://registry-1.docker.io")


async def test_docker_hub_is_served_elsewhere() -> None:
    assert await Registries().endpoints("docker.io") == [HUB]


async def test_mirrors_come_before_docker_hub_alone() -> None:
    registries = Registries(mirrors=("https://a.example/", "http://127.0.0.1:5000/"))
    mirrors = [Endpoint("https://a.example", mirror=True), Endpoint("http://127.0.0.1:5000", True, mirror=True)]
    assert await registries.endpoints("docker.io") == [*mirrors, HUB]
    assert await registries.endpoints("b.example") == [Endpoint("https://b.example")]


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "127.9.9.9", "localhost", "localhost:5000", "[::1]:5000"])
async def test_this_machine_needs_no_certificate(host: str) -> None:
    assert await Registries().endpoints(host) == [Endpoint(f"https://{host}", True), Endpoint(f"http://{host}", True)]


@pytest.mark.parametrize(
    ("host", "insecure"),
    [("r.example:5000", True), ("r.example", False), ("10.1.2.3:80", True), ("10.2.0.1", False), ("[fd00::1]", True)],
)
async def test_insecure_registries(host: str, insecure: bool) -> None:
    registries = Registries(insecure=("r.example:5000", "10.1.0.0/16", "fd00::/8"))
    assert await registries.is_insecure(host) is insecure


def test_what_info_shows() -> None:
    registries = Registries(insecure=("r.example:5000", "10.1.0.0/16"))
    assert registries.networks == ("10.1.0.0/16", "::1/128", "127.0.0.0/8")
    assert registries.hosts == ("r.example:5000",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.example", "no scheme specified"),
        ("ftp://a.example", "unsupported scheme"),
        ("https://a.example/?x", "query or fragment"),
        ("https://a.example/#x", "query or fragment"),
        ("https://joe:secret@a.example", "username/password not allowed"),
        ("https://", "invalid host"),
        ("https://a.example:99999", "invalid port"),
    ],
)
def test_wrong_mirrors(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words) as caught:
        check_mirror(text)
    assert "secret" not in str(caught.value)


def test_mirrors_end_with_a_slash() -> None:
    assert check_mirror("https://a.example") == check_mirror("https://a.example//") == "https://a.example/"


@pytest.mark.parametrize(
    ("text", "entry"),
    [("https://r.example", "r.example"), ("10.0.0.0/8", "10.0.0.0/8"), ("[::1]:5000", "[::1]:5000"), ("a:1", "a:1")],
)
def test_insecure_entries(text: str, entry: str) -> None:
    assert check_insecure(text) == entry


@pytest.mark.parametrize("text", ["ftp://r.example", "r.example/path", "-r.example", "", "r.example:0", "10.0.0.0/99"])
def test_wrong_insecure_entries(text: str) -> None:
    with pytest.raises(InvalidParameter, match="insecure registry"):
        check_insecure(text)


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("https://index.docker.io/v1/", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
        ("https://r.example:5000/v2/", "r.example:5000"),
        ("r.example", "r.example"),
    ],
)
def test_whose_credentials_they_are(address: str, domain: str) -> None:
    assert server_of(address) == domain
