"""Whatever a server sends, however it is cut and however it ends, a probe gives a report, and every view of it can be printed."""

from __future__ import annotations

import json
from itertools import pairwise

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

import twsprobe.net.policy  # noqa: F401  # loaded beforehand: a clock that jumps does not wait for a thread that imports
from tests.net.memory import memory_pair
from twsprobe.net.address import Address
from twsprobe.net.dial import Attempt, Dialed
from twsprobe.probing.options import Options
from twsprobe.probing.probe import probe
from twsprobe.probing.report import ProbeReport
from twsprobe.probing.run import Network
from twsprobe.views.probe import nagios_line, one_line, verdict
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import frame, greeting
from twsprobe.wire.registry import encode

VERSIONS = (76, 100, 150, 178, 200, 201, 213, 226, 230)
ENDS = ("fin", "rst", "silence")
OPTIONS = Options(timeout=2.0, sync=True, config=True)


def session(server_version: int) -> bytes:
    """What a server says at the start, and to the first requests."""
    known = min(max(server_version, 100), 226)
    said = [
        encode("managedAccounts", Direction.TO_CLIENT, known, accountsList="DU1,DU2"),
        encode("nextValidId", Direction.TO_CLIENT, known, orderId=1),
        encode("error", Direction.TO_CLIENT, known, id=-1, errorCode=2104, errorMsg="farm"),
        encode("currentTime", Direction.TO_CLIENT, known, currentTime=1_767_366_245),
        encode("positionEnd", Direction.TO_CLIENT, known),
        encode("openOrderEnd", Direction.TO_CLIENT, known),
    ]
    return greeting(server_version, b"20260102 15:04:05 EST") + b"".join(said)


@st.composite
def scripts(draw: st.DrawFn) -> tuple[list[bytes], str]:
    """The chunks that a server sends, and how it ends: noise, framed noise, or a session with some of its bytes changed."""
    kind = draw(st.sampled_from(["noise", "frames", "session", "mutated"]))
    if kind == "noise":
        data = bytearray(draw(st.binary(max_size=200)))
    elif kind == "frames":
        data = bytearray(b"".join(frame(payload) for payload in draw(st.lists(st.binary(max_size=40), max_size=6))))
    else:
        data = bytearray(session(draw(st.sampled_from(VERSIONS))))
        if kind == "mutated":
            for _ in range(draw(st.integers(1, 4))):
                place = draw(st.integers(0, max(len(data) - 1, 0)))
                change = draw(st.sampled_from(["set", "insert", "delete", "cut"]))
                if change == "set" and data:
                    data[place] = draw(st.integers(0, 255))
                elif change == "insert":
                    data[place:place] = draw(st.binary(min_size=1, max_size=5))
                elif len(data) > 8:
                    del data[place : place + 1 if change == "delete" else None]
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    bounds = [0, *cuts, len(data)]
    chunks = [bytes(data[low:high]) for low, high in pairwise(bounds) if high > low]
    return chunks, draw(st.sampled_from(ENDS))


async def probed(chunks: list[bytes], end: str) -> ProbeReport:
    """Probe a server that sends these chunks, whatever it hears."""

    async def serve(stream: trio.abc.HalfCloseableStream) -> None:
        try:
            for chunk in chunks:
                await stream.send_all(chunk)
                await trio.sleep(0.03)
            if end == "rst":
                stream.reset()  # type: ignore[attr-defined]
            elif end == "fin":
                await stream.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async with trio.open_nursery() as nursery:

        async def resolve(host: str, port: int) -> list[Address]:
            return [(host, port)]

        async def dial(addresses: list[Address], timeout: float) -> Dialed:
            client, server = memory_pair()
            nursery.start_soon(serve, server)
            return Dialed(client, ("127.0.0.1", 50000), addresses[0], (Attempt(addresses[0], None, ""),))

        began = trio.current_time()
        report = await probe("127.0.0.1", 7497, OPTIONS, network=Network(resolve, dial))
        assert trio.current_time() - began <= OPTIONS.timeout + 1
        nursery.cancel_scope.cancel()
    return report


def assert_printable(text: str) -> None:
    assert all(line.isprintable() for line in text.split("\n")), text


@given(scripts())
@settings(max_examples=5000, deadline=None)
def test_any_server_gives_a_report(script: tuple[list[bytes], str]) -> None:
    chunks, end = script
    report = trio.run(probed, chunks, end, clock=trio.testing.MockClock(autojump_threshold=0))
    seen = json.loads(json.dumps(report.to_dict()))
    assert seen["signature"]
    assert report.ok or [cause for cause in seen["causes"] if cause["confidence"] != "excluded"]
    for line in verdict(report, verbose=True):
        assert_printable(line.lead + line.rest)
    assert_printable(one_line(report))
    assert_printable(nagios_line(report, "CRITICAL"))
