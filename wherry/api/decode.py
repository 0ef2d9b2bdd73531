"""JSON bodies as Go reads them: the checks, their order and their words (api-containers.md 1.4, 1.8)."""

import json
import re
from typing import Any, NoReturn

from wherry.base.errors import InvalidParameter

EOF = "invalid JSON: got EOF while reading request body"

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = rf"\s*;\s*{_TOKEN}\s*=\s*(?:{_TOKEN}|\"(?:[^\"\\]|\\.)*\")"
_MEDIA_TYPE = re.compile(rf"\s*({_TOKEN})(/{_TOKEN})?\s*")
_PARAMETERS = re.compile(rf"(?:{_PARAMETER})*\s*;?\s*")

# The places where Python's decoder stops, and how Go says it. `{}` is the character found there.
_STOPS = (
    ("Expecting value", "looking for beginning of value"),
    ("Expecting property name", "looking for beginning of object key string"),
    ("Illegal trailing comma", "looking for beginning of value"),
    ("Expecting ':'", "after object key"),
    ("Invalid control character", "in string literal"),
    ("Invalid \\u", "in \\u hexadecimal character escape"),
    ("Invalid \\escape", "in string escape code"),
)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Number(str):
    """The text of a number that is no plain integer; a typed field says what it thinks of it."""


def check_content_type(header: str | None, length: int) -> None:
    """Refuse a body that is not declared as JSON; `length` is -1 for a chunked one."""
    if header is None and length == 0:
        return
    declared = header or ""
    problem = _media_problem(declared)
    if problem:
        raise InvalidParameter(f"malformed Content-Type header ({declared}): mime: {problem}")
    if declared.partition(";")[0].strip().lower() != "application/json":
        raise InvalidParameter(f"unsupported Content-Type header ({declared}): must be 'application/json'")


def _media_problem(declared: str) -> str:
    if not declared.partition(";")[0].strip():
        return "no media type"
    kind = _MEDIA_TYPE.match(declared)
    if kind is None or (kind[2] is None and declared[kind.end() :].startswith("/")):
        return "expected token after slash" if kind else "expected slash after first token"
    rest = declared[kind.end() :]
    if rest and not rest.startswith(";"):
        return "unexpected content after media subtype" if kind[2] else "expected slash after first token"
    return "" if _PARAMETERS.fullmatch(rest) else "invalid media parameter"


def parse(body: bytes) -> Any:
    """Return the one JSON value of a body; numbers other than plain integers come as Number.

    Broken UTF-8 and lone surrogates become U+FFFD. InvalidParameter in Go's words for the rest.
    """
    text = body.decode("utf-8", "replace")
    if not text.strip(" \t\r\n"):
        raise InvalidParameter(EOF)
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise InvalidParameter(_explain(error)) from error
    except RecursionError as error:
        raise InvalidParameter("invalid JSON: exceeded max depth") from error
    return _without_surrogates(value) if "\\u" in text else value


def _integer(digits: str) -> int | Number:
    # Longer ones fit no Go integer, and Python refuses to read very long ones.
    return int(digits) if len(digits) <= 20 else Number(digits)


def _constant(name: str) -> NoReturn:
    raise InvalidParameter(f"invalid JSON: invalid character '{name[0]}' looking for beginning of value")


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=_integer, parse_constant=_constant)


def _explain(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return "unexpected content after JSON"
    if error.msg.startswith("Unterminated string") or error.pos >= len(error.doc.rstrip(" \t\r\n")):
        return "invalid JSON: unexpected EOF"
    found = json.dumps(error.doc[error.pos], ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    for start, words in _STOPS:
        if error.msg.startswith(start):
            return f"invalid JSON: invalid character '{found}' {words}"
    inside = "object key:value pair" if _innermost(error.doc[: error.pos]) == "{" else "array element"
    return f"invalid JSON: invalid character '{found}' after {inside}"


def _innermost(text: str) -> str:
    """Return the bracket that is open at the end of a text that is sound so far."""
    opened: list[str] = []
    for bracket in re.findall(r"[\[\]{}]", re.sub(r'"(?:[^"\\]|\\.)*"', "", text)):
        if bracket in "[{":
            opened.append(bracket)
        else:
            opened.pop()
    return opened[-1] if opened else ""


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
