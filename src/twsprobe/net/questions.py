"""What may be asked of a peer that has not answered the API greeting, to learn what it is: a closed list, and nothing that a TWS acts on.

A web server says nothing to the API greeting, which holds no end of a line; a TLS server waits for the rest of a record. Each answers its
own protocol's opening at once. To a TWS both are a greeting that it does not understand.
"""

from __future__ import annotations

from enum import Enum


def _client_hello() -> bytes:
    """The smallest opening of TLS that every server answers: with its own hello, or with an alert (RFC 8446, 4.1.2; RFC 5246, 7.4.1.2)."""

    def sized(length: int, data: bytes) -> bytes:
        return len(data).to_bytes(length, "big") + data

    suites = b"\x13\x01\x13\x02\x13\x03\xc0\x2b\xc0\x2f\xc0\x2c\xc0\x30\x00\x9c\x00\x2f"
    groups = b"\x00\x0a" + sized(2, sized(2, b"\x00\x1d\x00\x17"))
    signatures = b"\x00\x0d" + sized(2, sized(2, b"\x04\x03\x08\x04\x04\x01"))
    # The client's random number protects nothing here: no handshake is ever finished.
    body = b"\x03\x03" + bytes(range(32)) + sized(1, b"") + sized(2, suites) + b"\x01\x00" + sized(2, groups + signatures)
    return b"\x16\x03\x01" + sized(2, b"\x01" + sized(3, body))


class Question(Enum):
    """The opening of another protocol."""

    HTTP = b"GET / HTTP/1.0\r\n\r\n"
    TLS = _client_hello()
