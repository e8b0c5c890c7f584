"""The protocol document: what is decoded with its tables alone is what twsprobe decodes, its links lead somewhere, its samples are true."""

import re
from collections.abc import Iterator, Sequence

import pytest

from tests.wire.oracle import UNICODE, Sampler
from twsprobe.views.protocol import anchor, effect_words, filled, protocol_document, table, title
from twsprobe.wire.codes import CODES
from twsprobe.wire.events import Decoded
from twsprobe.wire.fields import Int
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.message import BINARY_ID, PROTOBUF, TEXT, Message, value_paths
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import decode, encode, head, locate
from twsprobe.wire.tick_types import TICK_TYPES
from twsprobe.wire.tokens import read_token
from twsprobe.wire.versions import HIGHEST
from twsprobe.wire.versions import ServerVersion as V

DOCUMENT = protocol_document()
SECTIONS = {part.partition("\n")[0].strip(): part for part in re.split(r"^#+ ", DOCUMENT, flags=re.MULTILINE)[1:]}
CHOICES: dict[str, Sequence[object]] = {
    "order.conditions[].type": (1, 3, 4, 5, 6, 7),
    "order.orderType": ("LMT", "PEG BENCH", "PEGBENCH"),
    "order.scalePriceIncrement": (0.25, 0.0, -1.0, None),
    "order.hedgeType": (None, "D"),
    "contract.secType": ("BAG", "FUND", "STK"),
    "version": (1, 5, 6),
}
TICKS = {"tickType": (1, 2, 3, 4, 13)}
Cells = dict[str, str]


def rows(heading: str) -> list[Cells]:
    """The rows of the tables below a heading, cells by column."""
    found: list[Cells] = []
    columns: list[str] = []
    for line in SECTIONS[heading].splitlines():
        cells = [cell.strip(" `") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells:
            columns = []
        elif not columns:
            columns = cells
        elif set(line) - set("| -"):
            found.append(dict(zip(columns, cells, strict=True)))
    return found


def is_there(when: str, version: int, found: dict[str, str]) -> bool:
    """Whether a field stands in text, by what the document says about it and the fields before it."""
    for part in filter(None, when.split("; ")):
        if gated := re.fullmatch(r"(from|before) (\d+) [A-Z0-9_]+", part):
            holds = (version >= int(gated[2])) == (gated[1] == "from")
        else:
            asked = re.fullmatch(r"if (\S+) (is not empty|is true|is above 0|is at least \d+|is .+)", part)
            assert asked is not None, part
            value = found.get(asked[1], found.get(f"len({asked[1]})", ""))
            if asked[2] == "is not empty":
                holds = value not in ("", "0") if asked[1] not in found else value != ""
            elif asked[2] == "is true":
                holds = value == "1"
            elif asked[2] == "is above 0":
                holds = bool(value) and float(value) > 0
            elif asked[2].startswith("is at least "):
                holds = bool(value) and int(value) >= int(asked[2].rpartition(" ")[2])
            else:
                holds = value in asked[2].removeprefix("is ").split(" or ")
        if not holds:
            return False
    return True


def read_text(
    table: list[Cells], pieces: Iterator[str], version: int, found: dict[str, str], inside: str = "", at: Sequence[int] = ()
) -> None:
    """Decode text with nothing but a table of the document: path to piece. ``at`` are the indexes of the lists that it is inside of."""
    for row in table:
        place = row.get("#", "")
        when = "; ".join(indexed(part, at) for part in row.get("when", "").split("; "))
        if not place or place.rpartition(".")[0] != inside or not is_there(when, version, found):
            continue
        name = indexed(row["field"], at)
        found[name] = next(pieces)
        if name.startswith("len("):
            for number in range(int(found[name])):
                read_text(table, pieces, version, found, place, (*at, number))


def indexed(path: str, at: Sequence[int]) -> str:
    """A path of the document with the indexes of an element."""
    for number in at:
        path = path.replace("[]", f"[{number}]", 1)
    return path


def read_protobuf(table: list[Cells], data: bytes, inside: str) -> Iterator[str]:
    """The paths of the values in a protobuf payload, by nothing but tables of the document."""
    fields = {row["pb"]: row for row in table if row.get("pb", "").isdigit()}
    position, counts = 0, dict.fromkeys(fields, 0)
    while position < len(data):
        token = read_token(data, position, len(data), inside)
        position, row = token.end, fields[str(token.number)]
        name, kind = row["field"].removesuffix("[]"), row["type"].rpartition("pb ")[2]
        is_list = kind.startswith("list of") or row["field"].endswith("[]")
        path = f"{inside}{name}" + (f"[{counts[row['pb']]}]" if is_list else "")
        counts[row["pb"]] += 1
        if "[" in kind:
            yield from read_protobuf(rows(f"Record {kind.partition('[')[2].partition(']')[0]}"), token.value, f"{path}.")
        elif is_list and kind.endswith("Int") and isinstance(token.value, bytes):
            yield from (f"{inside}{name}[{number}]" for number in range(sum(byte < 0x80 for byte in token.value)))
        elif is_list and kind.endswith("Double") and isinstance(token.value, bytes):
            yield from (f"{inside}{name}[{number}]" for number in range(len(token.value) // 8))
        else:
            yield path


def choices(message: Message) -> dict[str, Sequence[object]]:
    """What a sample of a message chooses from; the type of ticks is a word in their request."""
    return CHOICES | TICKS if isinstance(message.record.fields.get("tickType"), Int) else CHOICES


def gate_sides(message: Message) -> list[int]:
    """The versions on both sides of each gate that the document shows for a message, within those that send it as text."""
    gates = [int(number) for row in rows(title(message)) for number in re.findall(r"(?:from|before) (\d+)", row.get("when", ""))]
    last = HIGHEST if message.protobuf is None else message.protobuf - 1
    sides = {int(message.since), int(last)} | {version for gate in gates for version in (gate - 1, gate)}
    return sorted(version for version in sides if message.since <= version <= last)


def decoded(frame: bytes, direction: Direction, version: int) -> Decoded:
    event = decode(frame[LENGTH.size :], direction, version)
    assert isinstance(event, Decoded), event
    return event


@pytest.mark.parametrize("message", [message for message in MESSAGES if message.text is not None], ids=title)
def test_text_is_read_with_the_document_alone(message: Message) -> None:
    for version in gate_sides(message):
        for share in (0.0, 0.5, 0.9):
            sample = Sampler(f"{message.name} {version} {share}", share, choices(message), UNICODE)
            frame = encode(message.name, message.direction, version, encoding=TEXT, **sample.layout(message.layout(version)))
            event = decoded(frame, message.direction, version)
            expected = {piece.path: event.raw[piece.start : piece.end].decode() for piece in locate(event)}
            found: dict[str, str] = {}
            pieces = iter(event.raw[head(event.raw, version).start :].decode().split("\0"))
            read_text(rows(title(message)), pieces, version, found)
            assert list(found.items()) == list(expected.items()), version
            assert list(pieces) == [""], version


@pytest.mark.parametrize("message", [message for message in MESSAGES if message.protobuf is not None], ids=title)
def test_protobuf_is_read_with_the_document_alone(message: Message) -> None:
    for share in (0.0, 0.5, 1.0):
        values = Sampler(f"{message.name} {share}", share, choices(message)).record(message.record)
        frame = encode(message.name, message.direction, HIGHEST, **values)
        event = decoded(frame, message.direction, HIGHEST)
        assert event.encoding == PROTOBUF
        found = read_protobuf(rows(title(message)), event.raw[BINARY_ID.size :], "")
        assert sorted(found) == sorted(value_paths(event.fields, ""))


@pytest.mark.parametrize("message", MESSAGES, ids=title)
def test_every_message_has_a_section_that_says_since_when_and_how(message: Message) -> None:
    section = SECTIONS[title(message)]
    assert message.meaning in section
    facts = section.split("\n\n")[2]
    assert facts.startswith(
        "At every server version;" if message.since == 100 else f"From server version {int(message.since)} {message.since.name} on;"
    )
    if message.protobuf is None:
        assert facts.endswith("always as text.")
    else:
        assert facts.endswith(f"with id {message.id + 200}.")
        assert (f"from {int(message.protobuf)} {message.protobuf.name} on" in facts) == (message.text is not None)


def test_every_heading_of_a_message_names_its_id_and_direction() -> None:
    assert {"openOrder (5, to the client)", "reqOpenOrders (5, to TWS)", "startApi (71, to TWS)"} <= SECTIONS.keys()


def test_links_lead_to_a_section() -> None:
    headings = re.findall(r"^#+ (.+)$", DOCUMENT, re.MULTILINE)
    anchors = [anchor(heading) for heading in headings]
    assert len(set(anchors)) == len(anchors)
    targets = re.findall(r"(?:\]\(|\]: )#(\S+?)\)?$", DOCUMENT, re.MULTILINE) + re.findall(r"\]\(#([^)]+)\)", DOCUMENT)
    assert set(targets) <= set(anchors)
    labels = re.findall(r"^\[(\w+)\]: #", DOCUMENT, re.MULTILINE)
    assert len({label.casefold() for label in labels}) == len(labels)
    prose = re.sub(r"```.*?```|`[^`]*`", "", DOCUMENT, flags=re.DOTALL)
    assert set(re.findall(r"\[(\w+)\](?![(:])", prose)) <= set(labels)


def test_a_name_in_the_prose_that_is_no_message_is_refused() -> None:
    assert filled("see [[startApi]]") == "see [startApi]"
    with pytest.raises(KeyError):
        filled("see [[startAPI]]")
    with pytest.raises(KeyError):
        filled("at most {speed}")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (V.ERROR_TIME, "fields: [error]"),
        (V.MARKET_CAP_PRICE, "fields: [orderStatus]"),
        (V.CURRENT_TIME_IN_MILLIS, "new: [reqCurrentTimeInMillis], [currentTimeInMillis]"),
        (V.PROTOBUF_PLACE_ORDER, "[openOrder]"),
        (V.ENCODE_MSG_ASCII7, "[error]"),
        (V.HEDGE_MAX_SIZE, "[openOrder]"),
        (V.REMOVE_NULL_ALL_CASTING, ""),
    ],
)
def test_gates_name_the_messages_that_they_change(version: V, expected: str) -> None:
    assert expected in effect_words(version)
    assert bool(expected) == bool(effect_words(version))


def test_every_gate_and_every_code_has_its_row() -> None:
    assert [(row["version"], row["name"]) for row in rows("Server versions")] == [(str(int(version)), version.name) for version in V]
    listed = [row["code"] for row in rows("Error codes")]
    assert {str(number) for number in CODES} == {code for code in listed if code.isdigit()}
    assert "510 to 593, others" in listed
    assert {row["code"]: row["severity"] for row in rows("Error codes")}["326"] == "fatal"
    assert {row["code"]: row["from"] for row in rows("Error codes")}["502"] == "local"


def test_every_tick_type_has_its_row() -> None:
    listed = {int(row["type"]): row for row in rows("Tick types")}
    assert {number: row["name"] for number, row in listed.items()} == {number: kind.name for number, kind in TICK_TYPES.items()}
    assert (listed[4]["message"], listed[4]["asked"], listed[4]["from"]) == ("[tickPrice]", "", "")
    assert (listed[48]["message"], listed[48]["asked"]) == ("[tickString]", "233")
    assert listed[105]["from"] == "225 ODD_LOT_BID_ASK_QUOTES"


def test_every_type_of_a_field_is_explained() -> None:
    named = {row["type"] for heading in SECTIONS for row in rows(heading) if "field" in row}
    words = {word.removeprefix("list of ") for kind in named for word in kind.split(", pb ")}
    assert {word for word in words if not word.startswith("[")} == {row["type"] for row in rows("Types")}


@pytest.mark.parametrize(
    "line",
    [
        "client  prefix           41 50 49 00",
        'client  offer            00 00 00 09  "v100..226"',
        'TWS     answer           00 00 00 2a  "176\\0" "20240308 13:30:34 Greenwich Mean Time\\0"',
        'at 200: client  startApi         00 00 00 08  "71\\0" "2\\0" "1\\0" "\\0"',
        'at 201: client  startApi         00 00 00 09  00 00 00 47  "2\\0" "1\\0" "\\0"',
        "at 226: client  startApi         00 00 00 06  00 00 01 0f  08 01",
        "TWS     managedAccounts  00 00 00 0f  00 00 00 d7  0a 09 44 55 31 32 33 34 35 36 37",
    ],
)
def test_samples_are_the_bytes_of_recorded_sessions(line: str) -> None:
    assert line in DOCUMENT.splitlines()


def test_tables_leave_empty_columns_out_and_escape_what_markdown_would_take() -> None:
    assert table(("a", "b", "c"), [("x", "", "1|2"), ("yyyy", "", "<b> *")]) == "\n".join(
        ["| a    | c |", "| ---- | --- |", r"| x    | 1\|2 |", r"| yyyy | &lt;b> \* |"]
    )


def test_the_document_is_plain_lines() -> None:
    assert not re.search(r"[\r\t\x00]| $|\n{3}|\[\[|\{\w+\}", DOCUMENT, re.MULTILINE)
    assert DOCUMENT.startswith("# ")
    assert DOCUMENT.endswith("\n")
