"""Packets for tshark, and what it makes of them with our dissector."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from twsprobe.capture.model import Chunk, Opened
from twsprobe.capture.writing import open_writer
from twsprobe.views.dissector import dissector
from twsprobe.wire.framing import Direction

TSHARK = shutil.which("tshark")
needs_tshark = pytest.mark.skipif(TSHARK is None, reason="tshark is not installed")
PATIENCE = 60.0
"""Seconds that no run should take."""
CLIENT, SERVER = 50_000, 7497
STEP_NS = 1_000_000

Pairs = list[tuple[str, Any]]
"""A JSON object whose keys may come more than once."""


class Segment(NamedTuple):
    """One TCP segment: of which connection, which way, what it holds."""

    direction: Direction
    data: bytes
    connection: int = 0


def write_packets(path: Path, segments: Iterable[Segment], server: int = SERVER) -> None:
    """Write a capture as packets; each connection has a port of its own at the client, and all are between the same two hosts."""
    opened: set[int] = set()
    with open_writer(path, overwrite=True) as writer:
        for number, (direction, data, connection) in enumerate(segments):
            if connection not in opened:
                opened.add(connection)
                writer.write(Opened(connection, number * STEP_NS, f"10.0.0.1:{CLIENT + connection}", f"10.0.0.2:{server}"))
            writer.write(Chunk(connection, direction, number * STEP_NS, data))


@functools.cache
def script() -> str:
    """The dissector's text, made once."""
    return dissector()


def tshark(folder: Path, *arguments: str) -> str:
    """Run tshark with our dissector, without what its user has set or installed, and give its output."""
    plugin = folder / "tws.lua"
    plugin.write_text(script(), "utf-8", newline="\n")
    assert TSHARK is not None
    done = subprocess.run(
        [TSHARK, "-X", f"lua_script:{plugin}", *arguments],
        capture_output=True,
        env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "WIRESHARK_CONFIG_DIR": str(folder), "LC_ALL": "C.UTF-8"},
        timeout=PATIENCE,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Lua" not in done.stderr, done.stderr
    assert "Lua Error" not in done.stdout, done.stdout[done.stdout.index("Lua Error") :][:300]
    return done.stdout


def dissected(path: Path, *arguments: str) -> list[list[Pairs]]:
    """The frames that our dissector found in each packet with data, as it shows them."""
    shown = tshark(path.parent, "-r", str(path), "-Y", "tcp.len > 0", "-T", "json", "-J", "tws", *arguments)
    packets = json.loads(shown, object_pairs_hook=list)
    return [[layer for name, layer in layers_of(packet) if name == "tws"] for packet in packets]


def layers_of(packet: Pairs) -> Pairs:
    """The layers of a packet."""
    layers: Pairs = dict(dict(packet)["_source"])["layers"]
    return layers


def values_of(pairs: Sequence[tuple[str, Any]]) -> list[tuple[str, str]]:
    """Each name of ours with its value, in order, those inside others behind them."""
    found: list[tuple[str, str]] = []
    for name, value in pairs:
        if isinstance(value, str):
            found.append((name, value))
        elif isinstance(value, list):
            found += values_of(value) if all(isinstance(each, tuple | list) and len(each) == 2 for each in value) else []
    return found


def first(pairs: Sequence[tuple[str, Any]], name: str) -> str | None:
    """The first value of a name."""
    return next((value for found, value in values_of(pairs) if found == name), None)
