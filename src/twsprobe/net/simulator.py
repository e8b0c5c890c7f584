"""A TWS without TWS: what a client of any server version from 100 to 226 would see of a real one, over any Trio stream.

All that is said comes from the declarations of messages at the negotiated version, so that it is text or protobuf as TWS would send it.
Where the behaviour of TWS is known only from documents or from what clients report, it is likely and not certain: silence for a client
that does not open as it should; an error (320 unreadable, 321 not served) and no close for a request that cannot be answered, which
is what TWS does since "Maintain connection upon receiving incorrectly formatted fields" is on by default; error 100 once for each second
with too many messages, the rest of which is dropped, and a close at the third. What clients subscribe to goes on between their requests,
each at its own rate; orders that they place stand in a book that all of them share, as long as the simulator lives.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

import trio

from twsprobe.capture.model import Close
from twsprobe.net.account import Account, Fields, simulated_account
from twsprobe.net.address import Address
from twsprobe.net.answers import ANSWERS
from twsprobe.net.asked import Asked, Feed, Said, State, Subscription, error
from twsprobe.net.connection import Recorder
from twsprobe.net.delivery import Delivery, Outbox
from twsprobe.net.fault_forms import Fault
from twsprobe.net.fitting import encode_fitting
from twsprobe.net.pace import MAX_RATE, STRIKES, Pace, Verdict
from twsprobe.net.recording import Tell, recorded
from twsprobe.net.scenario_table import SCENARIOS
from twsprobe.net.script import Begin, Drip, Greet, Raw, Say, Script, Steps, Usual, Wait
from twsprobe.net.serving import LOOPBACK, Serve, close, listening
from twsprobe.wire.conversation import Conversation
from twsprobe.wire.events import Decoded, Event, Undecodable, Unknown, VersionOffered
from twsprobe.wire.framing import Direction
from twsprobe.wire.handshake import greeting
from twsprobe.wire.message import EncodeError
from twsprobe.wire.registry import BY_NAME
from twsprobe.wire.tokens import Malformed
from twsprobe.wire.versions import HIGHEST, LOWEST

READ_SIZE = 65536
PACED = "+PACEAPI"
"""The connect option that asks TWS to hold messages back rather than to refuse them."""
FARMS = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)

Observer = Callable[[int, Event], None]
"""Told of every event from a client, with the number of its connection."""


class Simulator:
    """A TWS for many clients, each served by ``serve``. ``clients`` are the sessions that have started, by client id.

    ``scenario`` is a name in ``SCENARIOS``, or a script. ``delivery`` is how messages are cut into sends: "message", "byte" or "whole".
    ``clock`` gives nanoseconds since the epoch. Raises ValueError for a server version outside 100 to 226, an unknown scenario
    (or one that has no server) or delivery.
    """

    def __init__(
        self,
        server_version: int = int(HIGHEST),
        scenario: str | Script = "ready",
        delivery: str = "message",
        account: Account | None = None,
        observer: Observer | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        if not LOWEST <= server_version <= HIGHEST:
            raise ValueError(f"server version {server_version} is not among {int(LOWEST)} to {int(HIGHEST)}")
        self.script = script_of(scenario) if isinstance(scenario, str) else scenario
        self.server_version, self.observer, self.clock = server_version, observer, clock
        self.delivery = self.script.delivery or Delivery(delivery)
        self.state = State(account or simulated_account(self.script.account_code))
        self.clients: dict[int, Session] = {}
        self._numbers = itertools.count(1)

    @property
    def subscriptions(self) -> set[Subscription]:
        """What clients are subscribed to."""
        return set(self.state.subscriptions)

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one client until it leaves or is sent away, and close the stream."""
        session = Session(self, stream, next(self._numbers))
        try:
            await session.run()
        except (trio.BrokenResourceError, Closed):
            pass  # the client went away in the middle of something, or was sent away
        finally:
            if session.client_id is not None:
                del self.clients[session.client_id]
                self.state.forget(session.client_id)
            await trio.aclose_forcefully(stream)

    def is_taken(self, client_id: int) -> bool:
        """Whether a client id is in use."""
        return client_id in self.clients or client_id in self.script.taken


def script_of(name: str) -> Script:
    """The script of a scenario. Raises ValueError."""
    scenario = SCENARIOS.get(name)
    if scenario is None:
        raise ValueError(f"no scenario is called {name}; there are {', '.join(SCENARIOS)}")
    if scenario.script is None:
        raise ValueError(f"scenario {name} is about what happens before a server is reached; scenario_target sets it up")
    return scenario.script


def unserved(reason: str) -> Said:
    """What a client hears of a request that is understood and not served."""
    return error(321, f"Error validating request.-'sim' : cause - {reason}")


class Closed(Exception):
    """The server has closed the connection."""


class Session:
    """One connection to one client. ``client_id`` is None until startApi was accepted."""

    def __init__(self, simulator: Simulator, stream: trio.abc.Stream, number: int) -> None:
        self.simulator, self.script, self.stream, self.number = simulator, simulator.script, stream, number
        self.conversation = Conversation()
        self.client_id: int | None = None
        self.offer: VersionOffered | None = None
        self.pace = Pace()
        self.outbox = Outbox(stream, simulator.delivery)

    @property
    def version(self) -> int:
        """The version that this connection speaks; 0 before the greeting."""
        return self.conversation.server_version or 0

    async def run(self) -> None:
        """Serve until the client closes. Raises Closed, and ``trio.BrokenResourceError`` where the client broke off."""
        await self.perform(self.script.on_connect)
        while True:
            await self.outbox.flush()
            data = await self.receive()
            if data is None:
                await self.go_on()
                continue
            if not data:
                return
            for event in self.conversation.feed(Direction.TO_SERVER, data):
                if self.simulator.observer is not None:
                    self.simulator.observer(self.number, event)
                await self.take(event)

    async def receive(self) -> bytes | None:
        """The client's next bytes, none once it has closed; None where something that it subscribed to is due first."""
        with trio.move_on_at(min((self.due(feed) for feed in self.feeds()), default=math.inf)):
            return bytes(await self.stream.receive_some(READ_SIZE))
        return None

    def feeds(self) -> list[Feed]:
        """What goes on for the client."""
        return self.simulator.state.feeds(self.client_id) if self.client_id is not None else []

    def due(self, feed: Feed) -> float:
        """When a feed is due on Trio's clock; a new one after its period."""
        if feed.due is None:
            feed.due = trio.current_time() + feed.period
        return feed.due

    async def go_on(self) -> None:
        """Say what is due of the client's subscriptions. One that comes late is not made up for."""
        for feed in self.feeds():
            if self.due(feed) <= trio.current_time():
                feed.due = trio.current_time() + feed.period
                await self.say_all(next(feed.messages, ()))

    async def take(self, event: Event) -> None:
        """Do what an event from the client asks for. What does not open a connection as TWS knows it is met with silence."""
        if isinstance(event, VersionOffered):
            self.offer = event
            if event.maximum >= LOWEST:
                await self.perform(self.script.on_offer)
        elif self.version < LOWEST or not isinstance(event, Decoded | Unknown | Undecodable):
            return
        elif self.client_id is None:
            # Requests that come before startApi are dropped (IBKR documentation).
            if isinstance(event, Decoded) and event.name == "startApi":
                await self.start(event.fields.get("clientId") or 0)
        elif self.script.serves and await self.keeps_pace():
            await self.answer(event)

    async def start(self, client_id: int) -> None:
        """Begin the session, or send a client away whose id is in use. Raises Closed."""
        if self.simulator.is_taken(client_id):
            if self.script.says_taken:
                await self.say(*error(326, "Unable to connect as the client id is already in use. Retry with a unique client id."))
            await self.close(Close.FIN)
        self.client_id = client_id
        self.simulator.clients[client_id] = self
        await self.perform(self.script.on_start)

    async def keeps_pace(self) -> bool:
        """Whether a message came at an allowed rate. Raises Closed for a client that has broken the rate too often."""
        if self.offer is not None and PACED in self.offer.connect_options:
            await self.outbox.flush()
            await trio.sleep_until(self.pace.due())
            return True
        verdict = self.pace.count()
        if verdict is Verdict.STRIKE:
            text = f"Max rate of messages per second has been exceeded: max={MAX_RATE} ({self.pace.strikes})"
            await self.say(*error(100, text))
            if self.pace.strikes == STRIKES:
                await self.close(Close.FIN)
        return verdict is Verdict.ALLOWED

    async def answer(self, event: Decoded | Unknown | Undecodable) -> None:
        """Answer a request, or say why not. A second startApi is ignored."""
        if isinstance(event, Decoded):
            if event.name in ANSWERS and self.version >= BY_NAME[Direction.TO_SERVER, event.name].since:
                await self.serve_request(event)
            elif event.name != "startApi":
                await self.say(*unserved(f"{event.name} is not served at server version {self.version}"))
        elif isinstance(event, Unknown) and event.id is not None:
            # TWS knows more requests than the simulator; to leave them unanswered would look like a stalled TWS.
            await self.say(*unserved(f"message {event.id} is not simulated"))
        else:
            await self.say(*error(320, f"Error reading request. {event.reason}"))

    async def serve_request(self, request: Decoded) -> None:
        """Answer a request that can be answered. Raises Closed."""
        try:
            await self.perform(self.script.on_request.get(request.name, (Usual.ANSWER,)), request)
        except (EncodeError, Malformed) as fault:
            # A client may send as protobuf what this version says in text, which cannot say every value of it back.
            await self.say(*error(320, f"Error reading request. {fault.reason}"))

    async def perform(self, steps: Steps, request: Decoded | None = None) -> None:
        """Take steps one after the other, on account of ``request`` where there is one. Raises Closed."""
        for step in steps:
            match step:
                case Usual():
                    await self.say_all(self.usual(step, request))
                case Begin(messages):
                    await self.say_all(itertools.islice(self.usual(Usual.ANSWER, request), messages))
                case Greet():
                    await self.greet(step)
                case Say(name, fields):
                    await self.say(name, fields)
                case Raw(data):
                    await self.outbox.send(data if isinstance(data, bytes) else data(self.version))
                case Wait(seconds):
                    await self.outbox.flush()
                    await trio.sleep(seconds)
                case Drip(data, pause):
                    await self.drip(data, pause)
                case Close():
                    await self.close(step)

    def usual(self, step: Usual, request: Decoded | None) -> Iterable[Said]:
        """What a usual step says."""
        if step is Usual.FARMS:
            return [error(code, text) for code, text in FARMS]
        name = {Usual.ACCOUNTS: "reqManagedAccts", Usual.ORDER_ID: "reqIds"}.get(step, request.name if request else "")
        fields = request.fields if request else {}
        client_id = self.client_id or 0
        return ANSWERS[name](Asked(fields, client_id, self.version, self.simulator.state, self.simulator.clock()))

    async def greet(self, step: Greet) -> None:
        """Answer the offer; the connection speaks the answer's version from here on."""
        assert self.offer is not None
        version = min(self.simulator.server_version, self.offer.maximum) if step.version is None else step.version
        now = time.strftime("%Y%m%d %H:%M:%S ", time.gmtime(self.simulator.clock() // 10**9))
        frame = greeting(version, now.encode("ascii") + step.zone)
        self.conversation.feed(Direction.TO_CLIENT, frame)
        await self.outbox.send(frame)

    async def drip(self, data: bytes, pause: float) -> None:
        """Send bytes slowly until the client has gone. Raises ``trio.BrokenResourceError`` then."""
        await self.outbox.flush()
        for byte in itertools.cycle(data):
            await self.stream.send_all(bytes((byte,)))
            await trio.sleep(pause)

    async def say_all(self, messages: Iterable[Said]) -> None:
        """Send several messages."""
        for name, fields in messages:
            await self.say(name, fields)

    async def say(self, name: str, fields: Fields) -> None:
        """Send a message, unless the script withholds it."""
        if name not in self.script.withheld:
            if name == "error":
                fields = fields | {"errorTime": self.simulator.clock() // 10**6}
            await self.outbox.send(encode_fitting(name, self.version, fields))

    async def close(self, how: Close) -> None:
        """End the connection. Raises Closed."""
        await self.outbox.flush()
        await close(self.stream, how)
        raise Closed


@asynccontextmanager
async def simulator(
    *,
    server_version: int = int(HIGHEST),
    scenario: str | Script = "ready",
    host: str = LOOPBACK,
    port: int = 0,
    delivery: str = "message",
    account: Account | None = None,
    observer: Observer | None = None,
    faults: Iterable[Fault | str] = (),
    note: Tell | None = None,
    recorder: Recorder | None = None,
) -> AsyncIterator[Address]:
    """A simulated TWS that listens while the block runs; gives its address. It listens on loopback unless ``host`` says otherwise.

    Port 0 takes a free one. ``faults`` are injected, by their text or as ``fault_forms``, and ``note`` is told of each; ``recorder`` takes
    what passes. Raises ValueError as ``Simulator`` does, FaultError (a ValueError) for a text that is no fault, and OSError where the
    address cannot be listened on.
    """
    server = Simulator(server_version, scenario, delivery, account, observer)
    async with listening(served(server.serve, tuple(faults), note, recorder), host, port) as address:
        yield address


def served(serve: Serve, faults: tuple[Fault | str, ...], note: Tell | None, recorder: Recorder | None) -> Serve:
    """Serve with faults, recorded, or as it is. Raises FaultError."""
    if recorder is not None:
        return recorded(serve, recorder, faults, note)
    if not faults:
        return serve
    from twsprobe.net.faults import faulty

    return faulty(serve, faults, note)
