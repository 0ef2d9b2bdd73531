import pytest

from wherry.base.errors import InvalidParameter
from wherry.spec.security import SecurityOptions, parse_security_options


@pytest.mark.parametrize(
    ("option", "wanted"),
    [
        ("no-new-privileges", SecurityOptions(no_new_privileges=True)),
        ("no-new-privileges:true", SecurityOptions(no_new_privileges=True)),
        ("no-new-privileges=0", SecurityOptions(no_new_privileges=False)),
        ("writable-cgroups", SecurityOptions(writable_cgroups=True)),
        ("seccomp:unconfined", SecurityOptions(seccomp="unconfined")),
        ('seccomp={"a":"b=c"}', SecurityOptions(seccomp='{"a":"b=c"}')),
        ("apparmor=unconfined", SecurityOptions(apparmor="unconfined")),
        ("disable", SecurityOptions(labels=("disable",))),
        ("label=type:x", SecurityOptions(labels=("type:x",))),
    ],
)
def test_options(option: str, wanted: SecurityOptions) -> None:
    assert parse_security_options([option]) == wanted


@pytest.mark.parametrize(
    ("option", "number"),
    [
        ("foo", 1),
        ("", 1),
        ("foo=bar", 2),
        ("no-new-privileges=x", 2),
        ("writable-cgroups=", 2),
        ("systempaths=unconfined", 2),
    ],
)
def test_refused_in_dockers_words(option: str, number: int) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_security_options([option])
    assert str(caught.value) == f'invalid --security-opt {number}: "{option}"'


def test_nothing_asked() -> None:
    assert parse_security_options(None) == SecurityOptions()
