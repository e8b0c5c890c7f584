"""What answers is known by its first bytes."""

from __future__ import annotations

import pytest

from twsprobe.probing.service import identify


@pytest.mark.parametrize(
    ("data", "service"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "http"),
        (b"  <!DOCTYPE html><html>", "http"),
        (b"<html><body>", "http"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "ssh"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
        (b"\x16\x03\x03\x00\x7a", "tls"),
        (b"RFB 003.008\n", "other"),
        (b"220 mail.example ESMTP\r\n", "other"),
        (b"", None),
        (b"abc", None),
        (b"\x7f\xff\xff\xff1", None),
        (b"\x00\x00\x00\x1a178\x0020260102", None),
        (b"\x15\x04\x01", None),
        (b"caf\xc3\xa9 au lait\n", None),
    ],
)
def test_service(data: bytes, service: str | None) -> None:
    assert identify(data) == service
