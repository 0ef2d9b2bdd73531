"""The command line, read as dockerd reads its own: GNU long options, bundled short ones, `--switch=false`."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from wherry.base.errors import InvalidParameter
from wherry.base.units import parse_size
from wherry.main.container_options import parse_ulimit
from wherry.main.options import OPTIONS, REFUSED_FLAGS, REFUSED_SHORT, Kind, Option
from wherry.runtimes.configured import parse_flag

TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})

Value = TypeVar("Value")

_LONG = {option.flag: option for option in OPTIONS}
_SHORT = {option.short: option for option in OPTIONS if option.short}


def parse_flags(arguments: list[str]) -> dict[str, Any]:
    """Return flag name to typed value for every flag given; InvalidParameter in dockerd's words for the rest.

    Lists gather in order, a later scalar wins over an earlier one.
    """
    values: dict[str, Any] = {}
    for option, text in _pairs(arguments):
        value = _typed(option, text)
        if option.kind is Kind.LIST:
            values.setdefault(option.flag, []).append(value)
        elif option.kind in (Kind.MAP, Kind.ULIMITS):
            values.setdefault(option.flag, {}).update([value])
        elif option.kind is Kind.RUNTIMES:
            name, entry = value
            if values.setdefault(option.flag, {}).setdefault(name, entry) is not entry:
                raise _refused(option, text, f"runtime '{name}' was already defined")
        else:
            values[option.flag] = value
    return values


def refusal(flag: str) -> InvalidParameter:
    """Return the error for an option of dockerd that wherryd does not have."""
    return InvalidParameter(f"--{flag} is not supported by wherryd yet")


def _pairs(arguments: list[str]) -> Iterator[tuple[Option, str]]:
    """Yield each option with the text of its value ("true" for a bare switch)."""
    rest = iter(arguments)
    for argument in rest:
        if argument.startswith("--") and argument != "--":
            yield _long(argument[2:], rest)
        elif argument.startswith("-") and argument not in ("-", "--"):
            yield from _bundle(argument[1:], rest)
        elif argument != "--" or next(rest, None) is not None:
            raise InvalidParameter('"wherryd" accepts no arguments.')


def _long(text: str, rest: Iterator[str]) -> tuple[Option, str]:
    name, equals, value = text.partition("=")
    if name in REFUSED_FLAGS:
        raise refusal(name)
    option = _LONG.get(name)
    if option is None:
        raise InvalidParameter(f"unknown flag: --{name}")
    if equals:
        return option, value
    if option.kind is Kind.SWITCH:
        return option, "true"
    following = next(rest, None)
    if following is None:
        raise InvalidParameter(f"flag needs an argument: --{name}")
    return option, following


def _bundle(text: str, rest: Iterator[str]) -> Iterator[tuple[Option, str]]:
    """Read `-Dl info`, `-linfo` and `-l=info`: switches may stand before the one that takes a value."""
    for at, letter in enumerate(text):
        if letter in REFUSED_SHORT:
            raise refusal(REFUSED_SHORT[letter])
        option = _SHORT.get(letter)
        if option is None:
            raise InvalidParameter(f"unknown shorthand flag: {letter!r} in -{text}")
        tail = text[at + 1 :]
        if tail.startswith("="):
            yield option, tail[1:]
            return
        if option.kind is Kind.SWITCH:
            yield option, "true"
            continue
        following = tail or next(rest, None)
        if following is None:
            raise InvalidParameter(f"flag needs an argument: {letter!r} in -{text}")
        yield option, following
        return


def _typed(option: Option, text: str) -> Any:
    match option.kind:
        case Kind.SWITCH:
            if text not in TRUE | FALSE:
                raise _invalid(option, text, "ParseBool")
            return text in TRUE
        case Kind.NUMBER:
            try:
                return int(text)
            except ValueError:
                raise _invalid(option, text, "ParseInt") from None
        case Kind.MAP:
            key, _, value = text.partition("=")
            return key, value
        case Kind.SIZE:
            return _read(option, text, parse_size)
        case Kind.ULIMITS:
            limit = _read(option, text, parse_ulimit)
            return limit.name, limit
        case Kind.RUNTIMES:
            try:
                return parse_flag(text)
            except InvalidParameter as error:
                raise _refused(option, text, str(error)) from error
        case Kind.TEXT | Kind.LIST:
            return text


def _read(option: Option, text: str, read: Callable[[str], Value]) -> Value:
    try:
        return read(text)
    except InvalidParameter as error:
        raise InvalidParameter(f'invalid argument "{text}" for "{option.spelled}" flag: {error}') from error


def _invalid(option: Option, text: str, function: str) -> InvalidParameter:
    return _refused(option, text, f'strconv.{function}: parsing "{text}": invalid syntax')


def _refused(option: Option, text: str, reason: str) -> InvalidParameter:
    return InvalidParameter(f'invalid argument "{text}" for "{option.spelled}" flag: {reason}')
