"""What answers on a port, when it is not TWS: known by the first bytes."""

from __future__ import annotations

from typing import Literal

Service = Literal["http", "tls", "ssh", "other"]

TLS_RECORDS = (0x14, 0x15, 0x16, 0x17)
"""Content types of a TLS record: change cipher spec, alert, handshake, application data (RFC 8446)."""


def identify(data: bytes) -> Service | None:
    """The service whose first bytes these are; ``other`` for a line of text of some other protocol, None for bytes that say nothing."""
    if data.startswith(b"HTTP/") or data[:64].lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "http"
    if data.startswith(b"SSH-"):
        return "ssh"
    if len(data) >= 3 and data[0] in TLS_RECORDS and data[1] == 3 and data[2] <= 4:
        return "tls"
    line = data.split(b"\n", 1)[0].rstrip(b"\r")
    return "other" if len(line) >= 4 and all(32 <= byte < 127 or byte == 9 for byte in line) else None
