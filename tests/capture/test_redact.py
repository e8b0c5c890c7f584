"""Redacted captures: nothing of the secrets is left in them, and all else is as it was."""

from __future__ import annotations

import base64
import gzip
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given

from tests.wire.generate import Maker, encodings, examples, randoms, versions
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.reading import open_capture
from twsprobe.capture.redact import Survey, created, redact, redacted
from twsprobe.capture.redactor import CannotPromise, Redactor
from twsprobe.capture.seen import seen_in
from twsprobe.capture.writing import open_writer
from twsprobe.wire import fields
from twsprobe.wire.events import Decoded, Greeted, Resynced, VersionOffered
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import HIGHEST, LOWEST

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
KEY = b"0123456789abcdef"
OPENING = (Chunk(0, TO_SERVER, 1, offer(100, 176)), Chunk(0, TO_CLIENT, 2, greeting(176, b"20240501 12:00:00 CET")))
ERROR = encode("error", TO_CLIENT, 176, id=-1, errorCode=201, errorMsg="rejected: U1234567, of momentum")
ACCOUNTS = encode("managedAccounts", TO_CLIENT, 176, accountsList="U1234567,DU7654321,")
ORDER = encode("openOrder", TO_CLIENT, 176, orderId=1, order={"account": "U1234567", "orderRef": "momentum"})
UNKNOWN = frame(b"999\0U1234567\0")


def made_accounts(random: Random, count: int) -> list[str]:
    """Distinct accounts of all forms and lengths."""
    found: set[str] = set()
    while len(found) < count:
        digits = "".join(random.choices("0123456789", k=random.randint(5, 9)))
        found.add(random.choice(("U", "DU", "F", "DF", "I", "DI")) + digits)
    return sorted(found)


class SecretMaker(Maker):
    """Makes messages in which every text field is set and holds an account."""

    def __init__(self, random: Random, accounts: Sequence[str]) -> None:
        super().__init__(random, 1.0)
        self.accounts = accounts

    def scalar(self, leaf: fields.Leaf, encoding: str) -> Any:
        draw = self.random
        if isinstance(leaf, fields.String):
            around = ("", "", "of ", "é ", "中 ", "{", "(x)")
            more = ("", "", "," + draw.choice(self.accounts), "-Growth", " ü", "/100")
            return draw.choice(around) + draw.choice(self.accounts) + draw.choice(more)
        if isinstance(leaf, fields.TagValues):
            return [{"tag": draw.choice(self.accounts), "value": draw.choice(self.accounts)}]
        return super().scalar(leaf, encoding)


def sessions(maker: Maker, versions: Iterable[int]) -> list[Record]:
    """A connection a version, with every message in every encoding that it can have, cut anywhere."""
    found: list[Record] = []
    for connection, version in enumerate(versions):
        found.append(Opened(connection, len(found), "203.0.113.77:51234", "gateway.example.org:7497"))
        said = maker.conversation(version, 0)
        for message in MESSAGES:
            for encoding in encodings(message, version):
                said.append((message.direction, frame(maker.payload(message, version, encoding))))
        for direction, data in said:
            found += [Chunk(connection, direction, len(found), piece) for piece in maker.cut(data)]
        found.append(Note(connection, TO_CLIENT, len(found), f"delayed for {maker.random.choice(['U1234567', 'DU7654321'])}"))
        found.append(Closed(connection, len(found), TO_CLIENT, Close.FIN))
    return found


def run(records: Sequence[Record], *, drop: bool = False, by: Redactor | None = None) -> list[Record]:
    """The records, redacted in memory."""
    by = by or Redactor(KEY)
    survey = Survey(by)
    survey.read(records)
    assert drop or not survey.doubts, [str(doubt) for doubt in survey.doubts]
    return list(redacted(records, by, survey.doubts))


def framing(records: Iterable[Record]) -> list[object]:
    """What has to stay: the records, with the sizes of chunks and the lengths of texts for their contents."""
    kept: list[object] = []
    for record in records:
        if isinstance(record, Chunk):
            kept.append((record[:3], len(record.data)))
        elif isinstance(record, Opened):
            kept.append((record[:2], len(record.client), len(record.server)))
        else:
            kept.append((record[:3], len(record.text)) if isinstance(record, Note) else record)
    return kept


def shape(value: Any) -> Any:
    """A value with its texts by their lengths."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return {name: shape(held) for name, held in value.items()}
    return [shape(held) for held in value] if isinstance(value, list) else repr(value)


def meaning(records: Iterable[Record]) -> list[object]:
    """What a capture decodes to, texts by their lengths."""
    found: list[object] = []
    for seen in seen_in(records):
        what = seen.what
        if isinstance(what, Decoded):
            found.append((what.name, what.offset, what.encoding, shape(what.fields), [len(text) for text in what.extra], what.anomalies))
        elif isinstance(what, Greeted | VersionOffered):
            found.append((seen.event, what.offset, len(what.raw)))
    return found


def spellings(secret: str) -> list[bytes]:
    """The ways in which a file may hold a text."""
    plain = secret.encode()
    escaped = "".join(f"\\u{ord(character):04x}" for character in secret).encode()
    encoded = [base64.b64encode(b" " * shift + plain)[4 if shift else 0 : -4] for shift in range(3)]
    return [plain, secret.encode("utf-16-le"), plain.hex().encode(), escaped, *[piece for piece in encoded if len(piece) > 8]]


@pytest.mark.parametrize(("seed", "suffix"), [(0, ".jsonl"), (1, ".pcapng"), (2, ".jsonl.gz"), (3, ".pcap")])
def test_five_hundred_accounts_in_every_place_leave_no_trace(seed: int, suffix: str, tmp_path: Path) -> None:
    random = Random(seed)
    accounts = made_accounts(random, 500)
    records = sessions(SecretMaker(random, accounts), (LOWEST, 176, 201, HIGHEST))
    before = b"".join(record.data for record in records if isinstance(record, Chunk))
    assert sum(account.encode() in before for account in accounts) == 500
    source, target = tmp_path / f"source{suffix}", tmp_path / f"target{suffix}"
    with open_writer(source, metadata={"target": "gateway.example.org:7497", "comment": f"of {accounts[0]}"}) as writer:
        for record in records:
            writer.write(record)
    redact(source, target, Redactor(KEY))
    after = gzip.decompress(target.read_bytes()) if suffix.endswith(".gz") else target.read_bytes()
    secrets = [*accounts, "gateway.example", "203.0.113.77", "Growth"]
    assert not [secret for secret in secrets if any(held in after for held in spellings(secret))]
    assert bytes((203, 0, 113, 77)) not in after
    with open_capture(source) as capture, open_capture(target) as copy:
        again = list(copy)
        assert framing(again) == framing(capture)
    assert meaning(again) == meaning(records)
    joined = b"".join(record.data for record in again if isinstance(record, Chunk))
    assert not [account for account in accounts if account.encode() in joined]


@examples(1)
@given(randoms, versions)
def test_any_conversation_decodes_as_before(random: Random, version: int) -> None:
    maker = Maker(random)
    records: list[Record] = []
    for direction, data in maker.conversation(version, 12):
        records += [Chunk(0, direction, len(records), piece) for piece in maker.cut(data)]
    again = run(records)
    assert framing(again) == framing(records)
    assert meaning(again) == meaning(records)


@examples(1)
@given(randoms, versions)
def test_whatever_came_is_redacted_or_in_doubt_and_what_is_left_is_plain(random: Random, version: int) -> None:
    maker = SecretMaker(random, ["U1234567", "DU76543"])
    records: list[Record] = []
    for direction, data in maker.conversation(version, 8):
        bad = maker.broken(data) if random.random() < 0.3 else data
        records += [Chunk(0, direction, len(records), piece) for piece in maker.cut(bad)]
        if random.random() < 0.1:
            records.append(Gap(0, direction, len(records), random.choice((None, 1, 5, 400))))
    by = Redactor(KEY)
    again = run(records, drop=True, by=by)
    data = b"".join(record.data for record in again if isinstance(record, Chunk))
    assert not [account for account in by.accounts if account.encode() in data]
    for direction in Direction:
        before = sum(len(record.data) for record in records if isinstance(record, Chunk) and record.direction is direction)
        after = sum(len(record.data) for record in again if isinstance(record, Chunk) and record.direction is direction)
        dropped = sum(int(record.text.split()[1]) for record in again if isinstance(record, Note) and record.direction is direction)
        assert before == after + dropped


def test_what_is_learnt_late_is_replaced_in_what_came_early() -> None:
    again = run([*OPENING, Chunk(0, TO_CLIENT, 3, ERROR), Chunk(0, TO_CLIENT, 4, ORDER)])
    assert b"momentum" not in b"".join(record.data for record in again if isinstance(record, Chunk))


def test_an_account_split_over_chunks_is_found_and_the_chunks_stay() -> None:
    pieces = [ACCOUNTS[at : at + 1] for at in range(len(ACCOUNTS))]
    other = Chunk(1, TO_SERVER, 3, offer(100, 176))
    records: list[Record] = [*OPENING]
    for at, piece in enumerate(pieces):
        records += [Chunk(0, TO_CLIENT, 10 + at, piece), other._replace(connection=100 + at, time_ns=10 + at)]
    again = run(records)
    assert framing(again) == framing(records)
    assert b"1234567" not in b"".join(record.data for record in again if isinstance(record, Chunk))


def doubts(records: Sequence[Record]) -> list[str]:
    survey = Survey(Redactor(KEY))
    survey.read(records)
    return [str(doubt) for doubt in survey.doubts]


@pytest.mark.parametrize(
    ("direction", "data", "words"),
    [
        (TO_CLIENT, UNKNOWN, "17 bytes to the client on connection 0, from byte 30 on: a message 999 that is not declared"),
        (
            TO_CLIENT,
            frame(b"9\x001\x00U1234567\0"),
            "17 bytes to the client on connection 0, from byte 30 on: nextValidId that does not decode",
        ),
        (TO_CLIENT, ERROR[:-3], f"{len(ERROR) - 3} bytes to the client on connection 0, from byte 30 on: ends inside a frame"),
        (TO_CLIENT, b"GET / U1234567", "14 bytes to the client on connection 0, from byte 30 on: what is no longer frames"),
        (TO_CLIENT, frame(b"x"), "5 bytes to the client on connection 0, from byte 30 on: a frame without meaning"),
    ],
)
def test_what_does_not_decode_is_in_doubt_and_named_without_what_it_holds(direction: Direction, data: bytes, words: str) -> None:
    assert doubts([*OPENING, Chunk(0, direction, 3, data)]) == [words]


def test_an_unknown_message_that_holds_nothing_is_not_in_doubt() -> None:
    assert not doubts([*OPENING, Chunk(0, TO_CLIENT, 3, frame(b"999\0"))])


def test_what_is_in_doubt_is_dropped_with_a_note_in_its_place() -> None:
    data = ACCOUNTS + UNKNOWN + ERROR
    cut = len(ACCOUNTS) + 5
    records = [*OPENING, Chunk(0, TO_CLIENT, 3, data[:cut]), Chunk(0, TO_CLIENT, 4, data[cut:]), Chunk(0, TO_CLIENT, 5, UNKNOWN)]
    again = run(records, drop=True)
    assert [type(record) for record in again] == [Chunk, Chunk, Note, Chunk, Chunk, Note]
    notes = [record.text for record in again if isinstance(record, Note)]
    assert notes == ["redacted: 17 bytes were dropped here: a message 999 that is not declared"] * 2
    chunks = [record for record in again if isinstance(record, Chunk)]
    assert [len(chunk.data) for chunk in chunks[2:]] == [len(ACCOUNTS), len(ERROR)]
    assert [seen.name for seen in seen_in(again)][2:] == ["note", "managedAccounts", "error", "note"]


def test_half_a_frame_at_the_end_is_dropped_and_the_stream_ends_with_a_whole_one() -> None:
    again = run([*OPENING, Chunk(0, TO_CLIENT, 3, ACCOUNTS + ERROR[:9])], drop=True)  # the note stands before the chunk
    assert [seen.name for seen in seen_in(again)][2:] == ["note", "managedAccounts"]


def test_without_the_opening_of_the_client_all_it_said_is_dropped() -> None:
    said = encode("reqIds", TO_SERVER, 176, numIds=1)
    records = [Chunk(0, TO_SERVER, 1, frame(b"v100..176")), *OPENING[1:], Chunk(0, TO_SERVER, 3, said), Chunk(0, TO_CLIENT, 4, ACCOUNTS)]
    again = run(records, drop=True)
    assert [(type(record), record.connection) for record in again if not isinstance(record, Opened)]
    assert not [record for record in again if isinstance(record, Chunk) and record.direction is TO_SERVER]
    assert [seen.name for seen in seen_in(again)] == ["note", "greeting", "managedAccounts"]


def test_behind_a_gap_what_was_passed_over_is_in_doubt() -> None:
    records: list[Record] = [
        *OPENING,
        Chunk(0, TO_CLIENT, 3, ACCOUNTS + ERROR[:10]),
        Gap(0, TO_CLIENT, 4, None),
        Chunk(0, TO_CLIENT, 5, b"U1234567\0" + ACCOUNTS + ACCOUNTS),
    ]
    assert [words.rpartition(": ")[2] for words in doubts(records)] == ["its end is missing from the capture"]
    again = run(records, drop=True)
    assert [seen.name for seen in seen_in(again) if not isinstance(seen.what, Resynced)][2:] == [
        "note",
        "managedAccounts",
        "gap",
        "managedAccounts",
        "managedAccounts",
    ]
    assert b"1234567" not in b"".join(record.data for record in again if isinstance(record, Chunk))


def test_a_capture_that_begins_late_keeps_what_both_said() -> None:
    said = encode("reqIds", TO_SERVER, 176, numIds=1)
    records: list[Record] = [
        Gap(0, TO_SERVER, 1, None),
        Gap(0, TO_CLIENT, 1, None),
        Chunk(0, TO_SERVER, 2, said * 3),
        Chunk(0, TO_CLIENT, 2, ACCOUNTS * 3),
    ]
    again = run(records)
    assert framing(again) == framing(records)
    assert b"1234567" not in b"".join(record.data for record in again if isinstance(record, Chunk))


def write(path: Path, records: Iterable[Record], **metadata: str) -> Path:
    with Writer(path, metadata=metadata, created_ns=1_700_000_000_000_000_000) as writer:
        for record in records:
            writer.write(record._replace(time_ns=1_700_000_000_000_000_000 + record.time_ns))
    return path


def test_a_file_is_written_for_its_owner_and_says_that_it_is_redacted(tmp_path: Path) -> None:
    source = write(tmp_path / "source.jsonl", [*OPENING, Chunk(0, TO_CLIENT, 3, ACCOUNTS)], target="127.0.0.1:7497")
    target = tmp_path / "target.jsonl"
    assert redact(source, target, Redactor(KEY)) == []
    with open_capture(source) as before, open_capture(target) as after:
        assert after.header["redacted"] == "yes"
        assert "account" in after.header["redacted_kinds"].split()
        assert (after.header["target"], after.header["created"]) == (before.header["target"], before.header["created"])
        assert framing(after) == framing(before)
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_second_redaction_changes_accounts_again(tmp_path: Path) -> None:
    source = write(tmp_path / "source.jsonl", [*OPENING, Chunk(0, TO_CLIENT, 3, ACCOUNTS)])
    redact(source, tmp_path / "a.jsonl", Redactor(KEY))
    redact(tmp_path / "a.jsonl", tmp_path / "b.jsonl", Redactor(KEY))
    redact(source, tmp_path / "c.jsonl", Redactor(KEY))
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "c.jsonl").read_bytes() != (tmp_path / "b.jsonl").read_bytes()


def test_nothing_is_written_where_something_is_in_doubt(tmp_path: Path) -> None:
    source = write(tmp_path / "source.jsonl", [*OPENING, Chunk(0, TO_CLIENT, 3, UNKNOWN)])
    with pytest.raises(CannotPromise) as caught:
        redact(source, tmp_path / "target.jsonl", Redactor(KEY))
    assert [str(doubt).rpartition(": ")[2] for doubt in caught.value.doubts] == ["a message 999 that is not declared"]
    assert not (tmp_path / "target.jsonl").exists()
    assert len(redact(source, tmp_path / "target.jsonl", Redactor(KEY), drop=True)) == 1


def test_a_message_that_cannot_be_made_safe_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "source.jsonl", [*OPENING, Chunk(0, TO_CLIENT, 3, ACCOUNTS)])

    def refuse(*_: object) -> bytes:
        raise CannotPromise("no")

    monkeypatch.setattr(Redactor, "payload", refuse)
    with pytest.raises(CannotPromise):
        redact(source, tmp_path / "target.jsonl", Redactor(KEY))
    assert not (tmp_path / "target.jsonl").exists()


def test_a_torn_capture_is_copied_up_to_the_tear(tmp_path: Path) -> None:
    source = write(tmp_path / "source.jsonl", [*OPENING, Chunk(0, TO_CLIENT, 3, ACCOUNTS), Chunk(0, TO_CLIENT, 4, ERROR)])
    source.write_bytes(source.read_bytes()[:-20])
    target = tmp_path / "target.jsonl"
    with pytest.raises(CaptureError, match="torn") as caught:
        redact(source, target, Redactor(KEY))
    assert caught.value.path == str(source)
    with open_capture(target) as capture:
        assert len(list(capture)) == 3


def test_what_is_no_capture_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"hello")
    with pytest.raises(CaptureError, match="is not a capture"):
        redact(tmp_path / "source", tmp_path / "target.jsonl", Redactor(KEY))
    assert not (tmp_path / "target.jsonl").exists()


def test_a_file_that_is_there_is_not_overwritten_unasked(tmp_path: Path) -> None:
    source = write(tmp_path / "source.jsonl", OPENING)
    target = tmp_path / "target.jsonl"
    target.write_text("mine")
    with pytest.raises(CaptureError, match="not overwritten"):
        redact(source, target, Redactor(KEY))
    assert target.read_text() == "mine"
    redact(source, target, Redactor(KEY), overwrite=True)
    assert target.read_text() != "mine"


def test_a_file_that_changes_between_the_readings_is_refused(tmp_path: Path) -> None:
    source = write(tmp_path / "source.jsonl", [*OPENING, Chunk(0, TO_CLIENT, 3, ACCOUNTS)])
    readings = 0

    def followed(records: Iterable[Record]) -> Iterator[Record]:
        nonlocal readings
        readings += 1
        yield from records
        if readings == 2:
            yield Chunk(0, TO_CLIENT, 1_700_000_000_000_000_004, UNKNOWN)

    with pytest.raises(CannotPromise, match="changed while it was read"):
        redact(source, tmp_path / "target.jsonl", Redactor(KEY), followed=followed)
    assert not (tmp_path / "target.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1970-01-01T00:00:01.000001Z", 1_000_001_000), ("", None), ("1970-01-01", None), ("yesterday", None)],
)
def test_when_a_capture_began(text: str, expected: int | None) -> None:
    assert created({"created": text}) == expected
