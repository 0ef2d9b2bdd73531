"""Query parameters as Docker reads them (api-containers.md 1.5, 1.6): keys are case-sensitive, first values count."""

import re
from urllib.parse import unquote_plus

from wherry.base import filters
from wherry.base.errors import InvalidParameter
from wherry.base.units import parse_timestamp

FALSE = frozenset(("", "0", "no", "false", "none"))
INT64 = range(-(2**63), 2**63)
UINT32 = range(2**32)
PARAMETERS_LIMIT = 1000

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")


class Query:
    """The parameters of one request; one that cannot be read is left out, and `check` tells of it."""

    def __init__(self, text: str) -> None:
        """Parse a query string."""
        self._values: dict[str, str] = {}
        self._problem = ""
        pairs = text.split("&") if text else ()
        if len(pairs) > PARAMETERS_LIMIT:
            self._problem = "number of URL query parameters exceeded limit"
            return
        for pair in pairs:
            self._add(pair)

    def _add(self, pair: str) -> None:
        name, _, value = pair.partition("=")
        bad = _BAD_ESCAPE.search(name) or _BAD_ESCAPE.search(value)
        if ";" in pair:
            self._problem = "invalid semicolon separator in query"
        elif bad is not None:
            self._problem = self._problem or f'invalid URL escape "{bad[0]}"'
        elif pair:
            self._values.setdefault(unquote_plus(name), unquote_plus(value))

    def check(self) -> None:
        """Raise InvalidParameter in Go's words when a parameter could not be read."""
        if self._problem:
            raise InvalidParameter(self._problem)

    def text(self, name: str, default: str = "") -> str:
        """Return the parameter as it is."""
        return self._values.get(name, default)

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a bool; everything but the few words for false is true, and only an absent one is the default."""
        value = self._values.get(name)
        return default if value is None else value.strip().lower() not in FALSE

    def integer(self, name: str) -> int | None:
        """Return an int, None when absent or empty; InvalidParameter in the words of Go's strconv."""
        text = self.text(name)
        if not text:
            return None
        if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
            raise InvalidParameter(f'strconv.Atoi: parsing "{text}": invalid syntax')
        if len(text) > 20 or int(text) not in INT64:
            raise InvalidParameter(f'strconv.Atoi: parsing "{text}": value out of range')
        return int(text)

    def size(self, name: str, label: str) -> int:
        """Return a terminal's height or width: mandatory, unsigned, 32 bits; `label` names it in the error."""
        text = self.text(name)
        problem = "invalid syntax"
        if re.fullmatch(r"[0-9]+", text, re.ASCII):
            if len(text.lstrip("0")) <= 10 and int(text) in UINT32:
                return int(text)
            problem = "value out of range"
        elif re.fullmatch(r"-[0-9]+", text, re.ASCII):
            problem = "value out of range"
        raise InvalidParameter(f'invalid {label} "{text}": {problem}')

    def timestamp(self, name: str, quoted: str) -> int | None:
        """Return nanoseconds since the epoch, None when absent or empty; `quoted` is the name as the error shows it."""
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_timestamp(text)
        except InvalidParameter as error:
            raise InvalidParameter(f"invalid value for {quoted}: {error}") from error

    def filters(self) -> dict[str, list[str]]:
        """Return the `filters` parameter, both of its forms; InvalidParameter `invalid filter`."""
        return filters.parse(self.text("filters"))
