import pytest

from wherry.base.errors import InvalidParameter
from wherry.main.flags import parse_flags
from wherry.main.options import OPTIONS, REFUSED_FLAGS, REFUSED_KEYS, REFUSED_SHORT


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (["--debug"], {"debug": True}),
        (["--debug=false"], {"debug": False}),
        (["-D"], {"debug": True}),
        (["-Dl", "warn"], {"debug": True, "log-level": "warn"}),
        (["-Dlwarn"], {"debug": True, "log-level": "warn"}),
        (["-l=warn"], {"log-level": "warn"}),
        (["-l", "warn", "-l", "info"], {"log-level": "info"}),
        (["-H", "unix:///a", "--host=unix:///b"], {"host": ["unix:///a", "unix:///b"]}),
        (["--mtu", "1400"], {"mtu": 1400}),
        (["--shutdown-timeout", "-1"], {"shutdown-timeout": -1}),
        (["--log-opt", "max-size=1m", "--log-opt", "env=a=b"], {"log-opt": {"max-size": "1m", "env": "a=b"}}),
        (["--iptables=0", "--ip-masq=T"], {"iptables": False, "ip-masq": True}),
        (
            ["--add-runtime", "A=/x", "--add-runtime=b=c=d"],
            {"add-runtime": {"a": {"path": "/x"}, "b": {"path": "c=d"}}},
        ),
        (["--"], {}),
    ],
)
def test_values(arguments: list[str], expected: dict[str, object]) -> None:
    assert parse_flags(arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--nonsense"], "unknown flag: --nonsense"),
        (["-q"], "unknown shorthand flag: 'q' in -q"),
        (["-DqH"], "unknown shorthand flag: 'q' in -DqH"),
        (["--mtu"], "flag needs an argument: --mtu"),
        (["-H"], "flag needs an argument: 'H' in -H"),
        (["--mtu=x"], 'invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax'),
        (
            ["-D=maybe"],
            'invalid argument "maybe" for "-D, --debug" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
        ),
        (["--add-runtime=x"], 'invalid argument "x" for "--add-runtime" flag: invalid runtime argument: x'),
        (
            ["--add-runtime=a=/x", "--add-runtime=A=/x"],
            'invalid argument "A=/x" for "--add-runtime" flag: runtime \'a\' was already defined',
        ),
        (["serve"], '"wherryd" accepts no arguments.'),
        (["--debug", "false"], '"wherryd" accepts no arguments.'),
        (["--", "x"], '"wherryd" accepts no arguments.'),
        (["--deb"], "unknown flag: --deb"),
        (["--raw-logs"], "--raw-logs is not supported by wherryd yet"),
        (["--storage-driver=overlay2"], "--storage-driver is not supported by wherryd yet"),
        (["-s", "overlay2"], "--storage-driver is not supported by wherryd yet"),
    ],
)
def test_refusals(arguments: list[str], text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        parse_flags(arguments)
    assert str(caught.value) == text


def test_no_option_is_both_supported_and_refused() -> None:
    assert not {option.flag for option in OPTIONS} & REFUSED_FLAGS
    assert not {option.key for option in OPTIONS} & REFUSED_KEYS
    assert not {option.short for option in OPTIONS} & REFUSED_SHORT.keys()
    assert len({option.flag for option in OPTIONS}) == len(OPTIONS)
