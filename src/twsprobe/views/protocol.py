"""The protocol as one Markdown document: fixed prose about the stream, and all about messages from their declarations.

In the prose ``[[name]]`` is a link to the message of that name, and ``{...}`` a value or a sample that the codec itself gives.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType
from typing import Any

from twsprobe.views.fields import Row, effects, gate_words, leaves, protobuf_rows, record_rows, row_type, sent_words, text_rows
from twsprobe.wire import messages
from twsprobe.wire.codes import CODES, RANGES
from twsprobe.wire.fields import MAX_INT, MAX_LONG, UNSET_DECIMALS
from twsprobe.wire.framing import LENGTH, MAX_FRAME, Direction
from twsprobe.wire.handshake import PREFIX, greeting, offer
from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET, Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.tick_types import TICK_TYPES
from twsprobe.wire.tokens import FIXED64, LENGTH_DELIMITED, VARINT
from twsprobe.wire.versions import HIGHEST, LOWEST, ServerVersion

RECIPIENTS = {Direction.TO_SERVER: "to TWS", Direction.TO_CLIENT: "to the client"}
WIRE_TYPES = {VARINT: f"{VARINT}, varint", FIXED64: f"{FIXED64}, 8 bytes", LENGTH_DELIMITED: f"{LENGTH_DELIMITED}, length and bytes"}
ALIGNED = 40
"""The widest column, in characters, that is filled up with blanks; longer cells stand out."""

INTRODUCTION = """
# The TWS API protocol

This is what TWS (Trader Workstation) or IB Gateway and its API clients say to each other over TCP, at server versions {lowest} to
{highest}: enough to write a client from. "TWS" stands for both programs. Messages are named after the methods and callbacks of IBKR's own
clients, fields after IBKR's protobuf schemas. IBKR documents none of the text form, so these are facts read from its public clients
and from recorded sessions; what they only suggest is marked "likely".

The page is generated from the declarations that twsprobe itself decodes and encodes with. Do not edit it: change those, and run
`python docs/generate.py`.
"""

SESSION = r"""
## A session

1. **Connect** with plain TCP, without TLS. By default live TWS listens on port 7496, paper TWS on 7497, live IB Gateway on 4001, paper IB
   Gateway on 4002.
2. **Offer versions.** Send `API` and a NUL, which belong to no frame, and then one [frame](#frames) with `vMIN..MAX` in ASCII,
   without a NUL at its end. `vN` offers a single version. Connect options may follow behind a blank; the only one known in public is
   `+PACEAPI`, which had TWS delay requests that come too fast in place of refusing them.
3. **Read the answer.** It is one frame of two text fields, without a message id at any version: the server version and the time. The time
   is `YYYYMMDD HH:MM:SS` and a time zone, whose name is in the language and code page of the host and may hold blanks: never let it
   fail the connection. Skip frames in front of it that are not of this form, as IBKR's Python client does.
   - The server version is the smaller of MAX and the highest that TWS has. It decides the layout of every message of this connection,
     and says nothing else about how old TWS is. A version below MIN is likely answered all the same: check it, and hang up.
   - A version of -1 followed by `host:port` was once a redirect. Newer clients of IBKR do not follow it.
4. **Send [[startApi]]** at once, before anything else. A client id serves one connection at a time: when it is taken, TWS sends
   [[error]] 326 and closes.
5. **Wait for [[managedAccounts]] and [[nextValidId]].** They come unasked and in either order. TWS drops requests that arrive before it
   has taken startApi, and does not say so: send the first one after nextValidId. With them come notices, as [[error]] with id -1
   (2104, 2106 and 2158: a data farm is there; 1100 or 2110: TWS has lost its own link). For client id 0, for the master client id, and
   where TWS is set to download open orders on connection, [[openOrder]], [[orderStatus]], [[execDetails]] and
   [[commissionAndFeesReport]] come too.
6. **Ask.** Answers carry the `reqId` of their request where it has one, and an error about it has that number in its `id`. Lists end in
   a message of their own (its name ends in End), so an empty list is told from one that is still coming. What is subscribed goes on
   behind that message, until it is cancelled. Anything may come in between. TWS takes 50 messages a second (likely half the number of
   market data lines); more are answered with error 100, or delayed, and repeated excess ends the connection.
7. **End** by closing the connection; there is no message for it. TWS closes it after the [codes](#error-codes) that are fatal. Silence
   is no sign of an end: [[reqCurrentTime]] shows whether TWS still answers.

A number in hexadecimal is a byte, `\0` a NUL:

{session_samples}
"""

FRAMES = """
## Frames

Behind the client's `API` and NUL both directions are frames and nothing else: a length, 32 bits big-endian and unsigned, and as many
bytes. The length does not count its own four bytes. IBKR's clients accept up to {max_frame}; a larger length means that this is not
the TWS protocol or that the place in the stream is lost, and there is no way back into step.

The bytes begin with the id of the message:

| server version | id | what follows |
| --- | --- | --- |
| {lowest} to {last_text} | a text field | text fields |
| from {binary} | 32 bits big-endian, up to {offset} | text fields; the id is not repeated |
| from {binary} | 32 bits big-endian, above {offset} | protobuf, of the message whose id is the number less {offset} |

So from {binary} on **the frame says how to read it, not the server version**: both encodings occur in one session, and a few messages never
became protobuf. A sender goes by the version that each message below is protobuf from. Each direction counts its ids on its own. Skip
a message whose id you do not know: its length says where the next one begins.

{frame_samples}
"""

TEXT = r"""
## Text

- A field is its characters and a NUL, the last one too. Fields have neither names nor types on the wire: one too many or too few
  shifts all that follow.
- **Not given is empty**, in every type. For the same thing TWS and clients also write the largest number of the type: {max_int}, in 64 bits
  {max_long}, in floating point 1.7976931348623157E308, and in a decimal any of
  {unset_decimals}.
  Read none of them as a number.
- Older messages begin with a `version` of their own. Write the number that the table says; what TWS writes is likely the same.
- Numbers have no separators and a point for decimals. A floating-point number may be `Infinity` or `-Infinity`, and any number
  with decimals may have an exponent. Keep a decimal exact.
- A client writes printable ASCII, tab, carriage return and line feed. IBKR's clients refuse other characters on their own with 579.
- TWS writes UTF-8 or the code page of its host, and does not say which. From {ascii7} on, fields of the type
  [EscapedString](#types) hold `\uXXXX` for what is not ASCII. Read bytes that are not UTF-8 as Latin-1, and go on.
- Times are `YYYYMMDD HH:MM:SS` and a time zone unless a field says otherwise; from {z_suffix} on those in UTC may end in `Z`.
- Builds of TWS have been off by a field before. Take a message that ends early for what it has, and leave what is behind the last field.
"""

PROTOBUF = """
## Protobuf

- The encoding is proto3's. Each field is a key, which is its number times 8 plus the wire type, and its value. The wire type is that of
  the [type](#types); a record has wire type 2 and holds fields again. Whole numbers are varints of 64 bits in two's complement,
  so a negative one takes ten bytes; 8 bytes are a little-endian double.
- Presence counts: an absent field is "not given", and differs from 0, false and empty. Write what is set and nothing else, in the
  order of the numbers. The large numbers that mean "not given" in text do not occur.
- A decimal is its digits as text. A list repeats its field for each element; numbers may be packed into one field instead: read both,
  write them packed. A list of tags and values is a map in IBKR's schemas, which is the same on the wire.
- A message without fields has no bytes behind its id.
- Keep quiet about field numbers that you do not know: IBKR adds fields without a new server version. A payload that is made of nothing
  else is likely no protobuf of that message.
"""

READING = """
## How to read the messages

Each message has one table of its fields, in the order in which text has them. Columns that would be empty are left out.

- `#`: the place in text. Rows `5.1`, `5.2`, ... are there once for each element that row `5` counts. A row without a place is in
  protobuf alone.
- `pb`: the protobuf field number; `3.9` is field 9 of the record in field 3. A row without one is in text alone.
- `field`: the path of the value. `len(x)` counts the elements `x[]` of the list `x`; `has(x)` tells whether the record `x` follows.
- `type`: one of the [types](#types), or a [record](#records). `String, pb Double` is a String in text and a Double in protobuf.
- `when`: the server versions that have the field (`before` leaves out the number itself), and what another field must hold. Where
  that fails, text has no field there at all, not an empty one. In protobuf a field is there when it is set.

A message that holds records in protobuf has a second table that says where, and each record is described once, under
[Records](#records), with all its fields: those that the message's first table lacks are in protobuf alone. The versions from which
TWS sends protobuf to the client are likely: clients go by the frame.
"""

TICKS = """
## Tick types

What the value is, by the `tickType` of [[tickPrice]], [[tickSize]], [[tickOptionComputation]], [[tickGeneric]], [[tickString]] and
[[tickEFP]]. Names are those of IBKR's clients. A type with a number under `asked` comes when the `genericTickList` of [[reqMktData]] has
that number, others come unasked. The messages and these numbers are likely: IBKR's documentation and public clients have them so.
"""

GATES = """
## Server versions

What each server version brought, to which of the messages above, and the release of IBKR's API clients that first knew it. "new": the
message is there from here on; "protobuf": it is sent as protobuf from here on; "fields": its fields differ from those before.
Numbers that are left out ({unlisted}) brought nothing that is known.
"""

ERROR_CODES = """
## Error codes

The `errorCode` of [[error]]. The text beside it is for people, and may be in the language of the host. After a fatal one TWS closes the
connection. Codes that are local never cross the wire: client libraries make them up for troubles of their own.
"""


def protocol_document() -> str:
    """The whole document, with LF line ends."""
    parts = [filled(prose) for prose in (SESSION, FRAMES, TEXT, PROTOBUF, READING)]
    parts += [type_section(), *message_sections(), *record_sections()]
    parts += [filled(TICKS), tick_table(), filled(GATES), gate_table(), filled(ERROR_CODES), code_table()]
    body = "\n\n".join(part.strip() for part in parts)
    return f"{filled(INTRODUCTION).strip()}\n\n{contents(body)}\n\n{body}\n\n{references()}\n"


def filled(prose: str) -> str:
    """Prose with its values and links. Raises KeyError for a name that is neither."""
    values: dict[str, object] = {
        "lowest": int(LOWEST),
        "highest": int(HIGHEST),
        "last_text": ServerVersion.PROTOBUF - 1,
        "binary": int(ServerVersion.PROTOBUF),
        "ascii7": gate_words(ServerVersion.ENCODE_MSG_ASCII7),
        "z_suffix": gate_words(ServerVersion.ADD_Z_SUFFIX_TO_UTC_DATE_TIME),
        "offset": PROTOBUF_OFFSET,
        "max_frame": f"{MAX_FRAME:,} bytes",
        "max_int": MAX_INT,
        "max_long": MAX_LONG,
        "unset_decimals": ", ".join(sorted(UNSET_DECIMALS)),
        "unlisted": ", ".join(str(number) for number in range(LOWEST, HIGHEST) if number not in set(ServerVersion)),
        "session_samples": session_samples(),
        "frame_samples": frame_samples(),
    }
    with_values = re.sub(r"\{(\w+)\}", lambda found: str(values[found[1]]), prose)
    return re.sub(r"\[\[(\w+)\]\]", lambda found: f"[{named(found[1]).name}]", with_values)


def named(name: str) -> Message:
    """The message of a name. Raises KeyError."""
    return {message.name: message for message in MESSAGES}[name]


def anchor(heading: str) -> str:
    """What a heading is linked by, as GitHub and most renderers make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def contents(body: str) -> str:
    """Links to the sections, and to the domains of messages."""
    found = re.findall(r"^##(#?) (?!Record )(.+)$", body, re.MULTILINE)
    return "\n".join(f"{'  ' * len(deeper)}- [{heading}](#{anchor(heading)})" for deeper, heading in found)


def references() -> str:
    """Where links to messages and records go: ``[openOrder]`` and ``[Contract]`` are all that stands in the text."""
    headings = {message.name: title(message) for message in MESSAGES}
    headings |= {name: f"Record {name}" for name in inner_records() if not is_also_a_message(name)}
    return "\n".join(f"[{name}]: #{anchor(heading)}" for name, heading in headings.items())


def is_also_a_message(name: str) -> bool:
    """Whether a record and a message have the same name but for capitals, which labels of links do not tell apart."""
    return name.casefold() in {message.name.casefold() for message in MESSAGES}


def record_link(record: Record) -> str:
    """The name of a record, as a link."""
    name = record.type_name
    return f"[{name}](#{anchor(f'Record {name}')})" if is_also_a_message(name) else f"[{name}]"


def session_samples() -> str:
    """The bytes of a session's start, in text and in protobuf."""
    start = ("startApi", {"clientId": 1}), ("managedAccounts", {"accountsList": "DU1234567"}), ("nextValidId", {"orderId": 1})
    notice = "error", {"id": -1, "errorCode": 2104, "errorMsg": "Market data farm connection is OK:usfarm"}
    time = b"20240308 13:30:34 Greenwich Mean Time"
    return code_block(
        sample_line("client", "prefix", PREFIX, b""),
        sample_line("client", "offer", *split(offer(LOWEST, HIGHEST).removeprefix(PREFIX), LENGTH.size)),
        sample_line("TWS", "answer", *split(greeting(176, time), LENGTH.size)),
        *(message_sample(name, 176, fields) for name, fields in (*start, notice)),
        "",
        sample_line("TWS", "newer answer", *split(greeting(HIGHEST, time), LENGTH.size)),
        *(message_sample(name, HIGHEST, fields) for name, fields in start),
    )


def frame_samples() -> str:
    """One message in the three forms that frames have."""
    versions = ServerVersion.PROTOBUF - 1, ServerVersion.PROTOBUF, HIGHEST
    return code_block(*(f"at {int(version)}: {message_sample('startApi', version, {'clientId': 1})}" for version in versions))


def message_sample(name: str, version: int, fields: dict[str, Any]) -> str:
    """A message in its frame, and who sends it."""
    message = named(name)
    sender = "client" if message.direction is Direction.TO_SERVER else "TWS"
    sizes = [LENGTH.size, BINARY_ID.size] if version >= ServerVersion.PROTOBUF else [LENGTH.size]
    return sample_line(sender, name, *split(message.encode(fields, version), *sizes))


def split(data: bytes, *sizes: int) -> list[bytes]:
    """Bytes cut into pieces of these sizes, and the rest."""
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


def sample_line(sender: str, what: str, *pieces: bytes) -> str:
    """Bytes for people: in hexadecimal, but for the last piece where that is text."""
    *binary, last = pieces
    shown = [piece.hex(" ") for piece in binary]
    if all(byte == 0 or 0x20 <= byte < 0x7F for byte in last):
        fields = re.findall(r"[^\0]*\0|[^\0]+", last.decode("ascii"))
        shown += [" ".join(f'"{field}"' for field in fields).replace("\0", "\\0")]
    else:
        shown.append(last.hex(" "))
    return f"{sender:<6}  {what:<15}  {'  '.join(shown)}".rstrip()


def code_block(*lines: str) -> str:
    """Lines as they stand."""
    return "\n".join(["```", *lines, "```"])


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table without the columns that are empty, its columns but the last aligned for those who read it as plain text."""
    kept = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    lines = [[escaped(cells[index]) for index in kept] for cells in (columns, *rows)]
    widths = [min(ALIGNED, max(3, *(len(line[index]) for line in lines))) for index in range(len(kept) - 1)] + [0]
    lines.insert(1, ["-" * max(3, width) for width in widths])
    return "\n".join("| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) + " |" for line in lines)


def escaped(text: str) -> str:
    """Text of a declaration for a table cell."""
    return text.replace("|", r"\|").replace("<", "&lt;").replace("*", r"\*").replace("``", "`")


def field_table(rows: Iterable[Row]) -> str:
    """Fields as a table."""
    return table(("#", "pb", "field", "type", "when", "meaning"), [cells(row) for row in rows])


def cells(row: Row) -> tuple[str, ...]:
    """A field as a row of a table."""
    return row.place, row.number, f"`{row.name}`", row_type(row, record_link), "; ".join(row.when), row.meaning


def title(message: Message) -> str:
    """The heading of a message."""
    return f"{message.name} ({message.id}, {RECIPIENTS[message.direction]})"


def message_section(message: Message) -> str:
    """A message: its heading, what it means, since when it is there and in which encoding, and its fields."""
    rows, others = text_rows(message), protobuf_rows(message)
    parts = [f"#### {title(message)}", message.meaning, sent_words(message)]
    if rows and any(isinstance(row.leaf, Nested | Many) for row in others):
        parts += [field_table(rows), "In protobuf:", field_table(others)]
    else:
        parts.append(field_table([*rows, *others]) if rows or others else "No fields.")
    return "\n\n".join(parts)


def domains() -> list[ModuleType]:
    """The modules that declare messages, in the order of ``MESSAGES``."""
    found = [module for module in vars(messages).values() if isinstance(module, ModuleType) and hasattr(module, "MESSAGES")]
    return sorted(found, key=lambda module: MESSAGES.index(module.MESSAGES[0]))


def message_sections() -> Iterator[str]:
    """An index, and each domain with its messages."""
    yield "## Messages"
    for direction, recipient in RECIPIENTS.items():
        listed = sorted((message for message in MESSAGES if message.direction is direction), key=lambda message: message.id)
        rows = [
            (str(message.id), f"[{message.name}]", str(int(message.since)), str(int(message.protobuf)) if message.protobuf else "never")
            for message in listed
        ]
        yield f"By id, {recipient}:"
        yield table(("id", "message", "from", "protobuf from"), rows)
    for module in domains():
        introduction = " ".join((inspect.getdoc(module) or "").partition("\n\n")[0].split())
        yield f"### {module.__name__.rpartition('.')[2].replace('_', ' ').capitalize()}\n\n{introduction}"
        yield from (message_section(message) for direction in RECIPIENTS for message in module.MESSAGES if message.direction is direction)


def inner_records() -> dict[str, Record]:
    """Every record that is inside another one, by name."""
    found = [leaf.record for message in MESSAGES for leaf in leaves(message.record) if isinstance(leaf, Nested | Many)]
    return {record.type_name: record for record in sorted(filter(None, found), key=lambda record: record.type_name)}


def record_sections() -> Iterator[str]:
    """Each record that is inside another one, once."""
    yield "## Records"
    for name, record in inner_records().items():
        yield f"### Record {name}\n\n{field_table(record_rows(record))}"


def type_section() -> str:
    """The types that fields have."""
    found = [leaf for message in MESSAGES for leaf in (*leaves(message.record), *(row.leaf for row in text_rows(message)))]
    kinds = {type(leaf.leaf or leaf) if isinstance(leaf, Many) else type(leaf) for leaf in found} - {Nested, Many}
    rows = [
        (kind.__name__, WIRE_TYPES[kind.wire_type], kind.blank or "empty", " ".join((inspect.getdoc(kind) or "").split()))
        for kind in sorted(kinds, key=lambda kind: kind.__name__)
    ]
    return "### Types\n\n" + table(("type", "wire type in protobuf", "not given, in text", "values"), rows)


def tick_table() -> str:
    """The types of ticks."""
    rows = [
        (
            str(kind.number),
            kind.name,
            f"[{kind.message}]",
            str(kind.asked or ""),
            "" if kind.since == LOWEST else gate_words(kind.since),
            kind.meaning,
        )
        for kind in TICK_TYPES.values()
    ]
    return table(("type", "name", "message", "asked", "from", "meaning"), rows)


def gate_table() -> str:
    """Every server version that opened a gate."""
    rows = [(str(int(version)), version.name, version.change, version.api_release, effect_words(version)) for version in ServerVersion]
    return table(("version", "name", "what it brought", "API release", "messages"), rows)


def effect_words(version: ServerVersion) -> str:
    """The messages that a gate changes, and how."""
    return "; ".join(f"{how}: {', '.join(f'[{message.name}]' for message in found)}" for how, found in effects(version).items())


def code_table() -> str:
    """The codes of errors and notices."""
    labelled = {(known.number, str(known.number)): known for known in CODES.values()}
    known_or_series = labelled | {(series.first, f"{series.first} to {series.last}, others"): series for series in RANGES}
    rows = [(label, known.severity.value, known.origin.value, known.meaning) for (_, label), known in sorted(known_or_series.items())]
    return table(("code", "severity", "from", "meaning"), rows)
