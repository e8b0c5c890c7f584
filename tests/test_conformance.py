"""docs/conformance.md holds what the proofs give, for every message, direction, encoding and gate, and all of the official client."""

import inspect
from pathlib import Path

import pytest
from ibapi.client import EClient
from ibapi.message import IN, OUT

from docs.conformance import COLUMNS, FILE, GATES, HEADINGS, NO_CODE, NO_FORM, NO_MESSAGE, cell, documented, label, lines_of, rows
from tests.wire import exceptions
from tests.wire.async_client import IB_ASYNC
from tests.wire.conformance import ROUND_TRIP, Case, Cases
from tests.wire.proofs import proved
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import PROTOBUF, TEXT, Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import BY_ID, BY_NAME
from twsprobe.wire.versions import ServerVersion

EACH = pytest.mark.parametrize("message", MESSAGES, ids=lambda message: f"{message.name}-{message.direction.value}")
STALE = f"docs/{FILE.name} says otherwise: run python -m docs.conformance"
TABLES = {heading: lines_of(heading) for heading in (*HEADINGS.values(), "Gates")}

# Methods of the official client that ask TWS for nothing.
NO_REQUESTS = {
    "opens, keeps or ends the connection": "connect disconnect isConnected setConnState setConnectOptions setOptionalCapabilities reset "
    "checkConnected keyboardInterrupt keyboardInterruptHard msgLoopTmo msgLoopRec run",
    "says what was agreed on": "serverVersion twsConnectionTime useProtoBuf",
    "sends what a request made, or checks it": "sendMsg sendMsgProtoBuf logRequest validateInvalidSymbols validateOrderParameters "
    "validateAttachedOrdersParameters",
}


@EACH
def test_every_proof_of_a_message_passes_as_documented(message: Message) -> None:
    cases = proved(message)
    assert {column: documented(message, column) for column in COLUMNS if column != IB_ASYNC} == {
        column: cell(message, column, cases) for column in COLUMNS if column != IB_ASYNC
    }, STALE
    assert [cells[1:] for cells in TABLES["Gates"] if cells[0] == label(message)] == [[*row.cells] for row in rows(message, cases)], STALE


def test_the_tables_have_a_line_for_each_message_and_no_other() -> None:
    for direction, heading in HEADINGS.items():
        wanted = sorted((message.id, message.name) for message in MESSAGES if message.direction is direction)
        assert [(int(cells[0]), cells[1]) for cells in TABLES[heading]] == wanted, STALE
    assert {cells[0] for cells in TABLES["Gates"]} <= {label(message) for message in MESSAGES}, STALE


@EACH
def test_no_cell_of_a_message_is_empty(message: Message) -> None:
    text, protobuf, unknown_fields, round_trips = (documented(message, column) for column in list(COLUMNS)[:4])
    for form, number in ((message.text, text), (message.protobuf, protobuf)):
        assert (number == NO_FORM) == (form is None)
        assert number in (NO_FORM, NO_CODE) or int(number) > 0
        assert number != NO_CODE or int(round_trips) > 0
    assert unknown_fields == NO_FORM if message.protobuf is None else int(unknown_fields) > 0
    assert documented(message, IB_ASYNC) in (NO_CODE, NO_FORM) or int(documented(message, IB_ASYNC)) > 0


def test_both_sides_of_every_gate_are_proved() -> None:
    for name, gate, form, *sides in TABLES["Gates"]:
        assert ServerVersion[gate.split()[0]], (name, form)
        for place, number in enumerate(sides):
            assert (number == NO_MESSAGE and place == 0) or int(number.split()[0]) > 0, (name, gate)


def test_the_totals_are_those_of_the_tables() -> None:
    for at, column in enumerate(COLUMNS, start=2):
        total = sum(int(cells[at]) for heading in HEADINGS.values() for cells in TABLES[heading] if cells[at].isdigit())
        assert f"{total:,} {column}" in FILE.read_text("utf-8").replace("\n", " "), STALE


def test_every_id_of_the_official_client_is_declared() -> None:
    assert {(Direction.TO_CLIENT, int(id)) for id in IN} | {(Direction.TO_SERVER, int(id)) for id in OUT} <= BY_ID.keys()


def test_every_request_of_the_official_client_is_proved() -> None:
    methods = {name for name, value in vars(EClient).items() if inspect.isfunction(value) and not name.startswith("_")}
    requests = {name for name in methods if (Direction.TO_SERVER, name.removesuffix("ProtoBuf")) in BY_NAME}
    called = {name for request in requests for name in getattr(EClient, request).__code__.co_names}
    reasons = {name for names in NO_REQUESTS.values() for name in names.split()}
    assert methods - requests - called - reasons == set()
    assert reasons <= methods
    proofs = {name.removesuffix("ProtoBuf") for name in requests}
    assert [name for name in proofs if documented(BY_NAME[Direction.TO_SERVER, name], PROTOBUF) == NO_CODE] == []


def test_every_difference_is_shown_and_every_one_that_is_shown_is_listed() -> None:
    sources = [path.read_text("utf-8") for path in Path(__file__).with_name("wire").glob("test_*.py")]
    shown = [one.shown_by for one in (*exceptions.OFFICIAL, *exceptions.IB_ASYNC)]
    assert [name for name in shown if not any(f"def {name}(" in source for source in sources)] == []
    known = {*shown, "test_ib_async_agrees"}
    found = [line.split("(")[0] for source in sources for line in source.splitlines() if line.startswith("def test_")]
    wrong = [name.removeprefix("def ") for name in found if name.startswith(("def test_the_official_client_", "def test_ib_async_"))]
    assert [name for name in wrong if name not in known] == []


def test_differences_stand_in_the_document() -> None:
    text = FILE.read_text("utf-8")
    for one in (*exceptions.OFFICIAL, *exceptions.IB_ASYNC):
        assert f"| {one.messages} | {one.what} |" in text, STALE


def test_a_side_of_a_gate_without_cases_is_seen() -> None:
    message = BY_NAME[Direction.TO_CLIENT, "pnl"]
    assert [row.behind for row in rows(message, Cases())] == ["0 round trips"] * 4
    assert cell(message, TEXT, Cases()) == NO_CODE
    assert cell(message, ROUND_TRIP, Cases({Case(ROUND_TRIP, TEXT, 127): 4})) == "4"


def test_the_document_has_no_carriage_returns() -> None:
    assert b"\r" not in FILE.read_bytes()
    assert GATES in FILE.read_text("utf-8")
