"""References: what users write, what is stored, what is shown, and Docker's words for what is wrong (images.md 1)."""

import pytest

from wherry.base.errors import InvalidParameter
from wherry.base.refs import Reference, check_digest, check_tag, is_digest, parse, with_default_tag

HEX = "ab" * 32
DIGEST = f"sha256:{HEX}"


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("alpine", "docker.io/library/alpine", "alpine"),
        ("alpine:3", "docker.io/library/alpine:3", "alpine:3"),
        ("library/alpine", "docker.io/library/alpine", "alpine"),
        ("docker.io/alpine", "docker.io/library/alpine", "alpine"),
        ("index.docker.io/alpine", "docker.io/library/alpine", "alpine"),
        ("index.docker.io/a/b", "docker.io/a/b", "a/b"),
        ("a/b:V1.0_x", "docker.io/a/b:V1.0_x", "a/b:V1.0_x"),
        ("library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/x", "localhost/x", "localhost/x"),
        ("host:5000/x:1", "host:5000/x:1", "host:5000/x:1"),
        ("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"),
        ("Host/x", "Host/x", "Host/x"),
        ("ghcr.io/a/b__c/d--e", "ghcr.io/a/b__c/d--e", "ghcr.io/a/b__c/d--e"),
        (f"alpine@{DIGEST}", f"docker.io/library/alpine@{DIGEST}", f"alpine@{DIGEST}"),
        (f"alpine:3@{DIGEST}", f"docker.io/library/alpine:3@{DIGEST}", f"alpine:3@{DIGEST}"),
    ],
)
def test_parse(text: str, canonical: str, familiar: str) -> None:
    ref = parse(text)
    assert (ref.canonical, ref.familiar) == (canonical, familiar)
    assert parse(canonical) == ref


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "invalid reference format"),
        ("/x", "invalid reference format"),
        ("a//b", "invalid reference format"),
        ("a b", "invalid reference format"),
        ("alpine\n", "invalid reference format"),
        ("a___b", "invalid reference format"),
        ("-a", "invalid reference format"),
        ("a:", "invalid reference format"),
        (f"a:{'x' * 129}", "invalid reference format"),
        ("../etc", "invalid reference format"),
        ("x" * 5000, "invalid reference format"),
        ("Foo", "invalid reference format: repository name (library/Foo) must be lowercase"),
        ("a/Foo:x", "invalid reference format: repository name (a/Foo) must be lowercase"),
        (HEX, f"invalid repository name ({HEX}), cannot specify 64-byte hexadecimal strings"),
        ("a" * 250, "repository name must not be more than 255 characters"),
        (f"a@md5:{'0' * 32}", "unsupported digest algorithm"),
        (f"a@sha256:{'0' * 32}", "invalid checksum digest length"),
        (f"a@sha256:{'A' * 64}", "invalid digest format"),
    ],
)
def test_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse(text)
    assert str(caught.value) == words


def test_default_tag() -> None:
    assert with_default_tag(parse("a")).tag == "latest"
    assert with_default_tag(parse("a:b")).tag == "b"
    assert with_default_tag(parse(f"a@{DIGEST}")) == Reference("docker.io", "library/a", "", DIGEST)


def test_digests() -> None:
    assert is_digest(DIGEST)
    assert not any(map(is_digest, (HEX, DIGEST[:-1], DIGEST + "\n", DIGEST.upper(), "")))
    check_digest(f"sha512:{'0' * 128}")
    with pytest.raises(InvalidParameter, match="invalid digest format"):
        check_digest("sha256")


def test_tags() -> None:
    check_tag("v1.0-rc_1")
    for tag in ("", ".a", "-a", "a b", "a\n", "x" * 129):
        with pytest.raises(InvalidParameter, match="invalid tag format"):
            check_tag(tag)
