"""A registry as a pull sees it: references to descriptors, documents and blobs by digest (images.md 12)."""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

import msgspec
from aiohttp import ClientResponse

from wherry.base.errors import EngineError, InvalidParameter, System, Unauthorized
from wherry.base.offload import offload
from wherry.base.refs import Reference, check_tag, is_digest
from wherry.images.credentials import NOBODY, Challenge, Credentials, read_challenges
from wherry.images.hosts import Endpoint, Registries
from wherry.images.manifests import INDEX_TYPES, MANIFEST_TYPES
from wherry.images.offers import decode, digest_of
from wherry.images.refusals import denied, refusal
from wherry.images.tokens import NoCredentials, authorize
from wherry.images.web import DOCUMENT, Document, Request, Transient, Unreachable, Web, whole, within
from wherry.model.image import Descriptor

T = TypeVar("T")
Pause = Callable[[float], Awaitable[object]]

ATTEMPTS = 5
PAUSE_SECONDS = 1
"""Before the second attempt; twice as long before each further one."""
ACCEPT = ", ".join((*sorted(INDEX_TYPES), *sorted(MANIFEST_TYPES), "*/*"))
TAGS_MAX, PAGES_MAX = 10_000, 100
"""How many tags of one repository are listed, and in how many answers."""
_NEXT = re.compile(r"<([^<>]+)>\s*;\s*rel=\"?next\"?")

log = logging.getLogger("wherry.images")


class Watcher(Protocol):
    """Who follows the download of a blob."""

    def got(self, size: int) -> None:
        """Note bytes that came."""
        ...

    async def wait(self, seconds: int) -> None:
        """Wait before the next attempt."""
        ...


class Tags(msgspec.Struct, frozen=True):
    """An answer to the question for tags."""

    tags: list[str] = []


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference means now; `raw` is the document if it had to be read to find out."""

    target: Descriptor
    raw: bytes = b""


class Registry:
    """All registries there are; a repository of one is asked through `repository`."""

    def __init__(self, registries: Registries, pause: Pause = asyncio.sleep) -> None:
        """Take what the configuration says, and who waits before another attempt."""
        self.configured = registries
        self._pause = pause
        self._web = Web()

    async def repository(self, ref: Reference, who: Credentials) -> "Repository":
        """Return the repository of a reference as a client may see it; nothing is asked yet."""
        endpoints = await self.configured.endpoints(ref.domain)
        return Repository(self._web, endpoints, ref, who if who.are_for(ref.domain) else NOBODY, self._pause)

    async def close(self) -> None:
        """End all connections."""
        await self._web.close()


class Repository:
    """One repository during one operation: it remembers which endpoint has answered, and the tokens."""

    def __init__(
        self, web: Web, endpoints: list[Endpoint], ref: Reference, who: Credentials, pause: Pause = asyncio.sleep
    ) -> None:
        """Take where to ask, the first to ask first, for whom, and who waits before another attempt."""
        self._pause = pause
        self._web = web
        self._endpoints = endpoints
        self._ref = ref
        self._who = who
        self._headers: dict[str, str] = {}
        self._lock = asyncio.Lock()

    async def resolve(self, ref: Reference) -> Resolved:
        """Return what a tag or a digest means; NotFound and others in Docker's words."""
        wanted = ref.digest or ref.tag

        async def ask(endpoint: Endpoint) -> Resolved:
            # A HEAD is not counted by registries that limit how much may be pulled.
            answer = await self._ask(endpoint, "HEAD", f"manifests/{wanted}")
            digest, size = answer.headers.get("Docker-Content-Digest", ""), answer.headers.get("Content-Length", "")
            kind = _media_type(answer)
            known = kind in INDEX_TYPES | MANIFEST_TYPES and is_digest(digest) and size.isascii() and size.isdigit()
            if answer.status == 200 and known and len(size) < 10 and ref.digest in ("", digest):
                return Resolved(Descriptor(media_type=kind, digest=digest, size=int(size)))
            answer = self._checked(await self._ask(endpoint, "GET", f"manifests/{wanted}"), ref)
            target = Descriptor(media_type=_media_type(answer), digest=digest_of(answer.body), size=len(answer.body))
            if ref.digest not in ("", target.digest):
                raise System(f"manifest verification failed for digest {ref.digest}")
            return Resolved(target, answer.body)

        return await self._each(ask)

    async def document(self, target: Descriptor, kind: str) -> bytes:
        """Return a document of `manifests` or `blobs`, which is what its digest says; System if it is not."""

        async def ask(endpoint: Endpoint) -> bytes:
            answer = self._checked(await self._ask(endpoint, "GET", f"{kind}/{target.digest}"), self._ref)
            if await offload(digest_of, answer.body) != target.digest:
                raise System(f"manifest verification failed for digest {target.digest}")
            return answer.body

        return await self._each(ask)

    async def blob(self, target: Descriptor, watcher: Watcher) -> AsyncGenerator[bytes, None]:
        """Yield a blob; what breaks off goes on where it was, five times at most.

        InvalidParameter if it is longer or shorter than the descriptor says; whose bytes they are is not checked.
        """
        offset, attempt = 0, 1
        while offset < target.size:
            endpoint = self._endpoints[0]
            try:
                async with aclosing(self._rest(endpoint, target, offset)) as chunks:
                    async for chunk in chunks:
                        offset += len(chunk)
                        watcher.got(len(chunk))
                        yield chunk
                if offset != target.size:
                    raise InvalidParameter(f"content {target.digest} has {offset} bytes, not {target.size}")
            except EngineError as error:
                if self._pass_on(endpoint, error):
                    continue
                if not isinstance(error, Transient) or attempt == ATTEMPTS:
                    raise
                log.info("attempt %d: %s", attempt, error)
                await watcher.wait(PAUSE_SECONDS << (attempt - 1))
                attempt += 1

    async def tags(self) -> list[str]:
        """Return all tags; System if they are too many."""

        async def ask(endpoint: Endpoint) -> list[str]:
            found: list[str] = []
            path = "tags/list"
            for _ in range(PAGES_MAX):
                answer = self._checked(await self._ask(endpoint, "GET", path), self._ref)
                found += (await offload(decode, answer.body, Tags, "tags")).tags
                following = _NEXT.search(answer.headers.get("Link", ""))
                if len(found) > TAGS_MAX:
                    break
                if following is None:
                    for tag in found:
                        check_tag(tag)
                    return found
                # Only the query is taken over: where the tags are is known.
                path = f"tags/list?{urlsplit(urljoin(endpoint.base, following[1])).query}"
            raise System(f"repository {self._ref.familiar_name} has more than {TAGS_MAX} tags")

        return await self._each(ask)

    async def _rest(self, endpoint: Endpoint, target: Descriptor, offset: int) -> AsyncGenerator[bytes, None]:
        """Yield a blob from an offset on, from one endpoint."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        async with self._open(endpoint, "GET", f"blobs/{target.digest}", headers) as answer:
            if answer.status not in (200, 206):
                raise refusal(await whole(answer, DOCUMENT), self._ref)
            if answer.status == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                raise System(f"content {target.digest}: the registry answers with another range")
            skip = offset if answer.status == 200 else 0
            async for chunk in answer.content.iter_any():
                rest = chunk[skip:]
                skip -= len(chunk) - len(rest)
                offset += len(rest)
                if offset > target.size:
                    raise InvalidParameter(f"content {target.digest} has more than {target.size} bytes")
                yield rest

    async def _each(self, ask: Callable[[Endpoint], Awaitable[T]]) -> T:
        """Ask one endpoint after the other until one has answered; what is transient at the last one is tried again."""
        attempt = 1
        while True:
            endpoint = self._endpoints[0]
            try:
                answer = await ask(endpoint)
            except EngineError as error:
                if self._pass_on(endpoint, error):
                    continue
                if not isinstance(error, Transient) or isinstance(error, Unreachable) or attempt == ATTEMPTS:
                    raise
                log.info("attempt %d: %s", attempt, error)
                await self._pause(PAUSE_SECONDS << (attempt - 1))
                attempt += 1
            else:
                if not endpoint.mirror:
                    self._endpoints = [endpoint]
                return answer

    def _pass_on(self, endpoint: Endpoint, error: EngineError) -> bool:
        """Give an endpoint up if there is another, and tell whether that is to be asked instead."""
        if self._endpoints[0] is not endpoint:
            return True
        if len(self._endpoints) == 1 or not (endpoint.mirror or isinstance(error, Transient)):
            return False
        log.info("going on with %s: %s", self._endpoints[1].base, error)
        self._endpoints = self._endpoints[1:]
        return True

    async def _ask(self, endpoint: Endpoint, method: str, path: str) -> Document:
        """Return a whole answer, whatever its status."""
        async with within(f"{method} {path}"), self._open(endpoint, method, path, {"Accept": ACCEPT}) as answer:
            return await whole(answer, DOCUMENT)

    def _checked(self, answer: Document, ref: Reference) -> Document:
        if answer.status != 200:
            raise refusal(answer, ref)
        return answer

    @asynccontextmanager
    async def _open(
        self, endpoint: Endpoint, method: str, path: str, headers: Mapping[str, str]
    ) -> AsyncIterator[ClientResponse]:
        """Yield the answer to a request; one that is refused for want of a token is sent again with one."""
        used = self._headers.get(endpoint.base, "")
        url = f"{endpoint.base}/v2/{self._ref.path}/{path}"
        request = Request(method, url, headers, used, endpoint.insecure)
        async with AsyncExitStack() as opened:
            answer = await opened.enter_async_context(self._web.open(request))
            if answer.status == 401:
                challenges = read_challenges(answer.headers.getall("WWW-Authenticate", []))
                await opened.aclose()
                header = await self._authorize(endpoint, challenges, used)
                answer = await opened.enter_async_context(self._web.open(replace(request, authorization=header)))
            yield answer

    async def _authorize(self, endpoint: Endpoint, challenges: list[Challenge], used: str) -> str:
        """Return the header that an endpoint wants; one that others have got meanwhile will do."""
        async with self._lock:
            known = self._headers.get(endpoint.base, "")
            if known != used:
                return known
            who = NOBODY if endpoint.mirror else self._who
            scope = f"repository:{self._ref.path}:pull"
            try:
                header = await authorize(self._web, challenges, who, scope, endpoint.insecure)
            except NoCredentials as error:
                raise NoCredentials(f'Get "{endpoint.base}/v2/": {error}') from error
            except Unauthorized as error:
                raise denied(self._ref, error) from error
            self._headers[endpoint.base] = header
            return header


def _media_type(answer: Document) -> str:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip()
