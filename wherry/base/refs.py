"""Image references `[domain[:port]/]path[:tag][@algorithm:hex]`: stored canonical, shown familiar (images.md 1)."""

import re
from dataclasses import dataclass, replace

from wherry.base.errors import InvalidParameter

DEFAULT_DOMAIN = "docker.io"
LEGACY_DOMAIN = "index.docker.io"
OFFICIAL = "library/"
DEFAULT_TAG = "latest"
NAME_MAX = 255
TEXT_MAX = 1024
"""Characters of the longest text looked at: a name of 255, a tag of 128 and a digest of sha512 are shorter."""
DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
TAG = re.compile(_TAG)
REFERENCE = re.compile(
    rf"(?P<domain>{_DOMAIN})/(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
IDENTIFIER = re.compile(r"[a-f0-9]{64}")
SHA256 = re.compile(r"sha256:[a-f0-9]{64}")
HEX = re.compile(r"[a-f0-9]+")


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference; tag and digest are empty when absent."""

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The canonical name without tag and digest: `docker.io/library/alpine`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The name as people see it: `alpine`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        official = self.path.removeprefix(OFFICIAL)
        return self.path if "/" in official else official

    @property
    def canonical(self) -> str:
        """The whole reference as it is stored: `docker.io/library/alpine:3`."""
        return self.name + self._suffix

    @property
    def familiar(self) -> str:
        """The whole reference as people see it: `alpine:3`."""
        return self.familiar_name + self._suffix

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """Return what a user wrote as a reference, its name canonical, no tag added; InvalidParameter in Docker's words."""
    if len(text) > TEXT_MAX:
        raise InvalidParameter("invalid reference format")
    if IDENTIFIER.fullmatch(text):
        raise InvalidParameter(f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings")
    domain, rest = _split_domain(text)
    path = rest.partition(":")[0]
    if path != path.lower():
        raise InvalidParameter(f"invalid reference format: repository name ({path}) must be lowercase")
    found = REFERENCE.fullmatch(f"{domain}/{rest}")
    if found is None:
        raise InvalidParameter("invalid reference format")
    if len(f"{domain}/{found['path']}") > NAME_MAX:
        raise InvalidParameter(f"repository name must not be more than {NAME_MAX} characters")
    digest = found["digest"] or ""
    if digest:
        check_digest(digest)
    return Reference(domain, found["path"], found["tag"] or "", digest)


def with_default_tag(ref: Reference) -> Reference:
    """Return the reference with the tag `latest` if it has neither tag nor digest."""
    return ref if ref.tag or ref.digest else replace(ref, tag=DEFAULT_TAG)


def is_digest(text: str) -> bool:
    """Tell whether the text is a whole sha256 digest: `sha256:` and 64 lower-case hex digits."""
    return SHA256.fullmatch(text) is not None


def check_digest(text: str) -> None:
    """Raise InvalidParameter unless the text is a digest of an algorithm that is known."""
    algorithm, _, encoded = text.partition(":")
    if not encoded:
        raise InvalidParameter("invalid digest format")
    if algorithm not in DIGEST_LENGTHS:
        raise InvalidParameter("unsupported digest algorithm")
    if len(encoded) != DIGEST_LENGTHS[algorithm]:
        raise InvalidParameter("invalid checksum digest length")
    if not HEX.fullmatch(encoded):
        raise InvalidParameter("invalid digest format")


def check_tag(tag: str) -> None:
    """Raise InvalidParameter unless the text can be a tag."""
    if not TAG.fullmatch(tag):
        raise InvalidParameter("invalid tag format")


def _split_domain(text: str) -> tuple[str, str]:
    """Split a text into domain and rest; a first component that does not look like a host is a path on Docker Hub."""
    first, slash, rest = text.partition("/")
    if not slash:
        return DEFAULT_DOMAIN, OFFICIAL + text
    if first == LEGACY_DOMAIN:
        first = DEFAULT_DOMAIN
    elif first != "localhost" and "." not in first and ":" not in first and first == first.lower():
        return DEFAULT_DOMAIN, text
    if first == DEFAULT_DOMAIN and "/" not in rest:
        rest = OFFICIAL + rest
    return first, rest
