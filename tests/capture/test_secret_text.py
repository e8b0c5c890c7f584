"""Secrets are found in text by their form, by where the text stands, and because they are known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import examples
from twsprobe.capture.secret_text import Known, Span, accounts_in, addresses_in, known_in, parts, respelled, spelled
from twsprobe.wire.sensitive import Kind, Rule, Text


def words(text: str, spans: object) -> list[str]:
    assert isinstance(spans, list)
    return [text[span.start : span.end] for span in spans]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("account U1234567 is", ["U1234567"]),
        ("DU12345,DF123456789;I12345", ["DU12345", "DF123456789", "I12345"]),
        ("forDU1234567x", ["DU1234567"]),
        ("[F1234567A]", ["F1234567"]),
        ("U1234567.", ["U1234567"]),
        ("U1234", []),
        ("U1234567890", []),
        ("u1234567", []),
        ("0000e0d5.65f12345.01.01", []),
        ("US0378331005 XU1234567 9F12345", []),
        ("U\u0661\u0662\u0663\u0664\u0665\u0666", []),
    ],
)
def test_what_looks_like_an_account_is_found(text: str, found: list[str]) -> None:
    assert words(text, list(accounts_in(text, ()))) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("id%3DU1234567", ["DU1234567"]),
        ("XU1234567", ["U1234567"]),
        ("u1234567", ["u1234567"]),
        ("U12345670123", ["U1234567"]),
        ("DU1234567", ["DU1234567"]),
        ("U7654321", ["U7654321"]),
        ("XU7654321", []),
    ],
)
def test_a_known_account_is_found_anywhere(text: str, found: list[str]) -> None:
    assert words(text, list(accounts_in(text, {"U1234567"}))) == found


def test_known_accounts_alone_are_found_where_only_those_are_looked_for() -> None:
    text = "U7654321 12U1234567899"
    assert words(text, list(known_in(text, {"U1234567"}))) == ["U1234567"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail jane.doe+tws@mail.example.org now", [("jane.doe+tws@mail.example.org", Kind.USER)]),
        ("to 192.168.1.7:7497.", [("192.168.1.7", Kind.ADDRESS)]),
        ("from /10.0.0.1:4001, 10.0.0.2.51234", [("10.0.0.1", Kind.ADDRESS), ("10.0.0.2", Kind.ADDRESS)]),
        ("[fe80::1]:7497 and 2001:db8::a: refused", [("fe80::1", Kind.ADDRESS), ("2001:db8::a", Kind.ADDRESS)]),
        ("::ffff:10.0.0.1", [("::ffff:10.0.0.1", Kind.ADDRESS), ("10.0.0.1", Kind.ADDRESS)]),
        ("20240308 13:30:34 std::abs 999.1.1.1 1.2.3 a@b", []),
    ],
)
def test_mail_and_ip_addresses_are_found(text: str, found: list[tuple[str, Kind]]) -> None:
    assert [(text[span.start : span.end], span.kind) for span in addresses_in(text)] == found


@pytest.mark.parametrize(
    ("rule", "text", "found"),
    [
        (Kind.ACCOUNT, "DU1234567,My IRA, ,All,", ["My IRA"]),
        (Kind.ACCOUNT, "U1234567-Growth", ["-Growth"]),
        (Kind.ACCOUNT, "U1234567/Growth", ["Growth"]),
        (Kind.ACCOUNT, "F1234567A", []),
        (Kind.ACCOUNT, "12345678", ["12345678"]),
        (Text.ALLOCATION, "U1234567/100,IRA/200.5", ["IRA"]),
        (Kind.ORDER_REFERENCE, " my ref ", ["my ref"]),
        (Kind.ADVISOR, "All", []),
        (Kind.USER, "Not an insider or substantial shareholder", []),
        (Kind.ADDRESS, "tws.example.org:7497", ["tws.example.org"]),
        (Kind.ADDRESS, "localhost:7497, 10.0.0.1:1, [::1]:2, gateway", ["gateway"]),
        (Kind.ADDRESS, "[tws]:7497", ["tws"]),
        (Text.FREE, "anything", []),
        (Text.HARMLESS, "anything", []),
    ],
)
def test_rules_say_what_of_a_text_is_secret(rule: Rule, text: str, found: list[str]) -> None:
    assert [word for word in words(text, list(parts(text, rule))) if word] == found


def test_what_an_advisor_wrote_in_xml_is_secret_but_not_its_methods() -> None:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><ListOfGroups><Group kind="mine"><name>My Clients</name>'
        '<ListOfAccts varName="list"><String>IRA</String></ListOfAccts><defaultMethod>EqualQuantity</defaultMethod>'
        "<amount>10.0</amount><!-- of Jane --><alias><![CDATA[Jane]]></alias></Group>"
    )
    found = [(text[span.start : span.end], span.kind) for span in parts(text, Text.ADVISOR_XML)]
    assert found == [
        ("mine", Kind.ADVISOR),
        ("My Clients", Kind.ADVISOR),
        ("IRA", Kind.ACCOUNT),
        ("of Jane", Kind.ADVISOR),
        ("Jane", Kind.ADVISOR),
    ]


@pytest.mark.parametrize("text", ["no markup", "<name>torn", "<name", "a<b>c"])
def test_torn_xml_hides_nothing(text: str) -> None:
    covered = "".join(words(text, list(parts(text, Text.ADVISOR_XML))))
    assert covered == {"no markup": text, "<name>torn": "torn", "<name": "<name", "a<b>c": "ac"}[text]


def anything(span: Span) -> bool:
    return True


def known(*secrets: str) -> Known:
    found = Known()
    for secret in secrets:
        found.add(secret, Kind.ORDER_REFERENCE)
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("order momentum-7 filled", ["momentum-7"]),
        ("xmomentum-7x", ["momentum-7"]),
        ("an ABC order", ["ABC"]),
        ("ABCD xABC", []),
        ("4711", ["4711"]),
        ("14711 4711.5 x4711", ["4711"]),
        ("ab", []),
    ],
)
def test_known_secrets_are_found_long_ones_in_words_short_ones_alone(text: str, found: list[str]) -> None:
    spans = list(known("momentum-7", "momentum", "ABC", "4711", "ab").find(text, anything))
    assert words(text, spans) == found


def test_only_what_is_wanted_is_found_and_hides_nothing_shorter() -> None:
    found = known("momentum", "momentum-7")
    assert not list(found.find("momentum-7", lambda span: span.kind is Kind.ACCOUNT))
    assert words("momentum-7", list(found.find("momentum-7", lambda span: span.end < 10))) == ["momentum"]
    assert found.holds(Kind.ORDER_REFERENCE)
    assert not found.holds(Kind.ACCOUNT)


@examples(2)
@given(st.text("abc", min_size=6, max_size=9), st.text("abc ", max_size=20), st.text("abc ", max_size=20))
def test_a_long_known_secret_is_found_wherever_it_stands(secret: str, before: str, after: str) -> None:
    text = before + secret + after
    spans = list(known(secret).find(text, anything))
    rest = list(text)
    for span in spans:
        assert text[span.start : span.end] == secret
        rest[span.start : span.end] = "." * len(secret)
    assert spans
    assert secret not in "".join(rest)


@examples(2)
@given(st.lists(st.sampled_from(["a", "é", "😀", r"\u00e9", r"\ud83d\ude00", r"\ud83d", r"\u0055", "\\", "u", "0055"])).map("".join))
def test_escapes_are_read_and_written_back(text: str) -> None:
    characters, spellings = spelled(text)
    assert "".join(spellings) == text
    assert len(spellings) == len(characters)


def test_an_escape_is_replaced_by_an_escape() -> None:
    assert spelled(r"\u0055x") == ("Ux", [r"\u0055", "x"])
    assert respelled("U", "F", r"\u0055") == r"\u0046"
    assert respelled("U", "F", "U") == "F"
    assert respelled("U", "U", r"\u0055") == r"\u0055"
