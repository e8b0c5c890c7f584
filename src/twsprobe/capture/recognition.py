"""Whether a TCP connection of a capture carries the TWS protocol, and which of its ends is the server.

The end that answered a SYN is the server. Of a connection that began before the capture it is said, in this order, by the API prefix,
which only clients send; by a port that TWS or IB Gateway listens on by default; by which way the messages go that it carries; and
otherwise by the lower port. A connection with such a port is always kept, for what comes to it is of interest even where it is no TWS.
Any other is left out if its client does not begin with the prefix, or, where that was not seen, if there are no two messages in a row
in its first ``LOOKED_AT`` bytes.

Ports: TWS 7496 and 7497, IB Gateway 4001 and 4002; 4003 and 4004 are what the common container images publish for it, 7498 and 7499
what people give to a second TWS.
"""

from __future__ import annotations

import enum

from twsprobe.capture.packets import Endpoint
from twsprobe.wire.framing import Direction, Framer
from twsprobe.wire.guess import VersionGuess, odd
from twsprobe.wire.handshake import PREFIX
from twsprobe.wire.resync import Search

PORTS = frozenset((7496, 7497, 4001, 4002, 4003, 4004, 7498, 7499))
LOOKED_AT = 128 << 10
"""Bytes of a connection, in both directions together, in which messages are looked for."""
MOST_JUDGED = 32
"""Messages of a direction by which the server is told."""


class Sign(enum.Enum):
    """What told the server, in words that end in "tells the server"."""

    HANDSHAKE = "the handshake of TCP"
    PREFIX = "the client's API prefix"
    PORT = "its known port"
    MESSAGES = "the way of its messages"
    LOWER_PORT = "the lower port"


class Recognition:
    """What is known of a connection so far. Its ends are 0 and 1; ``client`` is the one that began it, None where that was not seen.

    ``is_tws`` is None as long as it is open. Once it is true, ``server`` is the server's end and ``sign`` what told.
    """

    def __init__(self, ends: tuple[Endpoint, Endpoint], client: int | None) -> None:
        self.is_tws: bool | None = None
        self.server = 0 if ends[0].port <= ends[1].port else 1
        self.sign = Sign.LOWER_PORT
        self._known = [end.port in PORTS for end in ends]
        self._whole = client is not None
        self._seen = (bytearray(), bytearray())
        self._looked = 0
        self._searches = {(sender, direction): Search(direction, None) for sender in (0, 1) for direction in Direction}
        if client is not None:
            self._tell(1 - client, Sign.HANDSHAKE, any(self._known) or None)
        elif self._known[0] != self._known[1]:
            self._tell(self._known.index(True), Sign.PORT, True)

    def look(self, sender: int, data: bytes) -> None:
        """Take the next bytes that one end sent."""
        if self.sign is Sign.PORT and not self._looked and data.startswith(PREFIX):
            self._tell(1 - sender, Sign.PREFIX, True)
        if self.is_tws is not None:
            self._looked += len(data)
            return
        seen = self._seen[sender]
        first = not seen
        seen += data
        self._looked += len(data)
        if self._whole:
            if (sender != self.server and len(seen) >= len(PREFIX)) or self._looked >= LOOKED_AT:
                self._tell(self.server, self.sign, self._seen[1 - self.server].startswith(PREFIX))
        elif first and seen.startswith(PREFIX):
            self._tell(1 - sender, Sign.PREFIX, True)
        elif self._shows(sender, data, final=False):
            self._judge()
        elif self._looked >= LOOKED_AT:
            self.conclude()

    def miss(self, sender: int) -> None:
        """Bytes that one end sent are not there: what comes next need not be the prefix."""
        self._whole = self._whole and sender == self.server

    def conclude(self) -> None:
        """Nothing more comes: whatever is still open is decided."""
        if self.is_tws is not None:
            return
        shows = [not self._whole and self._shows(sender, b"", final=True) for sender in (0, 1)]
        if any(shows) or all(self._known):
            self._judge()
        else:
            self._tell(self.server, self.sign, False)

    def _tell(self, server: int, sign: Sign, is_tws: bool | None) -> None:
        self.server, self.sign, self.is_tws = server, sign, is_tws
        if is_tws is not None:
            self._seen = (bytearray(), bytearray())
            self._searches.clear()

    def _shows(self, sender: int, data: bytes, *, final: bool) -> bool:
        """Whether there are messages in what an end sent, if it is one or the other side."""
        found = [self._searches[sender, direction].feed(data, final=final) for direction in Direction]
        return any(place is not None for place in found)

    def _judge(self) -> None:
        """It is TWS. Say which end is the server, where that is open, by how many messages decode that way and the other."""
        fitting = [self._fitting(server) for server in (0, 1)]
        if self.sign is Sign.HANDSHAKE or fitting[0] == fitting[1]:
            self._tell(self.server, self.sign, True)
        else:
            self._tell(fitting.index(max(fitting)), Sign.MESSAGES, True)

    def _fitting(self, server: int) -> int:
        """How many messages of both ends decode at one version, if this end is the server."""
        messages: list[tuple[Direction, bytes]] = []
        for sender in (0, 1):
            direction = Direction.TO_CLIENT if sender == server else Direction.TO_SERVER
            place = Search(direction, None).feed(bytes(self._seen[sender]), final=True)
            if place is not None:
                messages += [(direction, payload) for payload in Framer().feed(place.rest)[:MOST_JUDGED]]
        guess = VersionGuess()
        for message in messages:
            guess.fit(*message)
        return sum(guess.version is not None and not odd(*message, guess.version) for message in messages)
