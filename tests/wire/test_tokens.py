import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import examples
from twsprobe.wire.tokens import (
    FIXED32,
    FIXED64,
    LARGEST_NUMBER,
    LENGTH_DELIMITED,
    VARINT,
    Malformed,
    joined,
    read_token,
    read_varint,
    shown,
    tagged,
    varint,
)

# Values and their varints, from protobuf's own description of its encoding and at the edges of 7 bits.
VARINTS = {
    0: "00",
    1: "01",
    127: "7f",
    128: "8001",
    150: "9601",
    16_383: "ff7f",
    16_384: "808001",
    2**32 - 1: "ffffffff0f",
    2**63: "80808080808080808001",
    2**64 - 1: "ffffffffffffffffff01",
}


@pytest.mark.parametrize("value", VARINTS)
def test_varints_are_those_of_protobuf(value: int) -> None:
    data = bytes.fromhex(VARINTS[value])
    assert varint(value) == data
    assert read_varint(b"\xff" + data + b"\xff", 1, 1 + len(data), "") == (value, 1 + len(data))


@pytest.mark.parametrize(("data", "value"), [("8000", 0), ("81808000", 1), ("ffffffffffffffffff7f", 2**64 - 1)])
def test_a_varint_may_be_longer_than_it_needs_to_be(data: str, value: int) -> None:
    assert read_varint(bytes.fromhex(data), 0, len(data) // 2, "") == (value, len(data) // 2)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "a varint runs over the end"),
        ("80", "a varint runs over the end"),
        ("ffffffffffffffffff", "a varint runs over the end"),
        ("ffffffffffffffffffff", "a varint is longer than 10 bytes"),
        ("8080808080808080808001", "a varint is longer than 10 bytes"),
    ],
)
def test_a_varint_that_does_not_end_is_refused(data: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_varint(b"\0\0" + bytes.fromhex(data), 2, 2 + len(data) // 2, "a.b")
    assert (caught.value.reason, caught.value.field, caught.value.offset) == (reason, "a.b", 2)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("00", "0 is not a field number"),
        ("0000", "0 is not a field number"),
        ("8080808010" + "00", f"{2**29} is not a field number"),
        ("0b0c", "wire type 3 of field 1 does not exist"),
        ("0c", "wire type 4 of field 1 does not exist"),
        ("0e", "wire type 6 of field 1 does not exist"),
        ("0f", "wire type 7 of field 1 does not exist"),
        ("08", "a varint runs over the end"),
        ("09" + "00" * 7, "field 1 of 8 bytes runs over the end"),
        ("0d" + "00" * 3, "field 1 of 4 bytes runs over the end"),
        ("0a", "a varint runs over the end"),
        ("0a05" + "00" * 4, "field 1 of 5 bytes runs over the end"),
        ("0affffffffffffffffff01", f"field 1 of {2**64 - 1} bytes runs over the end"),
    ],
)
def test_a_field_that_is_not_whole_or_no_field_is_refused(data: str, reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_token(bytes.fromhex(data), 0, len(data) // 2, "a")
    assert (caught.value.reason, caught.value.field) == (reason, "a")


held = st.one_of(
    st.tuples(st.just(VARINT), st.integers(0, 2**64 - 1)),
    st.tuples(st.just(FIXED64), st.binary(min_size=8, max_size=8)),
    st.tuples(st.just(FIXED32), st.binary(min_size=4, max_size=4)),
    st.tuples(st.just(LENGTH_DELIMITED), st.binary(max_size=300)),
)


@examples(3)
@given(st.integers(1, LARGEST_NUMBER), held, st.binary(max_size=3), st.binary(max_size=3))
def test_a_field_is_read_as_it_was_written(number: int, content: tuple[int, int | bytes], before: bytes, behind: bytes) -> None:
    data = before + tagged(number, *content) + behind
    start, end = len(before), len(data) - len(behind)
    assert read_token(data, start, len(data), "") == (number, *content, start, end)


def test_values_are_shown_short_and_without_control_characters() -> None:
    assert [shown(value) for value in ("a", None, "\x1b[/x]", "x" * 100)] == ["'a'", "None", r"'\x1b[/x]'", "'" + "x" * 56 + "..."]
    assert shown(10**5000) == "this int"


def test_paths_are_joined_by_dots() -> None:
    assert (joined("", "a"), joined("a.b[0]", "c")) == ("a", "a.b[0].c")
