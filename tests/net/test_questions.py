"""The openings of other protocols, held against those protocols' own implementations."""

from __future__ import annotations

import contextlib
import ssl

import pytest
import trio
import trio.testing
import trustme

from tests.net.memory import memory_pair
from twsprobe.net.connection import Connection
from twsprobe.net.questions import Question
from twsprobe.probing.service import identify
from twsprobe.wire.events import SyncLost


def answer(data: bytes, lowest: ssl.TLSVersion, highest: ssl.TLSVersion) -> bytes:
    """What a TLS server of OpenSSL answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = lowest, highest
    trustme.CA().issue_cert("localhost").configure_cert(context)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(data)
    with contextlib.suppress(ssl.SSLError):  # it wants more, or has sent an alert
        server.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_tls_server_answers_the_opening_of_tls(version: ssl.TLSVersion) -> None:
    assert identify(answer(Question.TLS.value, version, version)) == "tls"


def test_a_tls_server_that_gets_half_of_it_says_nothing() -> None:
    assert answer(Question.TLS.value[:-1], ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) == b""


def test_the_question_to_a_web_server_is_a_whole_request() -> None:
    assert Question.HTTP.value.startswith(b"GET / HTTP/1.0\r\n")
    assert Question.HTTP.value.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("question", Question)
async def test_a_question_is_sent_as_it_is_and_is_no_message(question: Question, autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_pair()
    connection = Connection(client)
    events = await connection.send_question(question)
    assert client.sent == [question.value]
    assert all(isinstance(event, SyncLost) for event in events)
    await server.aclose()
    await connection.aclose()
