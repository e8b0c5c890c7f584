"""The server version, from messages alone."""

from __future__ import annotations

from typing import Any

import pytest

from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.guess import MOST_GUESSES, VersionGuess, odd
from twsprobe.wire.handshake import frame
from twsprobe.wire.registry import encode
from twsprobe.wire.versions import HIGHEST

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER
ORDER: dict[str, Any] = {"orderId": 1, "contract": {"symbol": "AAPL"}, "order": {"action": "BUY"}, "orderState": {"status": "Filled"}}


def payload(name: str, version: int, direction: Direction = TO_CLIENT, **fields: Any) -> bytes:
    return encode(name, direction, version, **fields)[LENGTH.size :]


@pytest.mark.parametrize("version", [100, 120, 145, 151, 157, 163, 170, 176, 178, 183, 187, 194, 200])
def test_what_an_order_is_decoded_with_fits_it(version: int) -> None:
    guess = VersionGuess()
    message = payload("openOrder", version, **ORDER)
    assert guess.fit(TO_CLIENT, message)
    assert guess.version is not None
    assert version <= guess.version < 201
    assert not odd(TO_CLIENT, message, guess.version)


@pytest.mark.parametrize("version", [201, 203, 226])
def test_binary_ids_are_told(version: int) -> None:
    guess = VersionGuess()
    assert guess.fit(TO_CLIENT, payload("openOrder", version, **ORDER))
    assert guess.version is not None
    assert version <= guess.version


def test_a_message_that_does_not_fit_corrects_the_guess_and_one_that_does_keeps_it() -> None:
    guess = VersionGuess()
    guess.fit(TO_CLIENT, payload("nextValidId", 151, orderId=8))
    assert guess.version == 200
    assert guess.fit(TO_CLIENT, payload("openOrder", 151, **ORDER))
    assert guess.version is not None
    assert 151 <= guess.version < 200
    assert not guess.fit(TO_CLIENT, payload("openOrder", 151, **ORDER))
    assert not guess.fit(TO_CLIENT, b"999\x001\x00")


def test_of_versions_that_fit_alike_it_is_the_highest() -> None:
    guess = VersionGuess()
    guess.fit(TO_CLIENT, b"9\x001\x00no number\x00")
    assert guess.version == 200


def test_nothing_is_guessed_above_what_the_client_offered() -> None:
    guess = VersionGuess(176)
    guess.fit(TO_CLIENT, payload("nextValidId", 176, orderId=8))
    assert guess.version == 176
    binary = VersionGuess(210)
    binary.fit(TO_CLIENT, payload("nextValidId", 205, orderId=8))
    assert binary.version == 210
    assert VersionGuess(900)._ceiling == HIGHEST


def test_hostile_messages_get_so_many_guesses() -> None:
    guess = VersionGuess()
    changes = 0
    for number in range(200):
        changes += guess.fit(TO_CLIENT, (b"\x00\x00\x00\x09x\x00" if number % 2 else b"9\x00x\x00") + b"%d\x00" % number)
    assert guess.version is not None
    assert changes <= MOST_GUESSES


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff" * 9, b"9", b"\x00\x00\x00\x09", frame(b"")])
def test_any_bytes_can_be_fitted(data: bytes) -> None:
    guess = VersionGuess()
    guess.fit(TO_SERVER, data)
    assert guess.version is not None
