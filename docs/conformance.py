"""Run every proof of the messages and write docs/conformance.md from what passed.

    python -m docs.conformance

Run it where the repository begins, in an environment with the tests' dependencies. It takes about half a minute; a proof that fails
ends it. Every sample is made from a fixed seed, so that the same source gives the same document, and the tests, which run the same
proofs, check their numbers against it.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version as version_of
from pathlib import Path
from typing import NamedTuple

from tests.wire import async_client, exceptions
from tests.wire.asking import NEVER_SENT
from tests.wire.conformance import FORGOTTEN, OFFICIAL, ROUND_TRIP, UNKNOWN_FIELDS, Case, Cases
from tests.wire.generate import leaves, walk
from tests.wire.proofs import proved
from twsprobe.wire.fields import Leaf
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import Gate
from twsprobe.wire.message import PROTOBUF, TEXT, Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.versions import LOWEST, ServerVersion

FILE = Path(__file__).with_name("conformance.md")
COLUMNS: dict[str, tuple[str, str]] = {
    TEXT: (OFFICIAL, TEXT),
    PROTOBUF: (OFFICIAL, PROTOBUF),
    UNKNOWN_FIELDS: (UNKNOWN_FIELDS, PROTOBUF),
    ROUND_TRIP: (ROUND_TRIP, ""),
    async_client.IB_ASYNC: (async_client.IB_ASYNC, TEXT),
}
"""What is counted in each column of numbers: whom a message was held against, and in which encoding (empty: either)."""

NO_FORM, NO_CODE, NO_NEED, NO_MESSAGE = "no such form", "has no code", "not needed", "no message"
HEADINGS = {Direction.TO_CLIENT: "Messages from TWS to its client", Direction.TO_SERVER: "Messages from a client to TWS"}

INTRODUCTION = """\
# Conformance

How the messages of [protocol.md](protocol.md) are held against other programs, and how many cases passed. Written by
`python -m docs.conformance`, which runs the proofs; the tests run them too, and fail when a number here is another.

A case is one message with values of its own: all, none or some of them set. Its values are compared one by one, nothing may be left over,
and what was decoded is written back byte by byte.

- **text**: against the official Python client (ibapi-latest {official}). A message from TWS: we write it, its decoder's callbacks get our
  values. A request: its method is given the values, we read them in what it writes, and write the same.
- **protobuf**: the same, and with the official classes both ways: each reads what the other wrote, and both write the same bytes. Field
  numbers, names and types are compared with the official schemas too.
- **unknown fields**: protobuf fields that no schema has are kept, named as findings and written back, in every record.
- **round trips**: what we write we read. They stand where the official client has no code, or refuses: fundamental data, which it
  dropped, and what [its differences](#differences) name.
- **ib_async**: text against ib_async {ib_async} at server versions {first} to {last}, its client's requests and its decoder's calls.

Tables say `{no_form}` for an encoding that a message does not have, `{no_code}` where another client does not know a message,
`{no_need}` where the official client said all, and `{no_message}` for a version below the one that brought it: encoding is refused there.

In all: {totals}.
"""
GATES = """\
## Gates

Each gate of a message's layout, and the cases that passed at the server version before it and at its own. The form `text, then protobuf`
is the version from which a message is sent as protobuf.
"""
DIFFERENCES = """\
## Differences

What other clients get wrong, or drop, so that the samples stay clear of it or allow for it. Each is shown by a test of its own.
"""


class Row(NamedTuple):
    """A gate of a message, and what passed on both sides of it."""

    gate: ServerVersion
    form: str
    before: str
    behind: str

    @property
    def cells(self) -> tuple[str, ...]:
        return f"{self.gate.name} ({int(self.gate)})", self.form, self.before, self.behind


def cell(message: Message, column: str, cases: Cases) -> str:
    """The number of a column, or why there is none."""
    against, encoding = COLUMNS[column]
    count = sum(number for case, number in cases.items() if case.against == against and encoding in ("", case.encoding))
    if count:
        return str(count)
    if column == ROUND_TRIP:
        return NO_NEED
    has_form = message.text is not None if encoding == TEXT else message.protobuf is not None
    return NO_CODE if has_form else NO_FORM


def side(message: Message, version: int, encoding: str, cases: Cases) -> str:
    """What passed at a version."""
    if version < message.since:
        return NO_MESSAGE
    official, trips = (cases[Case(against, encoding, version)] for against in (OFFICIAL, ROUND_TRIP))
    return str(official) if official else f"{trips} round trips"


def rows(message: Message, cases: Cases) -> Iterator[Row]:
    """The gates of a message in the order of their numbers."""

    def row(gate: ServerVersion, before: str, behind: str) -> Row:
        form = before if before == behind else f"{before}, then {behind}"
        return Row(gate, form, side(message, gate - 1, before, cases), side(message, gate, behind, cases))

    found = {row(gate, TEXT, TEXT) for gate in text_gates(message) if gate > message.since}
    found |= {row(leaf.since, PROTOBUF, PROTOBUF) for leaf in leaves(message.record) if leaf.since is not None}
    if message.protobuf is not None and message.protobuf > message.since:
        found.add(row(message.protobuf, TEXT, PROTOBUF))
    if message.since > LOWEST:
        found.add(row(message.since, message.encoding(message.since), message.encoding(message.since)))
    yield from sorted(found)


def text_gates(message: Message) -> set[ServerVersion]:
    gates: set[ServerVersion] = set()
    for node in walk(message.text.nodes if message.text is not None else ()):
        if isinstance(node, Gate):
            gates |= {gate for gate in (node.since, node.until) if gate is not None}
        leaf, escapes = vars(node).get("leaf"), ServerVersion.ENCODE_MSG_ASCII7
        if isinstance(leaf, Leaf) and leaf.at(escapes) is not leaf.at(escapes - 1):
            gates.add(escapes)
    return gates


def line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return line(heads) + line(["---"] * len(heads)) + "".join(map(line, lines))


def label(message: Message) -> str:
    """A message in the table of gates, where both directions stand together."""
    return f"{message.name} ({message.direction.value})"


def document(prove: Callable[[Message], Cases] = proved) -> str:
    """The whole text; runs the proofs."""
    counted = {
        message: prove(message) + (async_client.agreed(message) if async_client.is_known(message) else Cases()) for message in MESSAGES
    }
    totals = {
        column: sum(int(number) for message in MESSAGES if (number := cell(message, column, counted[message])).isdigit())
        for column in COLUMNS
    }
    text = INTRODUCTION.format(
        official=version_of("ibapi-latest"),
        ib_async=version_of("ib_async"),
        first=async_client.VERSIONS[0],
        last=async_client.VERSIONS[-1],
        no_form=NO_FORM,
        no_code=NO_CODE,
        no_need=NO_NEED,
        no_message=NO_MESSAGE,
        totals=", ".join(f"{total:,} {column}" for column, total in totals.items()),
    )
    for direction, heading in HEADINGS.items():
        messages = sorted((message for message in MESSAGES if message.direction is direction), key=lambda message: message.id)
        lines = [[str(one.id), one.name, *(cell(one, column, counted[one]) for column in COLUMNS)] for one in messages]
        text += f"\n## {heading}\n\n" + table(["id", "message", *COLUMNS], lines)
    gates = [[label(one), *row.cells] for one in MESSAGES for row in rows(one, counted[one])]
    text += f"\n{GATES}\n" + table(["message", "gate", "form", "before", "from"], gates)
    text += f"\n{DIFFERENCES}\n### The official client\n\n" + table(["messages", "what"], [one[:2] for one in exceptions.OFFICIAL])
    text += f"\nIn text it reads over {names(FORGOTTEN)}. It puts {names(NEVER_SENT)} into no request for data.\n"
    return text + "\n### ib_async\n\n" + table(["messages", "what"], [one[:2] for one in exceptions.IB_ASYNC])


def names(found: set[str]) -> str:
    return ", ".join(sorted(found))


def lines_of(heading: str, text: str | None = None) -> list[list[str]]:
    """The lines of the table below a heading of the committed document, without its head."""
    section = (FILE.read_text("utf-8") if text is None else text).partition(f"## {heading}\n")[2].partition("\n## ")[0]
    found = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return found[2:]


def documented(message: Message, column: str) -> str:
    """What the committed document says in a column of a message; empty where it does not know the message."""
    at = 2 + list(COLUMNS).index(column)
    return next((cells[at] for cells in lines_of(HEADINGS[message.direction]) if cells[:2] == [str(message.id), message.name]), "")


def main() -> int:
    FILE.write_text(document(), "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
