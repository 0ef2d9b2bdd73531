"""Pull: images come from a registry into the store (`POST /images/create?fromImage=`, images.md 13)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

from prometheus_client import Histogram

from wherry.base import refs
from wherry.base.errors import Cancelled, EngineError, Forbidden, InvalidParameter, NotFound
from wherry.base.metrics import Metrics
from wherry.base.refs import Reference
from wherry.containerd.content import Content
from wherry.containerd.images import Images
from wherry.containerd.leases import Leases
from wherry.images.credentials import read_credentials
from wherry.images.fetch import Fetch
from wherry.images.filters import labels_of
from wherry.images.held import hold
from wherry.images.manifests import INDEX_TYPES, MANIFEST_TYPES
from wherry.images.names import Names
from wherry.images.offers import Held
from wherry.images.platforms import fits, host_platform, parse_platform, show
from wherry.images.progress import Progress
from wherry.images.registry import Registry, Repository
from wherry.images.slots import Slots
from wherry.images.unpack import Unpacker
from wherry.model.image import Descriptor, Platform
from wherry.model.query import PullOptions

Json = dict[str, Any]

Begun = asyncio.Future[None]

SCRATCH = "library/scratch"
SCHEMA_1 = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
OLD_SCHEMA = (
    "[DEPRECATION NOTICE] Docker Image Format v1 and Docker Image manifest version 2, schema 1 support is disabled by "
    "default and will be removed in an upcoming release. Suggest the author of {} to upgrade the image to the OCI "
    "Format or Docker Image manifest v2, schema 2. More information at https://docs.docker.com/go/deprecated-image-specs/"
)

log = logging.getLogger("wherry.images")


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image that came, and whether anything of it is new."""

    ref: Reference
    platform: Platform
    new: bool


class Transfer:
    """A pull under way, which has something to say or has ended."""

    def __init__(self, progress: Progress, task: "asyncio.Task[None]") -> None:
        """Take what it says and who does it."""
        self._progress = progress
        self._task = task

    def messages(self) -> AsyncIterator[Json]:
        """Yield Docker's messages; a failure is the last one, with `errorDetail`."""
        return self._progress.messages()

    def cancel(self) -> None:
        """Give it up if it has not ended; what is there already stays for a while, for another attempt."""
        if not self._task.cancelling():  # a second one would cut its undo in two
            self._task.cancel()


class Pull:
    """The verb; several pulls may run at a time."""

    def __init__(
        self,
        content: Content,
        leases: Leases,
        images: Images,
        unpack: Unpacker,
        names: Names,
        registry: Registry,
        slots: Slots,
        mark: dict[str, str],
        times: Histogram,
    ) -> None:
        """Take containerd's services, who unpacks and names, the registries, our leases' labels, and what times it."""
        self._times = times
        self._content = content
        self._leases = leases
        self._images = images
        self._unpack = unpack
        self._names = names
        self._registry = registry
        self._slots = slots
        self._mark = mark
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, options: PullOptions) -> Transfer:
        """Begin; return once there is something to say.

        What fails before is raised: InvalidParameter, Forbidden, NotFound and others in Docker's words.
        """
        ref = read_reference(options.image, options.tag)
        wanted = parse_platform(options.platform, host_platform())
        progress = Progress()
        begun: Begun = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(ref, wanted, options.auth, progress, begun), name=f"pull {ref.familiar}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await begun
        except asyncio.CancelledError:
            task.cancel()
            raise
        return Transfer(progress, task)

    async def close(self) -> None:
        """Give up what is under way, and end the connections."""
        for task in self._tasks:
            if not task.cancelling():
                task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._registry.close()

    async def _run(self, ref: Reference, wanted: Platform | None, auth: str, progress: Progress, begun: Begun) -> None:
        """Pull; what fails before something was said is the failure of `begun`, what fails later is a message."""
        try:
            repository = await self._registry.repository(ref, read_credentials(auth))
            every = not ref.tag and not ref.digest
            found = [replace(ref, tag=tag) for tag in await repository.tags()] if every else [ref]
            with Metrics.timed(self._times, "pull"):
                pulled = [await self._pull(repository, one, wanted, progress, begun) for one in found]
            status = "Downloaded newer image" if any(one.new for one in pulled) else "Image is up to date"
            progress.say(f"Status: {status} for {ref.familiar}")
            for one in pulled:
                if wanted is not None and not fits(one.platform, wanted):
                    progress.say(f"WARNING: {mismatch(one.ref, one.platform, wanted)}")
        except EngineError as error:
            log.info("pull of %s failed: %s", ref.familiar, error)
            _fail(error, progress, begun)
        except BaseException as error:
            _fail(Cancelled(f"the pull was given up: {type(error).__name__}"), progress, begun)
            raise
        finally:
            progress.end()
            _settle(begun)

    async def _pull(
        self, repository: Repository, ref: Reference, wanted: Platform | None, progress: Progress, begun: Begun
    ) -> Pulled:
        """Pull one tag or digest; what is there before a failure stays as it was."""
        resolved = await repository.resolve(ref)
        target = resolved.target
        check_target(ref, target)
        progress.say(f"Pulling from {ref.path}", ref.familiar if ref.digest else ref.tag)
        _settle(begun)
        async with hold(self._leases, self._mark, stays=True) as lease:
            held = Held(self._content, self._leases, lease)
            fetch = Fetch(repository, held, self._unpack, self._slots, progress, wanted or host_platform())
            fetched = await fetch(target, resolved.raw)
            moved = await self._moves(ref, target)
            await self._names.point(ref.canonical, target, lease)
        progress.say(f"Digest: {target.digest}")
        self._names.announce("pull", ref.familiar, ref.familiar_name, labels_of(fetched.image.config))
        return Pulled(ref, fetched.image.platform, moved or fetched.downloaded)

    async def _moves(self, ref: Reference, target: Descriptor) -> bool:
        """Tell whether a name does not mean a target yet."""
        try:
            return (await self._images.get(ref.canonical)).target.digest != target.digest
        except NotFound:
            return True


def read_reference(image: str, tag: str) -> Reference:
    """Return what is to be pulled, without tag and digest for all tags; InvalidParameter, Forbidden as Docker says."""
    ref = refs.parse(image.removesuffix(":"))
    if tag:
        whole = refs.is_digest(tag)
        ref = replace(ref, tag="" if whole else tag, digest=tag if whole else "")
    if tag and not ref.digest:
        refs.check_tag(tag)
    if ref.name == f"{refs.DEFAULT_DOMAIN}/{SCRATCH}":
        raise Forbidden("'scratch' is a reserved name")
    if ref.digest and not refs.is_digest(ref.digest):
        raise InvalidParameter("unsupported digest algorithm")
    # The digest says it all: a tag beside it is not stored.
    return replace(ref, tag="") if ref.digest else ref


def check_target(ref: Reference, target: Descriptor) -> None:
    """Raise InvalidParameter in Docker's words for what is no image of today."""
    if target.media_type in SCHEMA_1:
        raise InvalidParameter(OLD_SCHEMA.format(ref.canonical))
    if target.media_type not in INDEX_TYPES | MANIFEST_TYPES:
        raise InvalidParameter(f"unsupported media type {target.media_type}")


def mismatch(ref: Reference, found: Platform, wanted: Platform) -> str:
    """Say that an image of a single platform is for another one, in Docker's words."""
    return (
        f"image with reference {ref.familiar} was found but its platform ({show(found)}) does not match the specified "
        f"platform ({show(wanted)})"
    )


def _fail(error: EngineError, progress: Progress, begun: Begun) -> None:
    if begun.done():
        progress.fail(str(error))
    else:
        begun.set_exception(error)


def _settle(begun: Begun) -> None:
    if not begun.done():
        begun.set_result(None)
