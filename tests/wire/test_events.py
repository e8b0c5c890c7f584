from typing import Any, get_args

import pytest

from twsprobe.wire.events import Decoded, Event, Greeted, Resynced, SyncLost, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import Direction

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
EVENTS: dict[str, Any] = {
    "version_offer": VersionOffered(TO_SERVER, 100, 226, "", b"API\0"),
    "greeting": Greeted(TO_CLIENT, 226, "", "", "", b"226\0\0"),
    "message": Decoded(TO_CLIENT, 9, "nextValidId", 176, "text", {"orderId": 1}, b"9\x001\x001\0", 2),
    "unknown": Unknown(TO_CLIENT, None, None, None, "why", b""),
    "undecodable": Undecodable(TO_CLIENT, 9, "nextValidId", 176, "text", "why", "orderId", 2, b"9\x00x\0"),
    "sync_lost": SyncLost(TO_CLIENT, "why", b"HTTP"),
    "resynced": Resynced(TO_CLIENT, "why", 9, b"HTTP"),
}


@pytest.mark.parametrize("kind", EVENTS)
def test_every_event_says_its_kind_its_direction_and_its_bytes(kind: str) -> None:
    event = EVENTS[kind]
    assert event.event == kind
    assert event.direction in Direction
    assert isinstance(event.raw, bytes)
    assert event.offset == 0
    assert event._replace(offset=7).offset == 7


def test_these_are_all_events() -> None:
    assert set(map(type, EVENTS.values())) == set(get_args(Event))


def test_a_message_is_whole_unless_it_says_otherwise() -> None:
    event = EVENTS["message"]
    assert (event.extra, event.missing, event.anomalies) == ((), None, ())
