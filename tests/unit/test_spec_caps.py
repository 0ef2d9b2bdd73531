import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.base.errors import InvalidParameter
from wherry.spec.caps import CAPABILITIES, DEFAULT, from_mask, normalise, resolve

AVAILABLE = tuple(name for name in CAPABILITIES if name != "CAP_SYS_RESOURCE")
NAMES = st.lists(st.sampled_from([*AVAILABLE, "ALL"]), max_size=6)


def spelled(names: list[str], choice: st.DataObject) -> list[str]:
    """The same capabilities as people write them."""
    forms = [
        str.lower,
        str.upper,
        lambda name: name.removeprefix("CAP_"),
        lambda name: name.removeprefix("CAP_").lower(),
    ]
    return [choice.draw(st.sampled_from(forms))(name) for name in names]


@given(NAMES, NAMES, st.data())
def test_the_set_is_what_the_sets_say(add: list[str], drop: list[str], choice: st.DataObject) -> None:
    got = resolve(spelled(add, choice), spelled(drop, choice), False, AVAILABLE)
    if "ALL" in add:
        wanted = set(AVAILABLE) - set(drop)
    elif "ALL" in drop:
        wanted = set(add)
    else:
        wanted = set(DEFAULT) - set(drop) | set(add)
    assert set(got) == wanted
    assert len(set(got)) == len(got)


@given(NAMES, NAMES)
def test_privileged_has_what_the_daemon_has(add: list[str], drop: list[str]) -> None:
    assert resolve(add, drop, True, AVAILABLE) == AVAILABLE


@given(st.sets(st.integers(0, 63)))
def test_mask(numbers: set[int]) -> None:
    got = from_mask(sum(1 << number for number in numbers))
    assert got == tuple(CAPABILITIES[number] for number in sorted(numbers) if number < len(CAPABILITIES))


def test_the_numbers_are_the_kernels() -> None:
    assert len(CAPABILITIES) == 41
    named = {0: "CHOWN", 12: "NET_ADMIN", 21: "SYS_ADMIN", 24: "SYS_RESOURCE", 31: "SETFCAP", 40: "CHECKPOINT_RESTORE"}
    assert {number: CAPABILITIES[number] for number in named} == {n: f"CAP_{name}" for n, name in named.items()}


def test_the_default_is_the_mask_that_docker_shows() -> None:
    assert from_mask(0xA80425FB) == tuple(sorted(DEFAULT, key=CAPABILITIES.index))


@pytest.mark.parametrize(
    ("field", "name", "text"),
    [
        ("CapAdd", "foo", 'invalid CapAdd: unknown capability: "CAP_FOO"'),
        ("CapAdd", "CAP_ALL", 'invalid CapAdd: unknown capability: "CAP_ALL"'),
        ("CapDrop", "", 'invalid CapDrop: unknown capability: "CAP_"'),
        (
            "CapAdd",
            "sys_resource",
            "invalid CapAdd: capability not supported by your kernel or not available in the current environment: "
            '"CAP_SYS_RESOURCE"',
        ),
    ],
)
def test_refused_in_dockers_words(field: str, name: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        normalise(field, [name], AVAILABLE)
    assert str(caught.value) == text
