"""The stages of a run, from a name to a session that answers.

The order and the pauses are chosen for what they give away. Before the prefix goes out the probe listens for a moment: a forwarder
whose backend is dead closes by itself, and a service that speaks first says what it is. After startApi it sends nothing until TWS has
said that it is ready, because requests that come earlier are dropped. Then one request of the time proves that requests are answered,
and, as messages keep their order, that everything TWS had to say at the start has arrived.
"""

from __future__ import annotations

import importlib
import sys
from functools import partial

import trio

from twsprobe.net.connection import Connection, PeerClosed
from twsprobe.probing.options import LISTEN, LISTEN_LOOPBACK, LOWEST_OFFER
from twsprobe.probing.run import Failed, Run, family_of, understood
from twsprobe.probing.signatures import Signature
from twsprobe.wire.events import Decoded, Event, Greeted, SyncLost

READY_MESSAGES = ("managedAccounts", "nextValidId")
"""What TWS sends unasked when a session is ready, in either order."""
LOST, RESTORED = frozenset({1100, 2110}), frozenset({1101, 1102})
"""Notices that TWS has lost its own link to IBKR, and that it is back."""


async def resolve_stage(run: Run) -> str:
    """Find the addresses of the target's host. Raises Unresolved."""
    run.addresses = await run.resolve(run.host, run.port)
    return ", ".join(ip for ip, _ in run.addresses)


async def connect_stage(run: Run) -> str:
    """Open the connection. Raises NoConnection."""
    dialed = await run.dial(run.addresses, run.limit(run.current_stage) - trio.current_time())
    run.connection = Connection(dialed.stream, number=run.number, client=dialed.client, server=dialed.server, recorder=run.recorder)
    run.connections_opened += 1
    run.note(
        address=dialed.server,
        local_address=dialed.client,
        family=family_of(dialed.server),
        attempts=tuple((attempt.address[0], attempt.outcome.value if attempt.outcome else "connected") for attempt in dialed.attempts),
    )
    seen = f", and sees us as {dialed.client[0]}" if dialed.client else ""
    return f"{dialed.server[0]} answered{seen}"


MESSAGES = "twsprobe.net.policy"
"""The module that brings all declared messages with it."""


def load_messages() -> None:
    """Import the messages while the line is quiet anyway."""
    importlib.import_module(MESSAGES)


async def listen(run: Run) -> None:
    """Give the peer a moment to close or to speak before anything is sent. Raises PeerClosed and Failed."""
    said: list[Event] = []
    with trio.move_on_after(LISTEN_LOOPBACK if run.observation.loopback else LISTEN):
        while not any(isinstance(event, SyncLost) for event in said):
            said += await run.events()
    for event in said:
        await understood(run, event)


async def handshake_stage(run: Run) -> str:
    """Offer versions and take the server's answer. Raises PeerClosed and Failed."""
    spoke: Failed | PeerClosed | None = None
    async with trio.open_nursery() as nursery:
        if MESSAGES not in sys.modules:
            nursery.start_soon(partial(trio.to_thread.run_sync, load_messages, abandon_on_cancel=True))
        try:
            await listen(run)
        except (Failed, PeerClosed) as fault:
            spoke = fault
            # What happened, happened now: the verdict does not wait for the import.
            nursery.cancel_scope.cancel()
    if spoke is not None:
        raise spoke
    run.note(prefix_sent=True)
    options = run.options
    run.sent(await run.open.send_offer(options.minimum, options.maximum, options.connect_options))
    while True:
        for event in await run.events():
            await understood(run, event)
            if isinstance(event, Greeted):
                return greeted(run, event)


def greeted(run: Run, event: Greeted) -> str:
    """Judge the server's answer. Raises Failed."""
    if event.server_version < 0:
        run.note(redirect=event.redirect)
        raise Failed(Signature.REDIRECTED, "the server names another address")
    run.note(server_version=event.server_version, server_time=event.time, time_zone=event.zone)
    low, high = run.options.minimum, run.options.highest
    if not max(low, LOWEST_OFFER) <= event.server_version <= high:
        raise Failed(Signature.VERSION_UNSUPPORTED, f"version {event.server_version}, offered were {low} to {high}")
    return f"server version {event.server_version}"


async def start_stage(run: Run) -> str:
    """Start the session and wait until TWS says that it is ready. Raises PeerClosed and Failed."""
    run.note(start_sent=True, missing=READY_MESSAGES)
    run.sent(await run.open.send("startApi", clientId=run.client_id))
    missing = set(READY_MESSAGES)
    while missing:
        for event in await run.events():
            await understood(run, event)
            if isinstance(event, Decoded) and event.name in missing:
                missing.discard(event.name)
                started(run, event)
        run.note(missing=tuple(name for name in READY_MESSAGES if name in missing))
    accounts = run.observation.accounts
    return f"{len(accounts)} account{'s' if len(accounts) != 1 else ''}, next order id {run.observation.next_order_id}"


def started(run: Run, event: Decoded) -> None:
    """Note what TWS says when a session is ready."""
    if event.name == "managedAccounts":
        listed = str(event.fields.get("accountsList") or "")
        run.note(accounts=tuple(account.strip() for account in listed.split(",") if account.strip()))
    else:
        run.note(next_order_id=event.fields.get("orderId"))


async def ready_stage(run: Run) -> str:
    """Ask for the time, and judge what TWS said about its own link by then. Raises PeerClosed and Failed."""
    run.sent(await run.open.send("reqCurrentTime"))
    detail = "the time was not answered, requests may be ignored"
    answered = False
    with trio.move_on_at(run.limit(run.current_stage)):
        while not answered:
            for event in await run.events():
                if isinstance(event, Decoded) and event.name == "currentTime":
                    answered, detail = True, "requests are answered"
    backend = [code for code, _ in run.observation.notices if code in LOST | RESTORED]
    if backend and backend[-1] in LOST:
        raise Failed(Signature.BACKEND_LOST, f"notice {backend[-1]}")
    return detail
