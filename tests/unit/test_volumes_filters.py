from typing import Any

import pytest

from wherry.base.errors import InvalidParameter
from wherry.base.filters import matches
from wherry.model.volume import Volume, VolumeNote
from wherry.volumes.filters import ANONYMOUS, check_prune, describe, prunable, select


def volume(name: str, labels: dict[str, str] | None = None) -> Volume:
    return Volume(name=name, path=f"/v/{name}/_data", note=VolumeNote(created=1_000_000_000, labels=labels))


VOLUMES = [volume("db", {"tier": "back"}), volume("web", {"tier": "front", "x": ""}), volume("e" * 64, {ANONYMOUS: ""})]


def test_describe() -> None:
    assert describe(volume("db", {"a": "b"})) == {
        "CreatedAt": "1970-01-01T00:00:01Z",
        "Driver": "local",
        "Labels": {"a": "b"},
        "Mountpoint": "/v/db/_data",
        "Name": "db",
        "Options": None,
        "Scope": "local",
    }


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["db", "web", "e" * 64]),
        ({"dangling": ["true"]}, ["web", "e" * 64]),
        ({"dangling": ["0"]}, ["db"]),
        ({"name": ["^d", "zz"]}, ["db"]),
        ({"name": ["("]}, []),
        ({"driver": ["local"]}, ["db", "web", "e" * 64]),
        ({"driver": ["loc"]}, []),
        ({"label": ["tier"]}, ["db", "web"]),
        ({"label": ["tier=front", "x"]}, ["web"]),
        ({"label": ["tier=front"], "name": ["db"]}, []),
    ],
)
def test_select(filters: Any, names: list[str]) -> None:
    assert [found.name for found in select(VOLUMES, filters, {"db"})] == names


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["e" * 64]),
        ({"all": ["0"]}, ["e" * 64]),
        ({"all": ["true"]}, ["db", "web", "e" * 64]),
        ({"all": ["1"], "label": ["tier"]}, ["db", "web"]),
        ({"all": ["1"], "label!": ["tier"]}, ["e" * 64]),
        ({"all": ["1"], "label!": ["tier", "x"]}, ["db", "e" * 64]),
    ],
)
def test_prunable(filters: Any, names: list[str]) -> None:
    check_prune(filters)
    assert [found.name for found in VOLUMES if prunable(found, filters)] == names


# Each text as dockerd 28.5 answered.
@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"foo": ["a"]}, "invalid filter 'foo'"),
        ({"dangling": ["x"]}, "invalid filter 'dangling=[x]'"),
        ({"dangling": ["true", "false"]}, "invalid filter 'dangling=[true false]'"),
        ({"dangling": []}, "invalid filter 'dangling'"),
    ],
)
def test_list_filters_refused(filters: Any, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        select(VOLUMES, filters, ())
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"dangling": ["1"]}, "invalid filter 'dangling'"),
        ({"all": ["x"]}, "invalid filter 'all': strconv.ParseBool: parsing \"x\": invalid syntax"),
        ({"all": ["1", "0"]}, "invalid filter 'all=[1 0]': only one value is expected"),
    ],
)
def test_prune_filters_refused(filters: Any, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        check_prune(filters)
    assert str(caught.value) == text


@pytest.mark.parametrize("pattern", ["(a+)+$", "a*a*a*a*b", "x" * 300, "(a)\\1", "("])
def test_patterns_that_could_take_for_ever_find_nothing(pattern: str) -> None:
    assert not matches(pattern, "a" * 64)
    assert matches(pattern, pattern)
