"""What several faults do to one message; each alone is in test_injection."""

from __future__ import annotations

import pytest

from twsprobe.capture.model import Close
from twsprobe.net.effects import Applied, End, Send, Stall, Wait, cut, in_hex, kind_of, path_text, performed
from twsprobe.net.fault_language import read_faults
from twsprobe.wire.events import Event, SyncLost, Undecodable, Unknown
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import PREFIX, frame, greeting, read_greeting, read_offer
from twsprobe.wire.registry import decode, encode

CLIENT = Direction.TO_CLIENT
DATA = encode("error", CLIENT, 178, id=-1, errorCode=2104, errorMsg="m")
EVENT = decode(DATA[4:], CLIENT, 178)


def steps(*faults: str) -> list[object]:
    return list(performed(read_faults(faults), EVENT, DATA))


def test_an_end_before_a_message_leaves_nothing_of_it() -> None:
    found = steps("delay error by 1s", "duplicate error", "fin before error", "stall after error")
    assert found == [Applied(CLIENT, f"ended with FIN before error (fault: fin before error), bytes {DATA.hex()}"), End(CLIENT, Close.FIN)]


def test_the_first_end_counts() -> None:
    assert steps("stall after error", "rst after error")[-1] == Stall(CLIENT, "stall after error")


def test_delays_add_up() -> None:
    assert [step for step in steps("delay error by 1s", "delay all by 2s") if isinstance(step, Wait)] == [
        Wait(CLIENT, 1.0),
        Wait(CLIENT, 2.0),
    ]


def test_an_end_after_a_dropped_message() -> None:
    found = steps("drop error", "rst after error")
    assert [type(step) for step in found] == [Applied, Applied, End]


@pytest.mark.parametrize(("size", "left"), [(0, []), (5, [Send(CLIENT, DATA[:5])]), (500, [Send(CLIENT, DATA)])])
def test_truncation(size: int, left: list[Send]) -> None:
    found = steps(f"truncate error to {size}")
    assert [step for step in found if isinstance(step, Send)] == left
    assert len(found) - len(left) == (size < len(DATA)), "what is no longer anyway is not told of"


def test_fields_after_fields() -> None:
    found = steps("corrupt error errorMsg to a", "corrupt error errorCode to 7", "corrupt error byte 4 to 1", "corrupt error errorMsg to b")
    changed = encode("error", CLIENT, 178, id=-1, errorCode=7, errorMsg="b")
    assert found[-1] == Send(CLIENT, changed[:3] + b"\x01" + changed[4:])


def test_a_field_that_can_no_longer_be_read() -> None:
    opening = read_offer(b"v100..226", 0)
    assert opening is not None
    found = performed(read_faults(["corrupt offer minimum to -1", "corrupt offer maximum to 5"]), opening, opening.raw)
    assert found[-1] == Send(Direction.TO_SERVER, PREFIX + frame(b"v-1..226"))
    told = found[-2]
    assert isinstance(told, Applied)
    assert told.text == "could not corrupt maximum of offer: its fields cannot be read any more (fault: corrupt offer maximum to 5)"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (EVENT, "error"),
        (read_offer(b"v1..2", 0), "offer"),
        (read_greeting(greeting(1, b"")[4:], 0), "greeting"),
        (Unknown(CLIENT, 999, 178, "text", "", b""), "unknown"),
        (Undecodable(CLIENT, 1, "tickPrice", 178, "text", "", "", 0, b""), "tickPrice"),
        (Undecodable(CLIENT, None, None, None, "text", "", "", 0, b""), "unknown"),
        (SyncLost(CLIENT, "", b""), "unknown"),
    ],
)
def test_kinds(event: Event, kind: str) -> None:
    assert kind_of(event) == kind


def test_small_things() -> None:
    assert list(cut(b"abcde", 2)) == [b"ab", b"cd", b"e"]
    assert in_hex(b"\x01" * 1024) == "bytes " + "01" * 1024
    assert in_hex(b"\x01" * 1025) == "bytes " + "01" * 1024 + "... (1024 of 1025)"
    assert path_text(("bars", 0, "close")) == "bars[0].close"
