"""Texts, fields, frames and records with pseudonyms in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import examples
from twsprobe.capture.model import Chunk, Close, Closed, Gap, Note, Opened, Record
from twsprobe.capture.redactor import CannotPromise, Redactor
from twsprobe.wire.events import Decoded, Greeted, VersionOffered
from twsprobe.wire.fields import DOUBLE
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import PREFIX, greeting, offer, read_greeting, read_offer
from twsprobe.wire.message import BINARY_ID
from twsprobe.wire.registry import decode, encode
from twsprobe.wire.sensitive import Kind, Rule, Text
from twsprobe.wire.tokens import LENGTH_DELIMITED, VARINT, tagged

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
KEY = b"0123456789abcdef"
accounts = st.builds(
    lambda letters, digits: letters + digits,
    st.sampled_from(["U", "DU", "F", "DF", "I", "DI"]),
    st.from_regex(r"[0-9]{5,9}", fullmatch=True),
)


def redactor(**options: Any) -> Redactor:
    return Redactor(KEY, **options)


def decoded(name: str, direction: Direction, version: int, **fields: Any) -> Decoded:
    event = decode(encode(name, direction, version, **fields)[LENGTH.size :], direction, version)
    assert isinstance(event, Decoded)
    return event


def redacted(event: Decoded, by: Redactor | None = None) -> Decoded:
    """The message that its redacted bytes decode to."""
    by = by or redactor()
    by.learn_fields(event)
    again = decode(by.payload(event), event.direction, event.server_version)
    assert isinstance(again, Decoded)
    return again


@examples(3)
@given(accounts, st.text(max_size=10), st.text(max_size=10), st.sampled_from([Text.FREE, Text.HARMLESS]))
def test_an_account_is_replaced_wherever_it_stands_once_it_is_known(account: str, before: str, after: str, rule: Text) -> None:
    by = redactor()
    by.learn(account, Kind.ACCOUNT)
    text = before + account + after
    replaced = by.text(text, rule)
    assert account not in replaced
    assert len(replaced) == len(text)
    assert len(replaced.encode("utf-8", "surrogatepass")) == len(text.encode("utf-8", "surrogatepass"))


def test_the_same_account_has_the_same_pseudonym_in_every_place() -> None:
    by = redactor()
    pseudonym = by.text("U1234567")
    assert by.text("U1234567", Kind.ACCOUNT) == pseudonym
    assert by.text("a U1234567, b", Text.HARMLESS) == f"a {pseudonym}, b"
    assert by.text("<account>U1234567</account>", Text.ADVISOR_XML) == f"<account>{pseudonym}</account>"
    assert by.text("DU1234567") == f"D{pseudonym}"
    assert by.text("U1234567-7", Kind.ORDER_REFERENCE).startswith(pseudonym + "-")


def test_what_was_learnt_is_replaced_in_words_but_not_in_the_vocabulary() -> None:
    by = redactor()
    by.learn("momentum", Kind.ORDER_REFERENCE)
    assert "momentum" not in by.text("order momentum was rejected")
    assert by.text("momentum", Text.HARMLESS) == "momentum"


def test_a_number_alone_is_left_although_it_was_learnt() -> None:
    by = redactor()
    by.learn("100000", Kind.ORDER_REFERENCE)
    assert by.text("100000") == "100000"
    assert "100000" not in by.text("order 100000 was rejected")


def test_kinds_that_are_kept_are_left_alone() -> None:
    by = redactor(keep=[Kind.ORDER_REFERENCE, Kind.ADDRESS])
    by.learn("momentum", Kind.ORDER_REFERENCE)
    assert by.text("momentum at 10.0.0.1") == "momentum at 10.0.0.1"
    assert by.text("momentum U1234567", Kind.ORDER_REFERENCE).startswith("momentum U")
    assert "U1234567" not in by.text("momentum U1234567", Kind.ORDER_REFERENCE)


def test_replacements_are_counted_by_kind_and_loopback_is_none() -> None:
    by = redactor()
    by.text("U1234567 U1234567 U7654321 at 127.0.0.1 and 10.0.0.1")
    assert by.replaced == {Kind.ACCOUNT: 3, Kind.ADDRESS: 1}
    assert by.found[Kind.ACCOUNT] == {"U1234567", "U7654321"}


def test_entities_in_xml_stay_whole_and_what_they_spell_is_known() -> None:
    by = redactor()
    xml = "<name>Smith &amp; Sons</name>"
    by.learn(xml, Text.ADVISOR_XML)
    replaced = by.text(xml, Text.ADVISOR_XML)
    assert "&amp;" in replaced
    assert "Smith" not in replaced
    assert "Sons" not in by.text("of Smith & Sons")


def test_escaped_characters_are_read_and_stay_escaped() -> None:
    by = redactor()
    by.learn("Müller", Kind.ADVISOR)
    replaced = by.text(r"of M\u00fcller and \u00551234567")
    assert len(replaced) == len(r"of M\u00fcller and \u00551234567")
    assert "ller" not in replaced
    assert r"M\u00fc" not in replaced
    assert r"\u0055" in replaced
    assert "1234567" not in replaced
    assert replaced.count("\\u") == 2


@pytest.mark.parametrize("version", [100, 145, 176, 200, 226])
def test_a_message_decodes_as_before_but_for_its_secrets(version: int) -> None:
    event = decoded("updateAccountValue", TO_CLIENT, version, key="NetLiquidation", value="100.5", currency="USD", accountName="DU1234567")
    again = redacted(event)
    assert again.fields == {**event.fields, "accountName": again.fields["accountName"]}
    assert again.fields["accountName"] != "DU1234567"
    assert again.fields["accountName"].startswith("DU")


@pytest.mark.parametrize("version", [176, 226])
def test_fields_and_bytes_are_redacted_alike(version: int) -> None:
    event = decoded(
        "error", TO_CLIENT, version, id=4, errorCode=201, errorMsg="Order of U1234567 (é) rejected by 10.1.2.3", advancedOrderRejectJson=""
    )
    by = redactor()
    assert redacted(event, by).fields == by.fields(event) != event.fields


def test_an_account_value_that_is_an_account_is_replaced() -> None:
    event = decoded("updateAccountValue", TO_CLIENT, 176, key="AccountOrGroup", value="Clients", currency="", accountName="All")
    again = redacted(event)
    assert again.fields["value"] != "Clients"
    assert again.fields["accountName"] == "All"


def test_text_in_the_code_page_of_the_host_stays_in_it() -> None:
    payload = b"4\x002\x00-1\x00201\x00Konto U1234567 f\xfcr M\xfcller abgelehnt\x00\x00"
    event = decode(payload, TO_CLIENT, 176)
    assert isinstance(event, Decoded)
    by = redactor()
    by.learn("M\u00fcller", Kind.USER)
    changed = by.payload(event)
    assert len(changed) == len(payload)
    assert b" f\xfcr M\xfcller " not in changed
    assert b" f\xfcr " in changed
    again = decode(changed, TO_CLIENT, 176)
    assert isinstance(again, Decoded)
    assert "für" in again.fields["errorMsg"]


def test_latin_1_that_would_read_as_utf_8_becomes_plain_letters() -> None:
    data = b"\xb5\xa9\xa9aa"
    changed = redactor().piece(data, Kind.USER)
    assert len(changed) == len(data)
    assert changed[0:1].isascii()
    assert changed[1:3] == data[1:3]


def test_a_message_that_would_not_decode_as_before_is_refused() -> None:
    class Careless(Redactor):
        def piece(self, data: bytes, rule: Rule) -> bytes:
            return b"\0" * len(data)

    with pytest.raises(CannotPromise, match="could not be decoded any more"):
        Careless(KEY).payload(decoded("managedAccounts", TO_CLIENT, 176, accountsList="U1234567"))


def test_fields_in_no_schema_are_redacted_and_keep_their_structure() -> None:
    inner = tagged(1, LENGTH_DELIMITED, b"DU1234567") + tagged(6, VARINT, 48)
    event = decode(BINARY_ID.pack(209) + tagged(1, VARINT, 8) + tagged(77, LENGTH_DELIMITED, inner), TO_CLIENT, 226)
    assert isinstance(event, Decoded)
    again = redacted(event)
    assert again.anomalies == event.anomalies
    assert b"DU1234567" not in again.raw
    assert again.raw.endswith(tagged(6, VARINT, 48))
    (unknown,) = redactor().fields(event)["#77"]
    assert unknown.value == again.fields["#77"][0].value


def test_text_behind_the_last_field_is_redacted() -> None:
    event = decode(b"9\x001\x008\0of DU1234567\0", TO_CLIENT, 176)
    assert isinstance(event, Decoded)
    assert "DU1234567" not in redacted(event).extra[0]


def test_bytes_that_would_still_hold_a_known_account_are_refused() -> None:
    by = redactor()
    by.learn("U1234567", Kind.ACCOUNT)
    (price,) = DOUBLE.unpack(b"U1234567")  # a number, so nothing can be replaced
    event = decoded("openOrder", TO_CLIENT, 226, orderId=1, order={"lmtPrice": price, "orderType": "LMT"})
    with pytest.raises(CannotPromise, match="may stand at byte"):
        by.payload(event)


def test_the_opening_keeps_its_versions_and_the_greeting_its_zone() -> None:
    opening = offer(100, 226, "for U1234567")
    offered = read_offer(opening[len(PREFIX) + LENGTH.size :], 0)
    assert isinstance(offered, VersionOffered)
    changed = redactor().payload(offered)
    assert len(changed) == len(opening)
    assert changed.startswith(PREFIX + LENGTH.pack(22) + b"v100..226 for U")
    assert b"U1234567" not in changed
    greeted = read_greeting(greeting(226, b"20240501 12:00:00 Europe/Zurich")[LENGTH.size :], 0)
    assert isinstance(greeted, Greeted)
    assert redactor().payload(greeted) == greeted.raw
    odd = read_greeting(greeting(226, b"of U1234567")[LENGTH.size :], 0)
    assert isinstance(odd, Greeted)
    assert b"U1234567" not in redactor().payload(odd)


def test_the_address_of_a_redirect_is_replaced() -> None:
    greeted = read_greeting(greeting(-1, b"gw.example.org:4001")[LENGTH.size :], 0)
    assert isinstance(greeted, Greeted)
    changed = redactor().payload(greeted)
    assert len(changed) == len(greeted.raw)
    assert b"example" not in changed
    assert changed.endswith(b":4001\0")


def test_records_that_are_no_bytes() -> None:
    by = redactor()
    opened = Opened(0, 1, "10.0.0.7:51234", "tws.example.org:7497")
    by.learn_record(opened)
    again = by.record(opened)
    assert isinstance(again, Opened)
    assert (again.connection, again.time_ns) == (0, 1)
    assert again.client.endswith(":51234")
    assert again.client != opened.client
    assert "example" not in again.server
    note = by.record(Note(0, TO_CLIENT, 2, "delayed: U1234567 from tws.example.org"))
    assert isinstance(note, Note)
    assert "U1234567" not in note.text
    assert "example" not in note.text
    others: list[Record] = [Chunk(0, TO_CLIENT, 1, b"U1234567"), Closed(0, 1, TO_CLIENT, Close.FIN), Gap(0, TO_CLIENT, 1, 5)]
    assert [by.record(record) for record in others] == others
    by.learn_record(Note(0, TO_CLIENT, 3, "U9999999"))
    assert "U9999999" in by.accounts


def test_loopback_and_ports_are_no_secret() -> None:
    opened = Opened(0, 1, "127.0.0.1:51234", "[::1]:7497")
    assert redactor().record(opened) == opened
    assert redactor().record(opened._replace(server="localhost:7497")).server == "localhost:7497"  # type: ignore[union-attr]


def test_what_a_capture_says_about_itself() -> None:
    by = redactor()
    header = {
        "format": "twsprobe.capture/1",
        "created": "2024-05-01T12:00:00Z",
        "program": "twsprobe",
        "redacted": "yes",
        "target": "tws.example.org:7497",
        "comment": "of U1234567 at tws.example.org",
    }
    kept = by.header(header)
    assert kept.keys() == {"target", "comment"}
    assert kept["target"].endswith(":7497")
    assert not {word for word in ("example", "U1234567") if word in "".join(kept.values())}


def test_a_key_is_made_at_random() -> None:
    assert Redactor().text("U123456789") != Redactor().text("U123456789")
