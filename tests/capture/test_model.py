import pickle

from twsprobe.capture.model import CaptureError, Chunk, Close
from twsprobe.wire.framing import Direction


def test_an_error_is_one_line_that_names_the_file() -> None:
    error = CaptureError("run.jsonl", 120, "torn at byte 120: the last line is incomplete")
    assert str(error) == "run.jsonl: torn at byte 120: the last line is incomplete"
    assert (error.path, error.position, error.reason) == ("run.jsonl", 120, "torn at byte 120: the last line is incomplete")


def test_a_hostile_file_name_is_inert_in_an_error() -> None:
    text = str(CaptureError("a\nb\x1b[2J\u202e\udcff", 0, "is empty"))
    assert text == r"'a\nb\x1b[2J\u202e\udcff': is empty"


def test_an_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(CaptureError("run.jsonl", 1, "torn")))  # noqa: S301 (our own bytes)
    assert (str(error), error.position) == ("run.jsonl: torn", 1)


def test_the_ways_to_close_are_those_of_the_file_format() -> None:
    assert {close.value for close in Close} == {"fin", "rst", "abandoned", "refused", "timeout", "unreachable", "unresolved"}


def test_records_are_values() -> None:
    first, second = (Chunk(0, Direction.TO_SERVER, 1, b"API\0") for _ in range(2))
    assert first == second
    assert first != second._replace(direction=Direction.TO_CLIENT)
