"""Texts to faults, and what is said of texts that are none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.views.hostile import HOSTILE
from twsprobe.capture.filtering import Filter
from twsprobe.capture.model import Close
from twsprobe.net.fault_forms import (
    EXAMPLES,
    TARGET_FORM,
    Corrupt,
    CorruptByte,
    Delay,
    Drop,
    Duplicate,
    End,
    Fault,
    Rate,
    Reorder,
    Slice,
    Stall,
    Target,
    Truncate,
    forms,
)
from twsprobe.net.fault_language import ACTIONS, FaultError, read_fault, read_faults, suffix
from twsprobe.wire.framing import Direction

SERVER, CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
ERROR = Target("error", CLIENT)
ANY = Target()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("drop 3rd nextValidId", Drop(Target("nextValidId", CLIENT, 3))),
        ("drop the 3rd nextValidId", Drop(Target("nextValidId", CLIENT, 3))),
        ("drop every nextValidId", Drop(Target("nextValidId", CLIENT))),
        ("drop nextValidId", Drop(Target("nextValidId", CLIENT))),
        ("drop 11th startApi from client", Drop(Target("startApi", SERVER, 11))),
        ("drop 22nd message from server", Drop(Target(None, CLIENT, 22))),
        ("drop all", Drop(ANY)),
        ("drop all from client connection 2", Drop(Target(None, SERVER, connection=2))),
        ("drop greeting on connection 2", Drop(Target("greeting", CLIENT, connection=2))),
        ("drop offer", Drop(Target("offer", SERVER))),
        ("delay error by 2s", Delay(ERROR, 2.0)),
        ("delay error by 2 s", Delay(ERROR, 2.0)),
        ("delay error by 250ms", Delay(ERROR, 0.25)),
        ("delay error by 0.5s from server", Delay(ERROR, 0.5)),
        ("duplicate error", Duplicate(ERROR)),
        ("reorder error after 2", Reorder(ERROR, 2)),
        ("reorder error after 1 message", Reorder(ERROR, 1)),
        ("corrupt tickPrice price to 0", Corrupt(Target("tickPrice", CLIENT), ("price",), "0")),
        ("corrupt openOrder contract.symbol to 'A B'", Corrupt(Target("openOrder", CLIENT), ("contract", "symbol"), "A B")),
        ("corrupt openOrder fields.contract.symbol to unset", Corrupt(Target("openOrder", CLIENT), ("contract", "symbol"), None)),
        ("corrupt openOrder contract.symbol to 'unset'", Corrupt(Target("openOrder", CLIENT), ("contract", "symbol"), "unset")),
        (
            "corrupt historicalData historicalDataBars[2].close to -1.5",
            Corrupt(Target("historicalData", CLIENT), ("historicalDataBars", 2, "close"), "-1.5"),
        ),
        ("corrupt greeting serverVersion to 100", Corrupt(Target("greeting", CLIENT), ("serverVersion",), "100")),
        ("corrupt error byte 5 to 0xFF", CorruptByte(ERROR, 5, 255)),
        ("corrupt all byte 5 to 17", CorruptByte(ANY, 5, 17)),
        ("truncate error to 10 bytes", Truncate(ERROR, 10)),
        ("truncate error to 0", Truncate(ERROR, 0)),
        ("slice all into 1 byte", Slice(ANY, 1)),
        ("slice all into 3 bytes from client", Slice(Target(None, SERVER), 3)),
        ("stall after 1st managedAccounts", Stall(Target("managedAccounts", CLIENT, 1), False)),
        ("stall before error", Stall(ERROR, True)),
        ("fin before error", End(ERROR, Close.FIN, True)),
        ("rst after error", End(ERROR, Close.RST, False)),
        ("rate 1000 bytes/s", Rate(ANY, 1000)),
        ("rate 1000 bytes/s from server connection 3", Rate(Target(None, CLIENT, connection=3), 1000)),
    ],
)
def test_texts_name_faults(text: str, fault: Fault) -> None:
    assert read_fault(text) == fault._replace(text=text)


def test_conditions_are_filters() -> None:
    for text in ("delay error 2104 by 2s", "delay error where errorCode == 2104 by 2s", "delay error by 2s where errorCode in (2104)"):
        found = read_fault(text)
        assert isinstance(found, Delay)
        assert found.seconds == 2.0
        assert isinstance(found.target.where, Filter)


def test_a_fault_is_told_by_its_text_without_spare_blanks() -> None:
    assert read_fault("  drop   error\t").text == "drop error"


def test_faults_may_be_texts_or_faults() -> None:
    assert read_faults(["drop error", Duplicate(ERROR)]) == (Drop(ERROR, "drop error"), Duplicate(ERROR))


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("", 1, f"one of {', '.join(ACTIONS)} is expected"),
        ("dorp error", 1, f"one of {', '.join(ACTIONS)} is expected, not 'dorp'"),
        ("drop", 5, "the name of a message, greeting, offer, message or all is expected"),
        (
            "drop nextValidID",
            6,
            "the name of a message, greeting, offer, message or all (there is nextValidId) is expected, not 'nextValidID'",
        ),
        ("drop 3th error", 6, "the ordinal of 3 is 3rd"),
        ("drop 11st error", 6, "the ordinal of 11 is 11th"),
        ("drop 3 error", 6, "an ordinal, as 1st, 2nd, 3rd or 4th are, is expected, not '3'"),
        ("drop 0th error", 6, "an ordinal, as 1st, 2nd, 3rd or 4th are, is expected, not '0th'"),
        ("drop error please", 12, "the end, 'from', 'connection' or 'where' is expected, not 'please'"),
        ("drop error where errorCode == 1 please", 33, "the end, 'and' or 'or' is expected, not 'please'"),
        ("drop error from me", 17, "'client' or 'server' is expected, not 'me'"),
        ("drop nextValidId from client", 23, "nextValidId comes from the server"),
        ("drop offer from server", 17, "offer comes from the client"),
        ("drop error connection 0", 23, "0 is not within 1 and 1000000000"),
        ("drop error on wire", 15, "'connection' is expected, not 'wire'"),
        ("drop error where time > 3", 18, "a fault cannot ask for the time"),
        ("drop error where erorCode == 1", 18, "no message has a field 'erorCode'; there is errorCode, providerCode, providerCodes"),
        ("drop error where errorCode", 27, "one of < <= > >= == != ~ in is expected"),
        ("drop error where errorCode == 'x", 31, "the quote that opens here does not close"),
        ("delay error", 12, "'by' is expected"),
        ("delay error by", 15, "a time, as 2s or 200ms are, is expected"),
        ("delay error by 2h", 16, "a time, as 2s or 200ms are, is expected, not '2h'"),
        ("delay error by 2", 17, "'s' or 'ms' is expected"),
        ("delay error by 86401s", 16, "more than a day (86400s) is too long"),
        ("reorder error after 0", 21, "0 is not within 1 and 1000000000"),
        ("corrupt error", 14, "the name of a field, or 'byte', is expected"),
        ("corrupt error to 5", 15, "the name of a field, or 'byte', is expected, not 'to'"),
        ("corrupt all price to 5", 13, "'byte' (a field takes the name of its message) is expected, not 'price'"),
        ("corrupt tickPrice prize to 5", 19, "TickPrice has no field 'prize'; it has reqId, tickType, price, size, attrMask"),
        ("corrupt tickPrice price.x to 5", 19, "price is a single value"),
        ("corrupt tickPrice price..x to 5", 19, "'price..x' is not the path of a field, as contract.symbol or bars[0].close are"),
        ("corrupt tickPrice price to dear", 28, "'dear' is not double"),
        ("corrupt tickPrice price to", 27, "a value, a text in quotes, or 'unset', is expected"),
        ("corrupt greeting version to 5", 18, "greeting has no such field; it has serverVersion, time, zone"),
        ("corrupt greeting serverVersion to high", 35, "'high' is not int32"),
        (
            "corrupt historicalData historicalDataBars.close to 5",
            24,
            "historicalDataBars is a list: name an element, as historicalDataBars[0] does",
        ),
        ("corrupt error byte 0 to 5", 20, "0 is not within 1 and 16777219"),
        ("corrupt error byte 5 to 256", 25, "256 is not within 0 and 255"),
        ("corrupt error byte 5 to red", 25, "a byte, 0 to 255 or 0x00 to 0xff, is expected, not 'red'"),
        ("truncate error to -1", 19, "a number of bytes is expected, not '-1'"),
        ("slice all into 0 bytes", 16, "0 is not within 1 and 16777219"),
        ("slice all into 99999999999999999999 bytes", 16, "a number of bytes is expected, not '99999999999999999999'"),
        ("stall error", 7, "'before' or 'after' is expected, not 'error'"),
        ("rate 0 bytes/s", 6, "0 is not within 1 and 1000000000"),
        ("rate 5 MB", 8, "'bytes/s' is expected, not 'MB'"),
        ("rate 5 bytes/s where errorCode == 1", 16, "the end, 'from' or 'connection' is expected, not 'where'"),
    ],
)
def test_what_is_no_fault_is_named_with_its_place(text: str, position: int, reason: str) -> None:
    with pytest.raises(FaultError) as raised:
        read_fault(text)
    assert (raised.value.position, raised.value.reason) == (position, reason)
    assert str(raised.value) == f"{text!r}, character {position}: {reason}"


def test_ordinals() -> None:
    assert [f"{number}{suffix(number)}" for number in (1, 2, 3, 4, 11, 12, 13, 21, 111, 122)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th", "122nd"]
    )


WORDS = (
    *("drop", "delay", "corrupt", "slice", "stall", "fin", "rate", "all", "1st", "error", "message", "greeting", "2104", "where"),
    *("errorCode", "==", "in", "(", ")", ",", "not", "and", "or", "by", "2s", "to", "price", "byte", "5", "0xff", "bytes", "into"),
    *("after", "before", "from", "client", "server", "on", "connection", "bytes/s", "unset", "'a", '"', "[0]", "é"),
)


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.sampled_from(HOSTILE)))
def test_whatever_is_said_is_a_fault_or_a_line_that_says_why_not(text: str) -> None:
    refused = FaultError(text, 1, "")
    try:
        read_fault(text)
    except FaultError as fault:
        refused = fault
    assert 1 <= refused.position <= len(text) + 1
    assert len(refused.reason) < 2000


@pytest.mark.parametrize(
    "text", ["drop error where " + "(" * 5000, "drop error where " + "not " * 5000, "9" * 100_000, "delay all by " + "9" * 9000]
)
def test_hostile_texts_are_refused(text: str) -> None:
    with pytest.raises(FaultError):
        read_fault(text)


def test_every_example_is_a_fault() -> None:
    for example in EXAMPLES:
        assert read_fault(example).text == example


def test_the_page_has_every_form_and_every_fault_on_it_is_one() -> None:
    page = PAGE.read_text("utf-8")
    for form, meaning in forms():
        assert f"| `{form.replace('|', chr(92) + '|')}` | {meaning} |" in page
    assert TARGET_FORM in page
    shown = re.findall(r"""--fault ("[^"]*"|'[^']*')""", page) + [f"'{text}'" for text in re.findall(r"^- `(.*?)`:", page, re.MULTILINE)]
    assert len(shown) > 10
    for text in shown:
        read_fault(text[1:-1])
    assert set(EXAMPLES) <= {text[1:-1] for text in shown}
