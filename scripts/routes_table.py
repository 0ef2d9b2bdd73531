"""Write the table of endpoints into README.md from the routes themselves; with --check only compare."""

import sys
from collections import defaultdict
from pathlib import Path

from wherry.api import routes
from wherry.api.router import WORKS, load_routes, table

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- endpoints: written by scripts/routes_table.py -->", "<!-- end of endpoints -->"


def render() -> str:
    """Return the table: a row per family, what works and what answers an error."""
    families: dict[str, tuple[list[str], dict[str, list[str]]]] = defaultdict(lambda: ([], defaultdict(list)))
    for method, template, status in table(load_routes(routes)):
        works, absent = families[template.split("/")[1]]
        (works if status == WORKS else absent[status]).append(f"`{method} {template}`")
    rows = ["| family | works | answers an error |", "|---|---|---|"]
    for family, (works, absent) in sorted(families.items()):
        refused = "<br>".join(f"{status}: {', '.join(names)}" for status, names in sorted(absent.items()))
        rows.append(f"| {family} | {', '.join(works)} | {refused} |")
    return "\n".join(rows)


def updated(text: str) -> str:
    """Return the README's text with the table of now; ValueError when the marks are missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"README.md lacks the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{render()}\n{END}{after}"


def main() -> int:
    """Update README.md; with --check return 1 when it is out of step."""
    text = README.read_text()
    new = updated(text)
    if "--check" in sys.argv[1:]:
        return int(new != text)
    README.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
