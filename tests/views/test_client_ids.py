"""Client ids as lines."""

from __future__ import annotations

import pytest

from tests.views.hostile import HOSTILE, live
from twsprobe.probing.client_ids import ClientIds, Tried
from twsprobe.probing.signatures import Signature
from twsprobe.views.client_ids import STYLES, id_lines, result_lines

FREE = Tried(482913001, "free", "The session started.", True, Signature.READY, 12.0)
TAKEN = Tried(7, "taken", "TWS says so (error 326).", False, Signature.CLIENT_ID_IN_USE, 9.0)


def shown(found: ClientIds) -> list[str]:
    return [(line.lead + line.rest).rstrip() for line in result_lines(found)]


def test_a_look_as_a_person_sees_it() -> None:
    assert shown(ClientIds("127.0.0.1:7497", (FREE, TAKEN), 2, 226)) == [
        "127.0.0.1:7497  server version 226",
        "  free     482913001    The session started. It was chosen at random.",
        "  taken    7            TWS says so (error 326).",
        "2 connections opened and closed, one at a time",
    ]


def test_what_ended_the_look_is_said() -> None:
    lines = shown(ClientIds("h:1", (), 0, None, None, Signature.TCP_REFUSED))
    assert "tcp-refused is not about the id" in " ".join(lines)
    assert lines[-1] == "0 connections opened and closed, one at a time"


@pytest.mark.parametrize("state", STYLES)
def test_every_state_fits_80_columns(state: str) -> None:
    for client_id in (None, 2**31 - 1):
        lines = id_lines(Tried(client_id, state, "word " * 40, True))  # type: ignore[arg-type]
        assert all(len(line.lead + line.rest) <= 80 for line in lines)
        assert lines[0].style == STYLES[state]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_harmless(text: str) -> None:
    assert not live("".join(shown(ClientIds(text, (Tried(1, "unknown", text),), 1))))
