"""What words and numbers of the protocol mean."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.views.hostile import HOSTILE, live
from twsprobe.views.explain import Found, explanation, find, find_in_log, message_object, near, objects
from twsprobe.views.fields import text_rows
from twsprobe.views.protocol import protocol_document
from twsprobe.wire.codes import CODES, code
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import BY_NAME
from twsprobe.wire.versions import HIGHEST, LOWEST
from twsprobe.wire.versions import ServerVersion as V


def lines(word: str, version: int | None = None) -> list[str]:
    return [(line.lead + line.rest).rstrip() for line in explanation(find(word), version)]


def things(word: str) -> list[str]:
    """What was found, as names and numbers."""
    found = find(word)
    return [
        *(f"{message.name} {message.direction.value}" for message in found.messages),
        *(gate.name for gate in found.gates),
        *(f"code {known.number}" for known in found.codes),
    ]


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("tickPrice", ["tickPrice to_client"]),
        ("TICKPRICE", ["tickPrice to_client"]),
        ("1", ["reqMktData to_server", "tickPrice to_client"]),
        ("error_time", ["ERROR_TIME"]),
        ("MIN_SERVER_VER_ERROR_TIME", ["ERROR_TIME"]),
        ("194", ["ERROR_TIME"]),
        ("200", ["PARAMETRIZED_DAYS_OF_EXECUTIONS", "code 200"]),
        ("326", ["code 326"]),
        ("515", ["code 515"]),
        ("133", []),
        ("99999999999999999999", []),
        ("-1", []),
        ("\u0661", []),
        ("", []),
        ("tickPrise", []),
    ],
)
def test_what_a_word_names(word: str, found: list[str]) -> None:
    assert things(word) == found


def test_a_number_that_is_everything_is_shown_as_everything() -> None:
    headings = [line for line in lines("103") if line and not line.startswith(" ")]
    assert headings == [
        "cancelWshEventData  message 103, to TWS",
        "replaceFAEnd  message 103, to the client",
        "MODELS_SUPPORT  server version 103",
        "error code 103  error, sent by TWS",
    ]


@pytest.mark.parametrize(
    ("word", "like"),
    [("tickPrise", "tickPrice"), ("openorder1", "openOrder"), ("PROTOBUFF", "PROTOBUF"), ("min_server_ver_error_tim", "ERROR_TIME")],
)
def test_names_that_are_like_a_word(word: str, like: str) -> None:
    assert near(word)[0] == like
    assert len(near(word)) <= 4


def test_nothing_is_like_nonsense() -> None:
    assert near("zzzzzzzzz") == near("") == near("x" * 1_000_000) == []


def test_a_message_at_every_version() -> None:
    assert lines("nextValidId") == [
        "nextValidId  message 9, to the client",
        "  The next order id; comes at the start unasked, and says that requests are",
        "  taken from now on.",
        "  At every server version; as protobuf from 213 PROTOBUF_REST_MESSAGES_3 on,",
        "  with id 209.",
        "",
        "  Fields:",
        "  #  pb  field    type  meaning",
        "  1      version  Int   version of this message's layout: 1",
        "  2  1   orderId  Int   " + BY_NAME[Direction.TO_CLIENT, "nextValidId"].record.fields["orderId"].meaning,
    ]


def test_a_message_at_a_version_has_no_gates() -> None:
    text = "\n".join(lines("error", 193))
    assert "At server version 193, text:" in text
    assert "version of this message's layout" in text
    assert "errorTime" not in text
    assert "[from" not in text
    assert "errorTime" in "\n".join(lines("error", 194))
    assert "At server version 226, protobuf:" in "\n".join(lines("error", 226))
    assert lines("reqConfig", 218)[-1] == "  Server version 218 does not have it."


def test_a_gate() -> None:
    assert lines("ERROR_TIME") == [
        "ERROR_TIME  server version 194",
        f"  {V.ERROR_TIME.change}",
        f"  API release: {V.ERROR_TIME.api_release}",
        "  Other fields than before: error",
    ]
    assert "  New: reqCurrentTimeInMillis, currentTimeInMillis" in lines("197")


def test_an_error_code() -> None:
    assert lines("502") == [
        "error code 502  error, made up by the client, never on the wire",
        "  The TCP connection could not be made.",
        "  Nothing reached TWS: a probe shows whether it was refused, timed out or",
        "  closed.",
    ]
    assert lines("2104")[0] == "error code 2104  information, sent by TWS"


@pytest.mark.parametrize("version", [None, LOWEST, V.FUND_DATA_FIELDS, V.PROTOBUF, HIGHEST])
def test_everything_fits_80_columns_and_is_plain(version: int | None) -> None:
    found = Found(list(MESSAGES), list(V), list(CODES.values()))
    for line in explanation(found, version):
        assert len(line.lead + line.rest) <= 80, line
        assert not live(line.lead + line.rest, allowed="")


def test_the_facts_are_those_of_the_document() -> None:
    document = protocol_document().replace("&lt;", "<").replace("\\", "")
    for message in MESSAGES:
        found = " ".join(" ".join(lines(message.name)).split())
        for row in text_rows(message):
            assert row.name in found
            assert f"`{row.name}`" in document
        assert message.meaning in document
        assert " ".join(message.meaning.split()) in found


def test_everything_that_has_a_name_or_a_number_is_answered() -> None:
    for message in MESSAGES:
        assert message in find(message.name).messages
        assert message in find(str(message.id)).messages
    for gate in V:
        assert gate in find(gate.name).gates
        assert gate in find(str(int(gate))).gates
    for number in CODES:
        assert [known.number for known in find(str(number)).codes] == [number]


def test_a_line_of_a_log() -> None:
    found = find_in_log(
        ["a", "Error 326, reqId -1: Unable to connect as the client id is already in use. " + "x" * 60, "same: 326 client id"]
    )
    shown = [(line.lead + line.rest).rstrip() for line in explanation(found, None)]
    assert shown[0].startswith("line 2 and 1 more  Error 326, reqId -1: Unable")
    assert shown[0].endswith("...")
    assert "  may be    client-id-in-use" in shown
    assert "  run next  twsprobe probe HOST:PORT --client-id ID" in shown
    assert "error code 326  fatal, sent by TWS" in shown
    assert max(map(len, shown)) <= 80
    first, second = objects(found, None)
    assert (first["kind"], first["id"], first["line"], first["times"]) == ("line", "code-326", 2, 2)
    assert (first["signatures"], first["command"]) == (["client-id-in-use"], "twsprobe probe HOST:PORT --client-id ID")
    assert second["code"] == 326


def test_a_log_of_nothing_known() -> None:
    assert not any(find_in_log(["hello", ""]))
    assert not any(find_in_log([]))


def test_hostile_lines_are_shown_inert() -> None:
    for text in HOSTILE:
        for line in explanation(find_in_log([f"Peer closed connection. {text}"]), None):
            assert not live(line.lead + line.rest, allowed="")


def test_objects_are_told_apart_by_their_kind() -> None:
    gate, known = objects(find("200"), None)
    assert gate == {
        "kind": "gate",
        "server_version": 200,
        "name": "PARAMETRIZED_DAYS_OF_EXECUTIONS",
        "change": V.PARAMETRIZED_DAYS_OF_EXECUTIONS.change,
        "api_release": V.PARAMETRIZED_DAYS_OF_EXECUTIONS.api_release,
        "messages": {"fields": ["reqExecutions"]},
    }
    expected = code(200)
    assert expected is not None
    assert known == {
        "kind": "code",
        "code": 200,
        "severity": "error",
        "origin": "wire",
        "meaning": expected.meaning,
        "conclusion": expected.conclusion,
    }


def test_a_message_as_an_object() -> None:
    message = BY_NAME[Direction.TO_CLIENT, "tickPrice"]
    found = message_object(message, None)
    assert found["text"][1] == {
        "place": "2",
        "number": "1",
        "name": "reqId",
        "type": "Int",
        "when": [],
        "meaning": message.record.fields["reqId"].meaning,
    }
    assert found["protobuf"] == "TickPrice"
    assert [row["number"] for row in found["records"]["TickPrice"]] == ["1", "2", "3", "4", "5"]
    old, new = message_object(message, 178), message_object(message, 226)
    assert (old["protobuf"], old["records"], len(old["text"])) == (None, {}, 6)
    assert (new["protobuf"], new["text"]) == ("TickPrice", None)
    late = message_object(BY_NAME[Direction.TO_SERVER, "reqConfig"], 218)
    assert (late["text"], late["protobuf"], late["records"]) == (None, None, {})


@given(st.sampled_from(MESSAGES), st.none() | st.integers(LOWEST, HIGHEST))
def test_every_message_is_an_object_at_every_version(message: Message, version: int | None) -> None:
    for each in objects(Found([message], [], []), version):
        assert json.loads(json.dumps(each)) == each


def test_hostile_words_name_nothing() -> None:
    for text in HOSTILE:
        assert not any(find(text)) or text.strip().isdigit()
        near(text)
