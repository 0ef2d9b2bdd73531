"""The field lists, against what protobuf's own rules put on the wire."""

import pytest

from wherry.containerd.gen.fields import FIELDS
from wherry.containerd.gen.messages import AnyValue, Timestamp, as_dict, message, nanoseconds
from wherry.containerd.gen.pool import SCALARS, make_classes

TYPES, SERVICES = "containerd.types", "containerd.services"


def test_every_type_that_a_field_names_is_in_the_list() -> None:
    for name, listed in FIELDS.items():
        for field in listed.split():
            kind = field.partition(":")[2].rstrip("*") or "string"
            assert kind in SCALARS or kind == "map" or kind in FIELDS, f"{name}: {field}"


def test_no_message_uses_a_number_or_a_name_twice() -> None:
    for name, listed in FIELDS.items():
        heads = [field.partition(":")[0].split("=") for field in listed.split()]
        assert len({head[0] for head in heads}) == len(heads), name
        assert len({head[1] for head in heads}) == len(heads), name


@pytest.mark.parametrize(
    ("name", "fields", "wire"),
    [
        (f"{TYPES}.Mount", {"type": "bind", "options": ["ro", "rbind"]}, b"\x0a\x04bind\x22\x02ro\x22\x05rbind"),
        (
            f"{SERVICES}.tasks.v1.KillRequest",
            {"container_id": "c", "signal": 9, "all": True},
            b"\x0a\x01c\x18\x09\x20\x01",
        ),
        (
            f"{SERVICES}.leases.v1.CreateRequest",
            {"id": "l", "labels": {"a": "b"}},
            b"\x0a\x01l\x1a\x06\x0a\x01a\x12\x01b",
        ),
        (f"{SERVICES}.content.v1.WriteContentRequest", {"action": 2, "offset": 300}, b"\x08\x02\x28\xac\x02"),
        ("containerd.runc.v1.Options", {"binary_name": "runc", "systemd_cgroup": True}, b"\x32\x04runc\x48\x01"),
        ("google.protobuf.Empty", {}, b""),
    ],
)
def test_messages_encode_as_protobuf_says(name: str, fields: dict[str, object], wire: bytes) -> None:
    made = message(name)(**fields)
    assert made.SerializeToString() == wire
    assert message(name).FromString(wire) == made


def test_messages_nest_and_skip_fields_that_are_not_listed() -> None:
    process = message("containerd.v1.types.Process")(id="c", pid=7, exited_at=Timestamp(seconds=1, nanos=5))
    reply = message("containerd.services.tasks.v1.GetResponse")(process=process)
    unknown = b"\x9a\x06\x03new"  # field 99
    assert (
        message("containerd.services.tasks.v1.GetResponse").FromString(reply.SerializeToString() + unknown).process.pid
        == 7
    )


def test_nanoseconds_of_unset_and_of_gos_zero_time_are_zero() -> None:
    assert nanoseconds(Timestamp()) == 0
    assert nanoseconds(Timestamp(seconds=-62135596800)) == 0
    assert nanoseconds(Timestamp(seconds=2, nanos=3)) == 2_000_000_003


def test_as_dict_gives_plain_values() -> None:
    image = message("containerd.services.images.v1.Image")(name="x", labels={"a": "b"}, updated_at=Timestamp(nanos=9))
    plain = as_dict(image)
    assert plain["labels"] == {"a": "b"}
    assert plain["updated_at"] == 9
    assert plain["target"] == {"media_type": "", "digest": "", "size": 0, "annotations": {}}
    mounts = message("containerd.services.snapshots.v1.MountsResponse")
    assert as_dict(mounts(mounts=[{"type": "bind"}]))["mounts"][0]["options"] == []


def test_two_pools_do_not_know_each_other() -> None:
    other = make_classes({"google.protobuf.Any": "type_url=1 value=2:bytes"})["google.protobuf.Any"]
    assert other is not AnyValue
    with pytest.raises(TypeError):
        make_classes({"a.B": "c=1:a.Missing"})
