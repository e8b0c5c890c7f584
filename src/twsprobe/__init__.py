"""twsprobe: find out why a program cannot connect to Trader Workstation or IB Gateway.

The names below are the library. They load on first use, because Trio and construct take longer to import than most scripts run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twsprobe.capture.model import CaptureError, Chunk, Closed, Gap, Note, Opened
    from twsprobe.capture.reading import open_capture
    from twsprobe.net.simulator import simulator
    from twsprobe.probing.options import Options
    from twsprobe.probing.probe import probe, probe_sync
    from twsprobe.probing.report import ProbeReport
    from twsprobe.wire.conversation import Conversation
    from twsprobe.wire.events import Decoded, Undecodable, Unknown
    from twsprobe.wire.framing import Direction
    from twsprobe.wire.message import EncodeError
    from twsprobe.wire.registry import decode, encode
    from twsprobe.wire.stream import stream

__version__ = "0.1.0"

_HOMES = {
    "CaptureError": "capture.model",
    "Chunk": "capture.model",
    "Closed": "capture.model",
    "Conversation": "wire.conversation",
    "Decoded": "wire.events",
    "Direction": "wire.framing",
    "EncodeError": "wire.message",
    "Gap": "capture.model",
    "Note": "capture.model",
    "Opened": "capture.model",
    "Options": "probing.options",
    "ProbeReport": "probing.report",
    "Undecodable": "wire.events",
    "Unknown": "wire.events",
    "decode": "wire.registry",
    "encode": "wire.registry",
    "open_capture": "capture.reading",
    "probe": "probing.probe",
    "probe_sync": "probing.probe",
    "simulator": "net.simulator",
    "stream": "wire.stream",
}

__all__ = [
    "CaptureError",
    "Chunk",
    "Closed",
    "Conversation",
    "Decoded",
    "Direction",
    "EncodeError",
    "Gap",
    "Note",
    "Opened",
    "Options",
    "ProbeReport",
    "Undecodable",
    "Unknown",
    "decode",
    "encode",
    "open_capture",
    "probe",
    "probe_sync",
    "simulator",
    "stream",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'twsprobe' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"twsprobe.{_HOMES[name]}"), name)
