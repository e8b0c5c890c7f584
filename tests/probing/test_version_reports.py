"""Version reports, read and compared."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.probing.looks import WITH_MORE, looked
from twsprobe.net.script import Greet, Script
from twsprobe.probing.version_reports import Difference, compare, is_report, read_report

NEW, OLD = looked(version=226, sync=True).to_dict(), looked(version=203, sync=True).to_dict()


def data(report: dict[str, Any]) -> bytes:
    return json.dumps(report).encode()


def differences(a: dict[str, Any], b: dict[str, Any]) -> list[Difference]:
    return list(compare(read_report(data(a)), read_report(data(b))))


def test_a_report_is_known_by_its_beginning() -> None:
    assert is_report(data(NEW)[:64])
    assert is_report(json.dumps(NEW, indent=2).encode()[:64])
    assert is_report(b"\xef\xbb\xbf" + data(NEW))
    assert not is_report(b'{"twsprobe": "capture", "schema": "twsprobe.versions/1"}')
    assert not is_report(b"")


def test_a_report_does_not_differ_from_itself() -> None:
    assert differences(NEW, NEW) == []


def test_an_update_of_the_server() -> None:
    found = differences(OLD, NEW)
    assert Difference("changed", "offer 100..226", None, "answer", "203", "226") in found
    where = "offer 100..226, 203 -> 226"
    assert Difference("changed", where, "position", "encoding", "text", "protobuf") in found
    assert not [each for each in found if each.message == "openOrder" and each.what == "encoding"], "both send it in protobuf"
    assert {each.where for each in found} == {"offer 100..226", where}, "the other dialects are the same"
    assert {each.kind for each in differences(NEW, OLD)} == {"changed"}


def test_a_field_that_appears_or_vanishes() -> None:
    plain, more = looked(version=226).to_dict(), looked(WITH_MORE, version=226).to_dict()
    found = differences(plain, more)
    assert Difference("appeared", "offer 100..226, 226", "managedAccounts", "undeclared field", None, "#111") in found
    text = Difference(
        *("appeared", "offer 100..157, 157", "managedAccounts", "difference from our declaration"),
        None,
        "1 text field behind the last known one",
    )
    assert text in found
    assert {each.kind for each in differences(more, plain)} == {"vanished"}


def test_a_message_or_field_in_one_of_them() -> None:
    changed = copy.deepcopy(NEW)
    messages = changed["sessions"][-1]["messages"]
    gone = messages.pop()
    messages[0]["fields"].append("news")
    where = "offer 100..226, 226"
    assert differences(NEW, changed) == [
        Difference("appeared", where, messages[0]["message"], "field", None, "news"),
        Difference("vanished", where, gone["message"], "message", gone["encoding"]),
    ]


def test_a_library_that_fails_now() -> None:
    found = differences(NEW, looked(Script(on_offer=(Greet(76),)), sync=True).to_dict())
    assert Difference("changed", "ib_async", None, "verdict", "works", "fails") in found
    assert Difference("changed", "offer 157..178", None, "answer", "178", "76") in found


def test_the_highest_version_is_compared_where_both_know_it() -> None:
    found = differences(OLD, looked(version=200, sync=True).to_dict())
    assert found[0] == Difference("changed", "server", None, "highest version", "203", "200")
    huge = looked(version=226, sync=True, huge=True).to_dict()
    assert differences(NEW, huge) == [], "the huge offer alone is no difference"


def test_without_account_data_in_one_of_them_starts_are_compared() -> None:
    assert differences(NEW, looked(version=226).to_dict()) == []


def test_a_message_in_both_encodings() -> None:
    changed = copy.deepcopy(NEW)
    changed["sessions"][-1]["messages"].append({**changed["sessions"][-1]["messages"][0], "encoding": "text"})
    (found,) = differences(NEW, changed)
    assert (found.what, found.b) == ("encoding", "protobuf and text")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"{", "line 1, column 2"),
        (b"[]", "the report is not an object"),
        (b"\xff", "no UTF-8 text"),
        (b"[" * 100_000, "too deeply"),
        (b"{}", "schema is missing"),
        (b'{"schema": "x"}', "schema is not twsprobe.versions/1"),
    ],
)
def test_what_is_no_report_is_refused_with_a_sentence(text: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_report(text)


def test_a_fault_inside_is_named_with_its_place() -> None:
    changed = copy.deepcopy(NEW)
    changed["sessions"][1]["messages"][0]["fields"] = [1]
    with pytest.raises(ValueError, match=r"sessions\[1\]\.messages\[0\]\.fields is not a list of texts"):
        read_report(data(changed))


@given(st.data())
def test_any_change_of_a_report_is_read_or_refused(chosen: st.DataObject) -> None:
    changed = copy.deepcopy(OLD)
    place: Any = changed
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = chosen.draw(st.sampled_from(keys))
        if not isinstance(place[key], (dict, list)) or not place[key] or chosen.draw(st.booleans()):
            break
        place = place[key]
    place[key] = chosen.draw(st.sampled_from([None, True, 0, -1, 1.5, "x", "\x1b[2J", [], {}, [[]], [{}], {"x": 1}]))
    try:
        report = read_report(data(changed))
    except ValueError:
        return
    list(compare(report, read_report(data(OLD))))
