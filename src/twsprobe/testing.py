"""Servers for tests, each in a thread of its own: what the fixtures of the pytest plugin give, see docs/testing.md.

A test may be synchronous, or have asyncio's or Trio's loop. Nothing heavy is imported before a server runs.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twsprobe.capture.model import Record
    from twsprobe.capture.seen import Seen
    from twsprobe.net.guard import Guard
    from twsprobe.net.matching import Mismatch
    from twsprobe.net.replay import Replay
    from twsprobe.net.turns import Turn
    from twsprobe.wire.events import Decoded

Serve = Callable[[], AbstractAsyncContextManager[tuple[str, int]]]


class Server:
    """A server that runs while a test does. ``host`` and ``port`` are where it listens; ``records`` is what passed so far.

    Its methods may be called from any thread and from under any event loop, which they block for some milliseconds.
    """

    def __init__(self, title: str) -> None:
        self.title, self.host, self.port = title, "", 0
        self.records: list[Record] = []
        self._settle: Callable[[], object] = lambda: None

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.host, self.port

    def run(self, serve: Serve, undo: ExitStack) -> None:
        """Start serving; ``undo`` ends it. Raises what the server raises."""
        from twsprobe.net.threaded import ServerThread

        thread = ServerThread(serve, self.title)
        self.host, self.port = thread.start()
        undo.callback(thread.stop)
        self._settle = thread.settle

    def write(self, record: Record, /) -> None:
        """Keep a record; the server calls it."""
        self.records.append(record)

    def settle(self) -> None:
        """Wait until the server has read and answered what clients have sent by now."""
        self._settle()

    @property
    def faults(self) -> list[str]:
        """What was done to which message, for each fault that was injected so far."""
        from twsprobe.capture.model import Note

        self.settle()
        return [record.text for record in self.records if isinstance(record, Note)]

    def seen(self) -> list[Seen]:
        """What passed so far, decoded."""
        from twsprobe.capture.seen import seen_in

        self.settle()
        return list(seen_in(list(self.records)))

    def requests(self) -> list[Decoded]:
        """The messages that clients have sent so far: ``name`` and ``fields`` of each."""
        from twsprobe.wire.events import Decoded
        from twsprobe.wire.framing import Direction

        found = (seen.what for seen in self.seen())
        return [each for each in found if isinstance(each, Decoded) and each.direction is Direction.TO_SERVER]

    def complaints(self) -> list[str]:
        """What a test has to fail for though nothing in it may have said so; each once."""
        return []

    def report(self, width: int) -> list[str]:
        """What to know about a failed test: lines without secrets, safe to print."""
        from twsprobe.views.conversation import Report

        self.settle()
        return Report(list(self.records)).conversation(width)


class ReplayServer(Server):
    """A capture that is played or, where ``is_recording``, the TWS that is recorded."""

    def __init__(self, is_recording: bool, check: bool = True) -> None:
        super().__init__("TWS recording" if is_recording else "TWS replay")
        self.is_recording, self._check = is_recording, check
        self.replay: Replay | None = None
        self.guard: Guard | None = None
        self._told: set[str] = set()

    @property
    def mismatches(self) -> list[Mismatch]:
        """What clients said that was not recorded."""
        self.settle()
        return [] if self.replay is None else list(self.replay.mismatches)

    @property
    def missing(self) -> list[tuple[int, Turn]]:
        """What recorded clients said and those that have left did not: the number of the recorded connection, and the turn."""
        self.settle()
        return [] if self.replay is None else list(self.replay.missing)

    def complaints(self) -> list[str]:
        if not self._check:
            return []
        new = [each for each in self._unexpected() if each not in self._told]
        self._told.update(new)
        return new

    def _unexpected(self) -> list[str]:
        from twsprobe.views.conversation import Report

        found = list(self.guard.refused) if self.guard is not None else []
        mismatches = self.mismatches
        if mismatches:
            report = Report(list(self.records))
            found += ["\n".join(report.mismatch(each)) for each in mismatches]
        return found

    def report(self, width: int) -> list[str]:
        from twsprobe.views.conversation import connections_in

        head = self._unexpected()
        made = connections_in(self.records)
        if self.replay is not None and made > self.replay.connections:
            head.append(f"connections: recorded {self.replay.connections}, made {made}; those beyond were closed at once")
        if self.is_recording:
            head.append("the recording is not kept, because the test failed")
        return [*head, *([""] if head else []), *super().report(width)]
