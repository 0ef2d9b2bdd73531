"""What a request asks beside its body: the decoded queries of attach, logs and list."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AttachOptions:
    """The query of attach (api-containers.md 2.3)."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    logs: bool = False
    stream: bool = False
    detach_keys: str = ""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The query of logs (api-containers.md 3.10). Times are nanoseconds since the epoch, tail None means all."""

    stdout: bool
    stderr: bool
    since: int = 0
    until: int = 0
    tail: int | None = None
    timestamps: bool = False
    details: bool = False
    follow: bool = False


@dataclass(frozen=True, slots=True)
class PullOptions:
    """The query of pull (images.md 13); `tag` may be a digest, `auth` is the header `X-Registry-Auth` as it came."""

    image: str
    tag: str = ""
    platform: str = ""
    auth: str = ""


@dataclass(frozen=True, slots=True)
class ListOptions:
    """The query of list; filters are key to values."""

    every: bool = False
    limit: int = 0
    size: bool = False
    filters: dict[str, list[str]] | None = None
