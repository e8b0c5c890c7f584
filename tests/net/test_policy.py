"""Nothing but what reads is sent, whoever asks and however it is spelled: a peer that counts bytes is the witness."""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

import twsprobe
from tests.net.memory import memory_pair
from twsprobe.net.connection import Connection
from twsprobe.net.policy import ALLOWED, Refused, check
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting, offer
from twsprobe.wire.message import BINARY_ID, PROTOBUF_OFFSET
from twsprobe.wire.registry import BY_NAME, encode

VERSIONS = (100, 157, 178, 200, 201, 213, 226)
ALLOWED_IDS = {BY_NAME[Direction.TO_SERVER, name].id for name in ALLOWED}


def payload_of(number: int, server_version: int, body: bytes = b"") -> bytes:
    if server_version >= 201:
        return BINARY_ID.pack(number) + body
    return b"%d\0" % number + body


def test_the_list_names_declared_requests_and_no_order() -> None:
    assert all((Direction.TO_SERVER, name) in BY_NAME for name in ALLOWED)
    # placeOrder, cancelOrder, exerciseOptions, replaceFA, reqGlobalCancel, verify*, updateConfig
    assert not ALLOWED_IDS & {3, 4, 19, 21, 58, 65, 66, 72, 73, 109}


@pytest.mark.parametrize("server_version", VERSIONS)
def test_every_id_that_is_not_on_the_list_is_refused(server_version: int) -> None:
    for number in range(401):
        named = number - PROTOBUF_OFFSET if server_version >= 201 and number > PROTOBUF_OFFSET else number
        for body in (b"", b"1\0", b"1\0" * 40, b"\x08\x01"):
            data = frame(payload_of(number, server_version, body))
            try:
                check(data, server_version)
            except Refused:
                continue
            assert named in ALLOWED_IDS, (number, server_version)


@pytest.mark.parametrize("server_version", VERSIONS)
def test_allowed_requests_pass(server_version: int) -> None:
    check(encode("startApi", Direction.TO_SERVER, server_version, clientId=1, optionalCapabilities=""), server_version)
    check(encode("reqCurrentTime", Direction.TO_SERVER, server_version), server_version)


@pytest.mark.parametrize("server_version", VERSIONS)
def test_nothing_rides_along(server_version: int) -> None:
    allowed = encode("reqCurrentTime", Direction.TO_SERVER, server_version)
    order = frame(payload_of(3, server_version, b"45\0" * 30))
    for smuggled in (allowed + order, order, allowed[:-1], allowed + b"\0", b"", order[:6], frame(b""), offer(100, 226) + order):
        with pytest.raises(Refused):
            check(smuggled, server_version)
    # A longer frame that begins as an allowed one: surplus fields, and protobuf fields that are not in the schema.
    surplus = frame(allowed[4:] + (b"\x98\x06\x01" if server_version >= 213 else b"3\0"))
    with pytest.raises(Refused):
        check(surplus, server_version)


@given(data=st.binary(max_size=64), server_version=st.sampled_from(VERSIONS))
@settings(max_examples=500, deadline=None)
def test_arbitrary_bytes(data: bytes, server_version: int) -> None:
    for sent in (data, frame(data)):
        try:
            check(sent, server_version)
        except Refused:
            continue
        found = twsprobe.decode(sent[4:], Direction.TO_SERVER, server_version)
        assert isinstance(found, twsprobe.Decoded)
        assert found.name in ALLOWED


async def test_a_peer_that_counts_sees_only_what_is_allowed(autojump_clock: trio.testing.MockClock) -> None:
    client, server = memory_pair()
    connection = Connection(client)
    heard = bytearray()

    async def listen() -> None:
        while data := await server.receive_some():
            heard.extend(data)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(listen)
        await connection.send_offer(100, 226)
        await server.send_all(greeting(226, b"20260102 15:04:05 EST"))
        await connection.receive()
        await connection.send("startApi", clientId=1)
        for number in range(401):
            if (number - PROTOBUF_OFFSET if number > PROTOBUF_OFFSET else number) in ALLOWED_IDS:
                continue
            with pytest.raises(Refused):
                await connection.send_frame(frame(payload_of(number, 226, b"\x08\x01")))
        for name in ("placeOrder", "cancelOrder", "reqGlobalCancel", "exerciseOptions", "replaceFA", "updateConfig", "verifyRequest"):
            with pytest.raises((Refused, twsprobe.EncodeError)):
                await connection.send(name, orderId=1)
        await connection.aclose(0.01)
        nursery.cancel_scope.cancel()
    assert bytes(heard) == offer(100, 226) + encode("startApi", Direction.TO_SERVER, 226, clientId=1)


async def test_connect_options_cannot_carry_a_message(autojump_clock: trio.testing.MockClock) -> None:
    client, _ = memory_pair()
    connection = Connection(client)
    for options in ("+PACEAPI\0\0\0\0\x053\0", "a\nb", "\x1b[2J", "caf\xe9"):
        with pytest.raises(ValueError, match="printable ASCII"):
            await connection.send_offer(100, 226, options)
