"""Labels on golden data: what go-selinux, which dockerd uses, makes of the same options."""

import pytest

from wherry.base.errors import InvalidParameter
from wherry.spec.selinux import Labels, build_labels

GIVEN = Labels("system_u:system_r:container_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2")


@pytest.mark.parametrize(
    ("options", "process", "mount"),
    [
        ([], GIVEN.process, GIVEN.mount),
        (["type:svirt_t"], "system_u:system_r:svirt_t:s0:c1,c2", GIVEN.mount),
        (["role:staff_r"], "system_u:staff_r:container_t:s0:c1,c2", GIVEN.mount),
        (["filetype:usr_t"], GIVEN.process, "system_u:object_r:usr_t:s0:c1,c2"),
        (
            ["user:staff_u", "level:s0:c7,c9"],
            "staff_u:system_r:container_t:s0:c7,c9",
            "staff_u:object_r:container_file_t:s0:c7,c9",
        ),
        (["type:a_t", "type:b_t"], "system_u:system_r:b_t:s0:c1,c2", GIVEN.mount),
        (["disable"], "", "system_u:object_r:container_file_t:s0:c1022,c1023"),
        (["type:svirt_t", "disable"], "", "system_u:object_r:container_file_t:s0:c1022,c1023"),
    ],
)
def test_options(options: list[str], process: str, mount: str) -> None:
    assert build_labels(GIVEN, options, privileged=False) == Labels(process, mount)


def test_privileged_processes_have_no_label() -> None:
    assert build_labels(GIVEN, [], privileged=True) == Labels("", GIVEN.mount)


def test_a_policy_without_levels() -> None:
    given = Labels("system_u:system_r:container_t", "system_u:object_r:container_file_t")
    assert build_labels(given, ["type:x_t"], privileged=False) == Labels("system_u:system_r:x_t", given.mount)


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (
            "svirt_t",
            "bad label option \"svirt_t\", valid options 'disable' or \n"
            "'user, role, level, type, filetype' followed by ':' and a value",
        ),
        ("kind:x", "bad label option \"kind\", valid options 'disable, user, role, level, type, filetype'"),
    ],
)
def test_refused_in_dockers_words(option: str, text: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        build_labels(GIVEN, [option], privileged=False)
    assert str(caught.value) == text
