"""HTTP requests to registries: bounded, redirected with care, their failures in Docker's words (images.md 12.2)."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from wherry.base.errors import InvalidParameter, System
from wherry.base.version import ENGINE_VERSION

REDIRECTS = 10
REDIRECTED = frozenset((301, 302, 303, 307, 308))
CONNECT_SECONDS, IDLE_SECONDS = 30.0, 60.0
WHOLE_SECONDS = 120.0
"""How long a document may take, redirects and body included."""
DOCUMENT = 4 << 20
"""Bytes of the largest document that is read: Docker's own limit of a manifest."""
USER_AGENT = f"docker/{ENGINE_VERSION} os/linux"
LOCAL = ("localhost", "127.", "[::1]")


class Transient(System):
    """A failure that another attempt may not meet."""


class Unreachable(Transient):
    """Nobody answers there, or nobody who can be trusted."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `authorization` goes to the host of the URL only, `insecure` allows any certificate there."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    authorization: str = ""
    insecure: bool = False
    form: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    challenges: list[str]
    body: bytes


class Web:
    """Sends requests; connections are kept until `close`, and none is made before the first request."""

    def __init__(self) -> None:
        """Begin without a session: it needs a loop that runs."""
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """End all connections; the next request would make new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def read(self, request: Request, limit: int = DOCUMENT) -> Document:
        """Return a whole answer; Transient if it does not come, System if its body has more than `limit` bytes."""
        async with within(_said(request)), self.open(request) as answer:
            return await whole(answer, limit)

    @contextlib.asynccontextmanager
    async def open(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Yield the answer after all redirects, its body unread; Transient also for what breaks while it is read."""
        with _translate(request):
            async with AsyncExitStack() as opened:
                for _ in range(REDIRECTS):
                    answer = await self._send(request, opened)
                    location = answer.headers.get("Location", "")
                    if answer.status not in REDIRECTED or not location or request.method == "POST":
                        yield answer
                        return
                    await opened.aclose()
                    request = redirected(request, location)
        raise System(f"{_said(request)}: stopped after {REDIRECTS} redirects")

    async def _send(self, request: Request, opened: AsyncExitStack) -> aiohttp.ClientResponse:
        headers = dict(request.headers)
        if request.authorization:
            headers["Authorization"] = request.authorization
        answer = self._ready().request(
            request.method,
            request.url,
            headers=headers,
            data=None if request.form is None else dict(request.form),
            allow_redirects=False,
            ssl=not request.insecure,
            proxy=proxy_for(request.url),
        )
        return await opened.enter_async_context(answer)

    def _ready(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=IDLE_SECONDS),
            )
        return self._session


async def whole(answer: aiohttp.ClientResponse, limit: int) -> Document:
    """Read an answer to its end; System if its body has more than `limit` bytes."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise System(f"the answer of {answer.url.host} is larger than {limit} bytes")
    return Document(answer.status, answer.headers, answer.headers.getall("WWW-Authenticate", []), bytes(body))


@contextlib.asynccontextmanager
async def within(what: str) -> AsyncIterator[None]:
    """Bound the time for a document; Transient when it is over."""
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            yield
    except TimeoutError as error:
        raise Transient(f"{what}: context deadline exceeded") from error


def redirected(request: Request, location: str) -> Request:
    """Return the request for the place an answer sent us to.

    Another host gets no credentials; System where nothing may be fetched from: other schemes, or no TLS after TLS.
    """
    url = urljoin(request.url, location)
    old, new = urlsplit(request.url), urlsplit(url)
    if new.scheme not in ("http", "https"):
        raise System(f'{_said(request)}: unsupported protocol scheme "{new.scheme}"')
    if (old.scheme, new.scheme) == ("https", "http") and not request.insecure:
        raise System(f"{_said(request)}: redirected from TLS to {new.scheme}://{new.netloc}")
    if (old.scheme, old.netloc) == (new.scheme, new.netloc):
        return replace(request, url=url)
    # Whose certificate may be anybody's is said of the first host alone, unless the next one is plain HTTP anyway.
    return replace(request, url=url, authorization="", insecure=request.insecure and new.scheme == "http")


def proxy_for(url: str) -> str | None:
    """Return the proxy that the environment names for a URL, None for none; this machine needs none."""
    parts = urlsplit(url)
    if parts.netloc.startswith(LOCAL) or proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme) or None


@contextlib.contextmanager
def _translate(request: Request) -> Iterator[None]:
    """Turn what aiohttp raises into kinds, in the words of Go's client as far as they are the system's."""
    try:
        yield
    except aiohttp.InvalidURL as error:
        raise InvalidParameter(f"{_said(request)}: invalid URL") from error
    except aiohttp.ClientConnectorDNSError as error:
        host = urlsplit(request.url).hostname
        raise Unreachable(f"{_said(request)}: dial tcp: lookup {host}: no such host") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise Unreachable(
            f"{_said(request)}: tls: failed to verify certificate: x509: {error.certificate_error}"
        ) from error
    except aiohttp.ClientConnectorSSLError as error:
        raise Unreachable(f"{_said(request)}: tls: {error.os_error}") from error
    except aiohttp.ClientConnectorError as error:
        reason = os.strerror(error.os_error.errno).lower() if error.os_error.errno else str(error.os_error)
        raise Unreachable(f"{_said(request)}: dial tcp {error.host}:{error.port}: connect: {reason}") from error
    except aiohttp.ServerTimeoutError as error:
        raise Transient(f"{_said(request)}: net/http: timeout awaiting response") from error
    except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError) as error:
        raise Transient(f"{_said(request)}: unexpected EOF") from error
    except (aiohttp.ClientError, OSError) as error:
        raise Transient(f"{_said(request)}: {error}") from error


def _said(request: Request) -> str:
    """Return the request as Go's errors name it, without the signature that a query may hold."""
    return f'{request.method.capitalize()} "{request.url.partition("?")[0]}"'
