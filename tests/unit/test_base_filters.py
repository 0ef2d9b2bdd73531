"""Filters: both forms, and what is neither."""

import pytest

from wherry.base.errors import InvalidParameter
from wherry.base.filters import parse


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("{}", {}),
        ('{"label":{"a=b":true,"c":true}}', {"label": ["a=b", "c"]}),
        ('{"label":["a=b"]}', {"label": ["a=b"]}),
        ('{"label":{"a":false}}', {"label": []}),
        ("null", {}),
        ('{"label":null,"name":["a",null]}', {"label": [], "name": ["a", ""]}),
        ('{"label":null,"name":{"a":true,"b":null}}', {"label": [], "name": ["a"]}),
    ],
)
def test_both_forms(text: str, found: dict[str, list[str]]) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    "text", ["x", "[]", '"a"', '{"a":1}', '{"a":[1]}', '{"a":{"b":1}}', '{"a":["b"],"c":{"d":true}}']
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="^invalid filter$"):
        parse(text)
