import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherry.base.errors import InvalidParameter
from wherry.spec.facts import UserIds
from wherry.spec.user import MAX_ID, resolve_user

PASSWD = """
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
damaged:x:zero:zero::/:/bin/sh
short:x
+::::::
"""
GROUP = """
root:x:0:
wheel:x:10:root,www-data
audio:x:29:www-data
www-data:x:33:
damaged:x:none:root
"""


# Each as dockerd 28.5 answered for the same files.
@pytest.mark.parametrize(
    ("user", "uid", "gid", "groups"),
    [
        ("", 0, 0, (0, 10)),
        ("root", 0, 0, (0, 10)),
        ("33", 33, 33, (33, 10, 29)),
        ("www-data", 33, 33, (33, 10, 29)),
        ("33:", 33, 33, (33, 10, 29)),
        ("1234", 1234, 0, (0,)),
        ("1234:55", 1234, 55, (55,)),
        ("33:0", 33, 0, (0,)),
        ("www-data:audio", 33, 29, (29,)),
        (":5", 0, 5, (5,)),
        ("+5", 5, 0, (0,)),
    ],
)
def test_users(user: str, uid: int, gid: int, groups: tuple[int, ...]) -> None:
    assert resolve_user(user, PASSWD, GROUP, []) == UserIds(uid, gid, groups)


@pytest.mark.parametrize(
    ("user", "text"),
    [
        ("nosuch", "unable to find user nosuch: no matching entries in passwd file"),
        ("a:b:c", "unable to find user a: no matching entries in passwd file"),
        ("nosuch:root", "unable to find user nosuch: no matching entries in passwd file"),
        ("root:nosuch", "unable to find group nosuch: no matching entries in group file"),
        ("damaged", "unable to find user damaged: no matching entries in passwd file"),
        ("+", "unable to find user +: no matching entries in passwd file"),
        ("\u0663", "unable to find user \u0663: no matching entries in passwd file"),
        ("-1", "uids and gids must be in range 0-2147483647"),
        ("2147483648", "uids and gids must be in range 0-2147483647"),
        ("0:99999999999", "uids and gids must be in range 0-2147483647"),
    ],
)
def test_refused_in_dockers_words(user: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        resolve_user(user, PASSWD, GROUP, [])
    assert str(caught.value) == text


def test_groups_added() -> None:
    assert resolve_user("", PASSWD, GROUP, ["audio", "29", "wheel", "1234"]).additional_gids == (0, 10, 29, 10, 1234)
    with pytest.raises(InvalidParameter, match="unable to find group nosuch"):
        resolve_user("", PASSWD, GROUP, ["nosuch"])


def test_no_databases_at_all() -> None:
    assert resolve_user("", "", "", []) == UserIds(0, 0, (0,))
    assert resolve_user("7:8", "", "", ["9"]) == UserIds(7, 8, (8, 9))


def test_an_entry_named_like_a_number_does_not_become_the_default() -> None:
    assert resolve_user("", "0:x:5:5::/:\n", "", []).uid == 0


def test_ids_in_the_databases_are_checked_too() -> None:
    with pytest.raises(InvalidParameter, match="must be in range"):
        resolve_user("big", f"big:x:{MAX_ID + 1}:0::/:", "", [])


@given(st.text(max_size=20), st.text(max_size=200), st.text(max_size=200))
def test_hostile_databases_give_ids_in_range_or_our_error(user: str, passwd: str, group: str) -> None:
    try:
        ids = resolve_user(user, passwd, group, [])
    except InvalidParameter:
        return
    assert all(0 <= number <= MAX_ID for number in (ids.uid, ids.gid, *ids.additional_gids))
