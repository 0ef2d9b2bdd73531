"""The log drivers of this engine, and the checks that are the same for all of them (api-containers.md 4.1)."""

import importlib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Final

from wherry.base.errors import InvalidParameter
from wherry.base.units import parse_size
from wherry.streams import logdrivers
from wherry.streams.logtarget import LogDriver, LogTarget

COMMON: Final = frozenset(("mode", "max-buffer-size", "cache-disabled"))
CACHE: Final = "cache-"
MODES: Final = ("", "blocking", "non-blocking")
TRUTHS: Final = frozenset(("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"))

_FIELD: Final = re.compile(r"\{\{\s*\.(\w+)\s*\}\}")


def _find() -> dict[str, LogDriver]:
    """Load every file of the folder; two of one name are a mistake that shows at once."""
    found: dict[str, LogDriver] = {}
    for file in sorted(os.listdir(logdrivers.__path__[0])):
        name, extension = os.path.splitext(file)
        if extension != ".py" or name == "__init__":
            continue
        driver: LogDriver = importlib.import_module(f"{logdrivers.__name__}.{name}").DRIVER
        if driver.name in found:
            raise ImportError(f"two log drivers are named {driver.name!r}")
        found[driver.name] = driver
    return found


DRIVERS: Final[Mapping[str, LogDriver]] = _find()


def validate(driver: str, options: Mapping[str, str]) -> None:
    """Check a log configuration at create; InvalidParameter in Docker's words."""
    if driver == "none":
        return
    if driver not in DRIVERS:
        raise InvalidParameter(f'error looking up logging plugin {driver}: plugin "{driver}" not found')
    mode = options.get("mode", "")
    if mode not in MODES:
        raise InvalidParameter(f"logger: logging mode not supported: {mode}")
    if "max-buffer-size" in options:
        _check_buffer(mode, options["max-buffer-size"])
    disabled = options.get("cache-disabled", "false")
    if disabled not in TRUTHS:
        raise InvalidParameter(f"invalid value for option cache-disabled: {disabled}")
    own = {key: value for key, value in options.items() if key not in COMMON and not key.startswith(CACHE)}
    DRIVERS[driver].validate(own)


def make_target(driver: str, options: Mapping[str, str], path: str, attrs: Mapping[str, str]) -> LogTarget:
    """Parse a log configuration at start; the caller puts `failed to initialize logging driver: ` before the words."""
    if driver not in DRIVERS:
        raise InvalidParameter(f"logger: no log driver named '{driver}' is registered")
    return DRIVERS[driver].target(options, path, attrs)


def attributes(
    options: Mapping[str, str], labels: Mapping[str, str], env: Sequence[str], tag_fields: Mapping[str, str]
) -> dict[str, str]:
    """Return what `labels`, `labels-regex`, `env`, `env-regex` and `tag` choose (api-containers.md 4.7).

    `tag_fields` holds ID, FullID, Name, ImageID, … by name. InvalidParameter for a bad expression or template.
    """
    variables = dict(entry.split("=", 1) for entry in env if "=" in entry)
    chosen = _choose(options, "labels", labels) | _choose(options, "env", variables)
    if options.get("tag"):
        chosen["tag"] = _fill(options["tag"], tag_fields)
    return chosen


def _check_buffer(mode: str, size: str) -> None:
    if mode != "non-blocking":
        raise InvalidParameter("logger: max-buffer-size option is only supported with 'mode=non-blocking'")
    try:
        parse_size(size)
    except InvalidParameter as error:
        raise InvalidParameter(f"error parsing option max-buffer-size: {error}") from error


def _choose(options: Mapping[str, str], key: str, values: Mapping[str, str]) -> dict[str, str]:
    names = options.get(key, "").split(",")
    chosen = {name: values[name] for name in names if name in values}
    pattern = options.get(f"{key}-regex", "")
    if pattern:
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise InvalidParameter(f"error parsing regexp: {error}: `{pattern}`") from error
        chosen |= {name: value for name, value in values.items() if expression.search(name)}
    return chosen


def _fill(template: str, fields: Mapping[str, str]) -> str:
    """Fill plain fields of a tag template; other actions are refused by name."""
    rest = _FIELD.sub("", template)
    unknown = [name for name in _FIELD.findall(template) if name not in fields]
    if "{{" in rest or unknown:
        raise InvalidParameter(
            f"error parsing the log tag {template!r}: only plain fields as {{{{.ID}}}} are supported"
        )
    return _FIELD.sub(lambda match: fields[match[1]], template)
