"""Decoded JSON into the structs of model/: case-insensitive names, null as absent, Go's type errors.

Source: api-containers.md 1.4; the words are those of Go's encoding/json.
"""

import functools
import types
import typing
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from wherry.api.decode import Number
from wherry.base.errors import InvalidParameter

T = TypeVar("T")

# Go's integer types where they are not int64, by struct and field.
_GO_INTEGERS = {
    "ContainerConfig.StopTimeout": "int",
    "CreateRequest.StopTimeout": "int",
    "HealthConfig.Retries": "int",
    "HealthConfig.Interval": "time.Duration",
    "HealthConfig.Timeout": "time.Duration",
    "HealthConfig.StartPeriod": "time.Duration",
    "HealthConfig.StartInterval": "time.Duration",
    "RestartPolicy.MaximumRetryCount": "int",
    "DeviceRequest.Count": "int",
    "WeightDevice.Weight": "uint16",
    "ThrottleDevice.Rate": "uint64",
    "TmpfsOptions.Mode": "fs.FileMode",
    "HostConfig.ConsoleSize": "uint",
    "HostConfig.OomScoreAdj": "int",
    "HostConfig.BlkioWeight": "uint16",
    "HostConfig.IOMaximumIOps": "uint64",
    "HostConfig.IOMaximumBandwidth": "uint64",
    "EndpointSettings.GwPriority": "int",
    "EndpointSettings.IPPrefixLen": "int",
    "EndpointSettings.GlobalIPv6PrefixLen": "int",
    "ExecRequest.ConsoleSize": "uint",
    "ExecStart.ConsoleSize": "uint",
}
_RANGES = {
    "uint16": range(2**16),
    "fs.FileMode": range(2**32),
    "uint": range(2**64),
    "uint64": range(2**64),
}
_INT64 = range(-(2**63), 2**63)
_PACKAGES = {
    "NetworkingConfig": "network",
    "EndpointSettings": "network",
    "EndpointIPAMConfig": "network",
    "IPAM": "network",
    "IPAMConfig": "network",
    "ConfigReference": "network",
    "Mount": "mount",
    "BindOptions": "mount",
    "VolumeOptions": "mount",
    "VolumeDriverConfig": "mount",
    "TmpfsOptions": "mount",
    "PortBinding": "nat",
}
_TEXT_OR_LIST = frozenset(("Cmd", "Entrypoint", "Shell"))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: the struct's field, or nothing at the top."""

    struct: str = ""
    field: str = ""

    def refuse(self, value: Any, kind: str) -> InvalidParameter:
        into = f"Go struct field {self.struct}.{self.field}" if self.field else "Go value"
        return InvalidParameter(
            f"invalid JSON: json: cannot unmarshal {_describe(value, kind)} into {into} of type {kind}"
        )

    def integer_type(self) -> str:
        return _GO_INTEGERS.get(f"{self.struct}.{self.field}", "int64")


def convert(kind: type[T], value: Any) -> T:
    """Return `value` as a struct of that kind; null gives the zero value, InvalidParameter names the first misfit."""
    result: T = _value(kind, value, _Place())
    return result


def _describe(value: Any, kind: str) -> str:
    if isinstance(value, Number):
        return f"number {value}" if kind in _RANGES or kind in ("int", "int64", "time.Duration") else "number"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return f"number {value}" if kind in _RANGES or kind in ("int", "int64", "time.Duration") else "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"


def _value(kind: Any, value: Any, place: _Place) -> Any:
    """Convert one value; `kind` is a type annotation of the model."""
    kind, optional = _bare(kind)
    if value is None:
        return None if optional else _zero(kind)
    if kind is Any:
        return _untyped(value)
    if kind is str:
        return _scalar(str, value, place)
    if kind is bool:
        return _scalar(bool, value, place)
    if kind is int:
        return _integer(value, place)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(kind, value, place)
    return _collection(kind, value, place)


def _bare(kind: Any) -> tuple[Any, bool]:
    """Split an annotation into the type and whether it may be None."""
    if typing.get_origin(kind) not in (types.UnionType, typing.Union):
        return kind, False
    (bare,) = (part for part in typing.get_args(kind) if part is not types.NoneType)
    return bare, True


def _zero(kind: Any) -> Any:
    return None if kind is Any else (typing.get_origin(kind) or kind)()


def _untyped(value: Any) -> Any:
    if isinstance(value, Number):
        return float(value)
    if isinstance(value, list):
        return [_untyped(item) for item in value]
    if isinstance(value, dict):
        return {key: _untyped(item) for key, item in value.items()}
    return value


def _scalar(kind: type, value: Any, place: _Place) -> Any:
    if type(value) is not kind:
        raise place.refuse(value, _go_name(kind, place))
    return value


def _integer(value: Any, place: _Place) -> int:
    go_type = place.integer_type()
    if type(value) is not int or value not in _RANGES.get(go_type, _INT64):
        raise place.refuse(value, go_type)
    return value


def _collection(kind: Any, value: Any, place: _Place) -> Any:
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        if isinstance(value, str) and not isinstance(value, Number) and place.field in _TEXT_OR_LIST:
            return [value]
        if not isinstance(value, list):
            raise place.refuse(value, _go_name(kind, place))
        return [_value(parts[0], item, place) for item in value]
    if not isinstance(value, dict):
        raise place.refuse(value, _go_name(kind, place))
    return {key: _value(parts[1], item, place) for key, item in value.items()}


def _struct(kind: type[msgspec.Struct], value: Any, place: _Place) -> Any:
    if not isinstance(value, dict):
        raise place.refuse(value, _go_name(kind, place))
    by_name, by_folded = _fields(kind)
    given: dict[str, Any] = {}
    for key, item in value.items():
        info = by_name.get(key) or by_folded.get(key.casefold())
        if info is not None and item is not None:
            given[info.name] = _value(info.type, item, _Place(kind.__name__, info.encode_name))
    return kind(**given)


@functools.cache
def _fields(kind: type[msgspec.Struct]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a struct's fields by their JSON name, and by its case-folded form."""
    fields = msgspec.structs.fields(kind)
    return {info.encode_name: info for info in fields}, {info.encode_name.casefold(): info for info in fields}


def _go_name(kind: Any, place: _Place) -> str:
    """Return how Go calls a type of the model."""
    kind, _ = _bare(kind)
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return "strslice.StrSlice" if place.field in _TEXT_OR_LIST else f"[]{_go_name(parts[0], place)}"
    if origin is dict:
        return f"map[string]{_go_name(parts[1], place)}"
    if kind is Any:
        return "struct {}"
    if kind is int:
        return place.integer_type()
    if kind is str or kind is bool:
        return "string" if kind is str else "bool"
    return f"{_PACKAGES.get(kind.__name__, 'container')}.{kind.__name__}"
