"""A server for GET and HEAD, just large enough for a scraper (RFC 9112), and bounded against everybody else.

One request a connection: the head in at most ``MOST_HEAD`` bytes and ``HEAD_TIMEOUT`` seconds, no body, at most ``MOST_CLIENTS`` at a time.
What does not keep to the grammar gets its status and the close; nothing of it is repeated in the answer, and nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

import trio

from twsprobe.net.serving import close_with_fin

MOST_HEAD = 8192
HEAD_TIMEOUT, ANSWER_TIMEOUT, SEND_TIMEOUT = 5.0, 30.0, 10.0
MOST_CLIENTS = 16
MOST_FIELDS = 8
END = b"\r\n\r\n"
_REQUEST_LINE = re.compile(rb"([A-Za-z]{1,16}) (/[!-~]*) HTTP/(\d)\.(\d)")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):[ \t]*([\t -~\x80-\xff]*)")
_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
PLAIN = "text/plain; charset=utf-8"


class Request(NamedTuple):
    """What was asked for: the path, decoded, and the query's fields, of each name the last."""

    path: str
    query: Mapping[str, str] = MappingProxyType({})


class Response(NamedTuple):
    """An answer."""

    status: int
    body: bytes
    content_type: str = PLAIN


Answer = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """A request is not answered; ``response`` says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = Response(status, f"{text}\n".encode())


class HttpServer:
    """Answers requests by ``answer``. ``serve`` takes one connection, and is for ``net.serving.listening``."""

    def __init__(self, answer: Answer, most_clients: int = MOST_CLIENTS) -> None:
        self._answer, self._most_clients = answer, most_clients
        self.clients = 0

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection to its end."""
        self.clients += 1
        try:
            response, head_only = await self._respond(stream)
            if response is not None:
                with trio.move_on_after(SEND_TIMEOUT):
                    await stream.send_all(encoded(response, head_only=head_only))
                    await close_with_fin(stream)
        except trio.BrokenResourceError:
            pass  # the client has gone
        finally:
            self.clients -= 1
            await trio.aclose_forcefully(stream)

    async def _respond(self, stream: trio.abc.Stream) -> tuple[Response | None, bool]:
        """The response, None where nothing was asked, and whether its body is not wanted. Raises ``trio.BrokenResourceError``."""
        head: bytes | None = None
        try:
            if self.clients > self._most_clients:
                raise Refused(503, "too many clients at a time")
            with trio.move_on_after(HEAD_TIMEOUT) as reading:
                head = await read_head(stream)
            if reading.cancelled_caught:
                raise Refused(408, "the request did not become whole in time")
            if head is None:
                return None, False
            request, head_only = parse(head)
            with trio.move_on_after(ANSWER_TIMEOUT):
                return await self._answer(request), head_only
            raise Refused(503, "the answer took too long")
        except Refused as fault:
            return fault.response, False


async def read_head(stream: trio.abc.Stream) -> bytes | None:
    """A request's head without its end; None where the client closed before. Raises Refused."""
    data = bytearray()
    while END not in data:
        if len(data) > MOST_HEAD:
            raise Refused(431, f"a request's head has at most {MOST_HEAD} bytes")
        received = await stream.receive_some(MOST_HEAD)
        if not received:
            return None
        data += received
    head = bytes(data).partition(END)[0]
    if len(head) > MOST_HEAD:
        raise Refused(431, f"a request's head has at most {MOST_HEAD} bytes")
    return head


def parse(head: bytes) -> tuple[Request, bool]:
    """The request of a head, and whether it is HEAD. Raises Refused."""
    first, *lines = head.split(b"\r\n")
    found = _REQUEST_LINE.fullmatch(first)
    if found is None:
        raise Refused(400, "the first line is no request")
    method, target, major, minor = found.groups()
    if major != b"1":
        raise Refused(505, "HTTP/1.1 is spoken here")
    fields: list[tuple[bytes, bytes]] = []
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            raise Refused(400, "a header field is malformed")
        fields.append((field[1].lower(), field[2].strip()))
    names = [name for name, _ in fields]
    if names.count(b"host") > 1 or (minor != b"0" and b"host" not in names):
        raise Refused(400, "a request has one Host field")
    if b"transfer-encoding" in names or any(name == b"content-length" and value != b"0" for name, value in fields):
        raise Refused(400, "a request has no body here")
    if method not in (b"GET", b"HEAD"):
        raise Refused(405, "only GET and HEAD are allowed")
    path, _, query = target.decode("ascii").partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refused(400, "the query has too many fields") from None
    return Request(unquote(path), dict(pairs)), method == b"HEAD"


def encoded(response: Response, *, head_only: bool = False) -> bytes:
    """A response as it goes out."""
    fields = [
        f"HTTP/1.1 {response.status} {_REASONS[response.status]}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        "Connection: close",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
    ]
    if response.status == 405:
        fields.append("Allow: GET, HEAD")
    return "\r\n".join(fields).encode("ascii") + END + (b"" if head_only else response.body)
