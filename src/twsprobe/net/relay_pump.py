"""Moving the bytes of one connection between its two sockets, by a thread of its own.

An event loop for all connections adds its turn to every message, and Trio's several times what the system calls take. A thread that polls
just two sockets adds next to nothing; one for both directions, and not one each, because a conversation goes to and fro: the same thread
stays awake for the answer, no other has to be woken, and none waits for the interpreter. An answer often comes at once, sooner than a
thread falls asleep and is woken, so it looks a few times before it sleeps. It also sees all that happens to a socket: the system tells of a
reset only once, be it to a read or to a write.

Sockets do not block. What a receiver does not take at once is held, and nothing more is read for it until it has: that is how backpressure
is passed on, with at most one read held. How a connection ends is passed on as it came:

- FIN: the sending half towards the receiver is ended, and the other direction goes on as long as it likes.
- RST: what the resetting side said before is forwarded as far as it can still be read; then both sockets are set to reset on close
  (SO_LINGER of 0 seconds).
- We end: both sockets are shut down, so both peers see a FIN. That also wakes the thread from its poll. Known doubt: a system may not wake
  it, which is why no poll lasts longer than ``LONGEST_POLL``.
"""

from __future__ import annotations

import enum
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from twsprobe.capture.model import CaptureError, Chunk, Close, Closed, Record
from twsprobe.net.connection import Recorder
from twsprobe.net.polling import IN, OUT, Poller, best_poller
from twsprobe.net.serving import NO_LINGER
from twsprobe.wire.framing import Direction

READ_SIZE = 61440
"""Bytes: what one packet of a capture holds, see ``capture.segments``."""
LONGEST_POLL = 500
"""Milliseconds."""
LOOKS = 50 if (os.cpu_count() or 1) > 1 else 0
"""How often a thread looks for more before it sleeps, about 0.1 ms in all; on a single processor that would keep the peers from running."""


class OnRecordError(enum.Enum):
    """What becomes of the traffic once it cannot be recorded any more."""

    CLOSE = "close"
    """Every connection is closed: nothing passes that is not in the capture."""
    PASS = "pass"  # noqa: S105  # a word, no secret
    """Traffic goes on without being recorded."""


class Tape:
    """The one recorder of all connections, and who is told of each record in the order of the capture; usable from any thread.

    ``observer`` is called with the lock held and must return at once. ``warn`` is called once, with what went wrong, when recording ends.
    """

    def __init__(
        self,
        recorder: Recorder | None,
        *,
        policy: OnRecordError = OnRecordError.CLOSE,
        observer: Callable[[Record], None] | None = None,
        warn: Callable[[Exception], None] | None = None,
    ) -> None:
        self.failure: Exception | None = None
        self.lock = threading.Lock()
        self.awake = threading.Lock()
        """Held by the one thread that looks for more before it sleeps: several would only be in each other's way."""
        self._record = recorder.write if recorder is not None else None
        self._policy, self._observer, self._warn = policy, observer, warn
        self._goes_on = True
        self._raised = False

    def write(self, record: Record) -> bool:
        """Record; says whether what was recorded may go on its way."""
        with self.lock:
            return self.write_held(record)

    def write_held(self, record: Record) -> bool:
        """Record, for a caller that holds the lock."""
        if self._record is not None:
            try:
                self._record(record)
            except (CaptureError, OSError, ValueError) as fault:
                self.failure, self._record = fault, None
                self._goes_on = self._policy is OnRecordError.PASS
                if self._warn is not None:
                    self._warn(fault)
        if self._observer is not None and self._goes_on:
            self._observer(record)
        return self._goes_on

    def check(self) -> None:
        """Raises what recording failed with, once, where the traffic is to end with it."""
        if self.failure is not None and not self._goes_on and not self._raised:
            self._raised = True
            raise self.failure


class Way:
    """One direction of a connection, from ``source`` to ``sink``.

    ``held`` is what the sink has not taken yet, ``moved`` how many bytes it has.
    """

    def __init__(self, direction: Direction, source: socket.socket, sink: socket.socket) -> None:
        self.direction, self.source, self.sink = direction, source, sink
        self.receive, self.send = source.recv, sink.send
        self.held = memoryview(b"")
        self.moved = 0
        self.ended = False


class Link:
    """The two sockets of one connection, which must not block.

    ``run`` is for a thread; ``cut`` ends it from any other. ``over`` is set once nothing is to be moved any more.
    """

    def __init__(
        self,
        number: int,
        client: socket.socket,
        server: socket.socket,
        tape: Tape,
        poller: Callable[[], Poller] = best_poller,
    ) -> None:
        self.number, self.tape = number, tape
        self.over = False
        self._sockets = (client, server)
        to_server, to_client = Way(Direction.TO_SERVER, client, server), Way(Direction.TO_CLIENT, server, client)
        self._ways = (to_server, to_client)
        self._from = {client.fileno(): to_server, server.fileno(): to_client}
        self._to = {client.fileno(): to_client, server.fileno(): to_server}
        self._poller = poller()

    def run(self) -> None:
        """Move bytes both ways until both have ended. Never raises OSError."""
        for sock in self._sockets:
            self._poller.register(sock.fileno(), IN)
        # Every microsecond here is added to each message, so all is looked up before and called as directly as it goes.
        poll, write, lock = self._poller.poll, self.tape.write_held, self.tape.lock
        now, new, number = time.time_ns, tuple.__new__, self.number
        ways = {file: (way, way.receive, way.send, way.direction) for file, way in self._from.items()}
        awake = self.tape.awake
        while not self.over:
            found: list[tuple[int, int]] = []
            if LOOKS and awake.acquire(blocking=False):
                for _ in range(LOOKS):
                    found = poll(0)
                    if found:
                        break
                awake.release()
            for file, events in found or poll(LONGEST_POLL):
                if not events & IN:
                    self._other(file, events)
                    continue
                way, receive, send, direction = ways[file]
                try:
                    data = receive(READ_SIZE)
                except BlockingIOError:
                    continue
                except OSError:
                    self._reset(way)
                    break
                time_ns = now()
                if not data:
                    self._end(way)
                    continue
                with lock:
                    # What arrives after the end was decided is neither recorded nor forwarded.
                    if self.over:
                        break
                    goes_on = write(new(Chunk, (number, direction, time_ns, data)))
                if not goes_on:
                    self.cut()
                    break
                try:
                    sent = send(data)
                except BlockingIOError:
                    sent = 0
                except OSError:
                    self._reset(self._from[way.sink.fileno()])
                    break
                way.moved += sent
                if sent < len(data):
                    way.held = memoryview(data)[sent:]
                    self._watch()

    def moved(self) -> dict[Direction, int]:
        """The bytes of each direction that were forwarded."""
        return {way.direction: way.moved for way in self._ways}

    def _watch(self) -> None:
        """Ask for what can be done with each socket: read it, unless something that it said is held, and write what is held for it."""
        for file, out_of in self._from.items():
            into = self._to[file]
            wanted = (0 if out_of.ended or out_of.held else IN) | (OUT if into.held else 0)
            # With nothing wanted the system still tells of a reset; once a half has ended, some tell of that again and again.
            if wanted or not out_of.ended:
                self._poller.register(file, wanted)
            else:
                self._forget(file)

    def _forget(self, file: int) -> None:
        with suppress(KeyError):
            self._poller.unregister(file)

    def _other(self, file: int, events: int) -> None:
        """Something happened to a socket that is not to be read."""
        way = self._to[file]
        if events & OUT and way.held:
            self._send_held(way)
        elif not connected(way.sink):
            self._reset(self._from[file])
        else:
            self._forget(file)

    def _send_held(self, way: Way) -> None:
        try:
            sent = way.send(way.held)
        except BlockingIOError:
            return
        except OSError:
            self._reset(self._from[way.sink.fileno()])
            return
        way.moved += sent
        way.held = way.held[sent:]
        if not way.held:
            self._watch()

    def _end(self, way: Way) -> None:
        """A direction came to its end: pass the FIN on."""
        with self.tape.lock:
            if self.over:
                return
            way.ended = True
            self.tape.write_held(Closed(self.number, time.time_ns(), way.direction, Close.FIN))
            with suppress(OSError):
                way.sink.shutdown(socket.SHUT_WR)
            self.over = all(each.ended for each in self._ways)
        self._watch()

    def _reset(self, way: Way) -> None:
        """The source of a direction has reset the connection: pass on what it said before, and that."""
        with suppress(OSError):
            while not way.held and not way.ended and (data := way.receive(READ_SIZE)):
                if not self.tape.write(Chunk(self.number, way.direction, time.time_ns(), data)):
                    break
                way.moved += way.send(data)
        with self.tape.lock:
            if self.over:
                return
            self.over = True
            self.tape.write_held(Closed(self.number, time.time_ns(), way.direction, Close.RST))
        for each in self._sockets:
            # A socket that was reset may refuse.
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    def cut(self) -> None:
        """End what is still being moved, and wake the thread that moves it."""
        with self.tape.lock:
            if self.over:
                return
            self.over = True
            for way in self._ways:
                if not way.ended:
                    self.tape.write_held(Closed(self.number, time.time_ns(), way.direction, Close.ABANDONED))
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close both sockets, once ``run`` is done."""
        for each in self._sockets:
            each.close()


def connected(sock: socket.socket) -> bool:
    """Whether a socket has a peer; one that was reset has none."""
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
