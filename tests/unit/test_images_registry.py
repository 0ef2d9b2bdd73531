"""The client of registries against a server in this process: tokens, redirects, ranges, attempts, bounds."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from wherry.base.errors import EngineError, InvalidParameter, NotFound, System
from wherry.base.refs import Reference
from wherry.images.credentials import NOBODY, Credentials
from wherry.images.hosts import Endpoint
from wherry.images.registry import ATTEMPTS, Repository
from wherry.images.web import Request, Web, proxy_for, redirected
from wherry.model.image import Descriptor

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DATA = bytes(range(256)) * 1000
DIGEST = f"sha256:{sha256(DATA).hexdigest()}"
BLOB = Descriptor(digest=DIGEST, size=len(DATA))
JOE = Credentials(username="joe", password="secret")
BASIC = "Basic " + base64.b64encode(b"joe:secret").decode()

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Shop:
    """A server whose answers a test sets by path, and a repository of it."""

    server: TestServer
    client: Web
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)
    """Method, path, Range and Authorization of each request."""
    paused: list[float] = field(default_factory=list)
    got: int = 0
    waits: list[int] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = request.headers
        self.asked.append((request.method, request.path, headers.get("Range", ""), headers.get("Authorization", "")))
        return await self.answers[request.path](request)

    @property
    def base(self) -> str:
        return str(self.server.make_url("")).rstrip("/")

    def repository(self, who: Credentials = NOBODY, *endpoints: Endpoint) -> Repository:
        async def pause(seconds: float) -> None:
            self.paused.append(seconds)

        places = list(endpoints) or [Endpoint(self.base, insecure=True)]
        return Repository(self.client, places, Reference("r.example", "a/b", "1"), who, pause)


class Watcher:
    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def got(self, size: int) -> None:
        self.shop.got += size

    async def wait(self, seconds: int) -> None:
        self.shop.waits.append(seconds)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await made.handle(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    server = TestServer(app)
    await server.start_server()
    made = Shop(server, Web())
    yield made
    await made.client.close()
    await server.close()


def plain(body: bytes = b"", status: int = 200, **headers: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=body, status=status, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    return answer


def guarded(inner: Answer, challenge: str, *allowed: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") in allowed:
            return await inner(request)
        return web.Response(status=401, headers={"WWW-Authenticate": challenge})

    return answer


def cut(data: bytes, *pieces: int, ranges: bool = True) -> Answer:
    """Answer with so many bytes, then break off; whole when there is no piece left."""
    left = list(pieces)

    async def answer(request: web.Request) -> web.StreamResponse:
        at = int(request.headers.get("Range", "bytes=0-")[6:-1]) if ranges else 0
        headers = {"Content-Range": f"bytes {at}-{len(data) - 1}/{len(data)}"} if at else {}
        response = web.StreamResponse(status=206 if at else 200, headers=headers)
        response.content_length = len(data) - at
        await response.prepare(request)
        if left:
            await response.write(data[at : at + left.pop(0)])
            assert request.transport is not None
            request.transport.close()
        else:
            await response.write(data[at:])
        return response

    return answer


async def fetch(shop: Shop, repository: Repository | None = None, blob: Descriptor = BLOB) -> bytes:
    return b"".join([chunk async for chunk in (repository or shop.repository()).blob(blob, Watcher(shop))])


TAG = Reference("r.example", "a/b", "1")


async def test_a_tag_by_head(shop: Shop) -> None:
    shop.answers["/v2/a/b/manifests/1"] = plain(b"{}", Docker_Content_Digest=DIGEST, Content_Type=MANIFEST)
    found = await shop.repository().resolve(TAG)
    assert found.target == Descriptor(media_type=MANIFEST, digest=DIGEST, size=2)
    assert [asked[0] for asked in shop.asked] == ["HEAD"]


@pytest.mark.parametrize("digest", ["", "sha256:0", "md5:1"])
async def test_a_head_that_does_not_say_enough(shop: Shop, digest: str) -> None:
    shop.answers["/v2/a/b/manifests/1"] = plain(DATA, Docker_Content_Digest=digest, Content_Type=MANIFEST)
    found = await shop.repository().resolve(TAG)
    assert (found.target.digest, found.raw) == (DIGEST, DATA)
    assert [asked[0] for asked in shop.asked] == ["HEAD", "GET"]


async def test_a_digest_is_checked(shop: Shop) -> None:
    ref = Reference("r.example", "a/b", "", "sha256:" + "0" * 64)
    shop.answers[f"/v2/a/b/manifests/{ref.digest}"] = plain(DATA, Content_Type=MANIFEST)
    with pytest.raises(System, match="manifest verification failed"):
        await shop.repository().resolve(ref)


REFUSALS: list[tuple[int, bytes, type[EngineError], str]] = [
    (404, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}', NotFound,
     "manifest for r.example/a/b:1 not found: manifest unknown: manifest unknown"),
    (404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}', NotFound,
     "repository r.example/a/b not found: name unknown: repository name not known to registry"),
    (404, b"<html>", NotFound, "manifest for r.example/a/b:1 not found"),
    (403, b'{"errors":[{"code":"DENIED","message":"no"}]}', NotFound,
     "pull access denied for r.example/a/b, repository does not exist or may require 'docker login': denied: no"),
    (400, b'{"errors":[{"code":"SIZE_INVALID","message":"m"}]}', System, "error from registry: size invalid: m"),
    (418, b"", System, "received unexpected HTTP status: 418 I'm a Teapot"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "text"), REFUSALS)
async def test_refusals(shop: Shop, status: int, body: bytes, kind: type[EngineError], text: str) -> None:
    shop.answers["/v2/a/b/manifests/1"] = plain(body, status)
    with pytest.raises(kind) as caught:
        await shop.repository().resolve(TAG)
    assert str(caught.value) == text
    assert shop.paused == []


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (503, b"", "received unexpected HTTP status: 503 Service Unavailable"),
        (429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}', "toomanyrequests: slow down"),
    ],
)
async def test_what_may_pass_is_tried_again(shop: Shop, status: int, body: bytes, text: str) -> None:
    shop.answers["/v2/a/b/manifests/1"] = plain(body, status)
    with pytest.raises(System, match=text):
        await shop.repository().resolve(TAG)
    assert shop.paused == [1, 2, 4, 8]


async def test_an_answer_without_end_is_refused(shop: Shop) -> None:
    shop.answers["/v2/a/b/manifests/1"] = plain(b"x" * (5 << 20))
    with pytest.raises(System, match="larger than 4194304 bytes"):
        await shop.repository().resolve(TAG)


# Tokens.


def bearer(shop: Shop) -> str:
    return f'Bearer realm="{shop.base}/token",service="s",scope="ignored"'


async def test_a_token_for_nobody_is_got_once(shop: Shop) -> None:
    shop.answers["/v2/a/b/manifests/1"] = guarded(plain(DATA, Content_Type=MANIFEST), bearer(shop), "Bearer t")
    shop.answers["/token"] = plain(b'{"token":"t"}')
    repository = shop.repository()
    await repository.resolve(TAG)
    await repository.resolve(TAG)
    assert [asked[1] for asked in shop.asked].count("/token") == 1


async def test_a_token_that_is_refused_later_is_renewed(shop: Shop) -> None:
    tokens = iter(("one", "two"))

    async def token(request: web.Request) -> web.StreamResponse:
        assert request.query == {"scope": "repository:a/b:pull", "service": "s"}
        return web.json_response({"access_token": next(tokens)})

    shop.answers["/token"] = token
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = guarded(plain(DATA), bearer(shop), "Bearer one")
    repository = shop.repository()
    assert await fetch(shop, repository) == DATA
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = guarded(plain(DATA), bearer(shop), "Bearer two")
    assert await fetch(shop, repository) == DATA


FORM: list[tuple[Credentials, dict[str, str]]] = [
    (JOE, {"grant_type": "password", "username": "joe", "password": "secret"}),
    (Credentials(identity_token="i"), {"grant_type": "refresh_token", "refresh_token": "i"}),
]


@pytest.mark.parametrize(("who", "form"), FORM)
async def test_a_token_for_somebody(shop: Shop, who: Credentials, form: dict[str, str]) -> None:
    async def token(request: web.Request) -> web.StreamResponse:
        posted: dict[str, Any] = dict(await request.post())
        assert posted == {**form, "client_id": "containerd-client", "service": "s", "scope": "repository:a/b:pull"}
        return web.json_response({"access_token": "t"})

    shop.answers["/token"] = token
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = guarded(plain(DATA), bearer(shop), "Bearer t")
    assert await fetch(shop, shop.repository(who)) == DATA


async def test_token_servers_that_know_no_post(shop: Shop) -> None:
    async def token(request: web.Request) -> web.StreamResponse:
        if request.method == "POST":
            return web.Response(status=405)
        assert request.headers["Authorization"] == BASIC
        return web.json_response({"token": "t"})

    shop.answers["/token"] = token
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = guarded(plain(DATA), bearer(shop), "Bearer t")
    assert await fetch(shop, shop.repository(JOE)) == DATA


async def test_wrong_credentials(shop: Shop) -> None:
    shop.answers["/token"] = plain(b"", 401)
    shop.answers["/v2/a/b/manifests/1"] = guarded(plain(), bearer(shop))
    with pytest.raises(NotFound, match="pull access denied.*unauthorized: incorrect username or password"):
        await shop.repository(JOE).resolve(TAG)


async def test_secrets_need_tls(shop: Shop) -> None:
    shop.answers["/v2/a/b/manifests/1"] = guarded(plain(), bearer(shop))
    with pytest.raises(System, match="refused to send credentials"):
        await shop.repository(JOE, Endpoint(shop.base)).resolve(TAG)
    assert "/token" not in [asked[1] for asked in shop.asked]


@pytest.mark.parametrize("realm", ["", "file:///etc/passwd", "//x"])
async def test_a_strange_realm(shop: Shop, realm: str) -> None:
    shop.answers["/v2/a/b/manifests/1"] = guarded(plain(), f'Bearer realm="{realm}"')
    with pytest.raises(System, match="invalid realm"):
        await shop.repository().resolve(TAG)


async def test_basic(shop: Shop) -> None:
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = guarded(plain(DATA), 'Basic realm="x"', BASIC)
    assert await fetch(shop, shop.repository(JOE)) == DATA
    with pytest.raises(System, match="no basic auth credentials"):
        await fetch(shop)


# Blobs.


async def test_a_blob_goes_on_where_it_broke_off(shop: Shop) -> None:
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = cut(DATA, 1000, 70_000)
    assert await fetch(shop) == DATA
    assert [asked[2] for asked in shop.asked] == ["", "bytes=1000-", "bytes=71000-"]
    assert (shop.waits, shop.got) == ([1, 2], len(DATA))


async def test_a_registry_without_ranges(shop: Shop) -> None:
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = cut(DATA, 100_000, 5, ranges=False)
    assert await fetch(shop) == DATA


async def test_attempts_end(shop: Shop) -> None:
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = cut(DATA, *[10] * 50)
    with pytest.raises(System, match="unexpected EOF"):
        await fetch(shop)
    assert len(shop.asked) == ATTEMPTS
    assert shop.waits == [1, 2, 4, 8]


async def test_another_range_than_asked_for(shop: Shop) -> None:
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = plain(DATA, 206, Content_Range="bytes 1-2/3")
    with pytest.raises(System, match="another range"):
        await fetch(shop)


@pytest.mark.parametrize("data", [DATA + b"x", DATA[:-1], b""])
async def test_a_blob_of_another_size(shop: Shop, data: bytes) -> None:
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = plain(data)
    with pytest.raises(InvalidParameter, match="bytes"):
        await fetch(shop)
    assert len(shop.asked) == 1


async def test_another_host_gets_no_credentials(shop: Shop) -> None:
    there = f"http://localhost:{shop.server.port}/elsewhere"
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = guarded(plain(b"", 307, Location=there), "Basic realm=x", BASIC)
    shop.answers["/elsewhere"] = plain(DATA)
    assert await fetch(shop, shop.repository(JOE)) == DATA
    assert shop.asked[-1][1:] == ("/elsewhere", "", "")


async def test_the_same_host_gets_them(shop: Shop) -> None:
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = guarded(plain(b"", 302, Location="/here"), "Basic realm=x", BASIC)
    shop.answers["/here"] = plain(DATA)
    assert await fetch(shop, shop.repository(JOE)) == DATA
    assert shop.asked[-1][3] == BASIC


async def test_redirects_end(shop: Shop) -> None:
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = plain(b"", 302, Location=f"/v2/a/b/blobs/{DIGEST}")
    with pytest.raises(System, match="stopped after 10 redirects"):
        await fetch(shop)


def test_where_a_redirect_may_lead() -> None:
    request = Request("GET", "https://a.example/x", authorization="secret")
    assert redirected(request, "/y").authorization == "secret"
    assert redirected(request, "https://b.example/y").authorization == ""
    assert redirected(request, "https://a.example:8443/y").authorization == ""
    for location in ("http://a.example/y", "ftp://a.example/y", "file:///etc/passwd"):
        with pytest.raises(System):
            redirected(request, location)


def test_this_machine_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://p.example:3128")
    monkeypatch.setenv("no_proxy", "a.example")
    assert proxy_for("https://b.example/v2/") == "http://p.example:3128"
    for url in ("https://a.example/", "http://b.example/", "https://127.0.0.1:5000/", "https://localhost/"):
        assert proxy_for(url) is None


# Endpoints.


async def test_plain_http_comes_after_tls(shop: Shop) -> None:
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = plain(DATA)
    places = (Endpoint(shop.base.replace("http", "https"), True), Endpoint(shop.base, True))
    assert await fetch(shop, shop.repository(NOBODY, *places)) == DATA


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_a_mirror_that_fails_is_passed_by(shop: Shop, status: int) -> None:
    shop.answers[f"/m/v2/a/b/blobs/{DIGEST}"] = plain(b"", status)
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = plain(DATA)
    places = (Endpoint(f"{shop.base}/m", True, mirror=True), Endpoint(shop.base, True))
    assert await fetch(shop, shop.repository(JOE, *places)) == DATA
    assert shop.waits == []


async def test_a_mirror_is_asked_anonymously(shop: Shop) -> None:
    shop.answers[f"/m/v2/a/b/blobs/{DIGEST}"] = guarded(plain(DATA), "Basic realm=x", BASIC)
    shop.answers[f"/v2/a/b/blobs/{DIGEST}"] = guarded(plain(DATA), "Basic realm=x", BASIC)
    places = (Endpoint(f"{shop.base}/m", True, mirror=True), Endpoint(shop.base, True))
    assert await fetch(shop, shop.repository(JOE, *places)) == DATA
    assert all(not asked[3] for asked in shop.asked if asked[1].startswith("/m/"))


async def test_nobody_there_is_told_at_once() -> None:
    client, waits = Web(), []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    repository = Repository(client, [Endpoint("http://127.0.0.1:1", True)], TAG, NOBODY, pause)
    with pytest.raises(System, match="dial tcp 127.0.0.1:1: connect: connection refused"):
        await repository.resolve(TAG)
    await client.close()
    assert waits == []


# Tags.


async def test_tags_come_in_pages(shop: Shop) -> None:
    async def tags(request: web.Request) -> web.StreamResponse:
        if request.query.get("last") == "2":
            return web.json_response({"tags": ["3"]})
        return web.json_response({"tags": ["1", "2"]}, headers={"Link": '</v2/a/b/tags/list?n=2&last=2>; rel="next"'})

    shop.answers["/v2/a/b/tags/list"] = tags
    assert await shop.repository().tags() == ["1", "2", "3"]


async def test_tags_without_end(shop: Shop) -> None:
    async def tags(request: web.Request) -> web.StreamResponse:
        return web.json_response({"tags": ["1"]}, headers={"Link": "<?last=1>; rel=next"})

    shop.answers["/v2/a/b/tags/list"] = tags
    with pytest.raises(System, match="more than"):
        await shop.repository().tags()
