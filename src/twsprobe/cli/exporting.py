"""What ``watch`` gives to Prometheus: over HTTP, or as a file that is replaced as a whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from twsprobe.cli.exits import IOFailed
from twsprobe.net.http import Request, Response
from twsprobe.probing.on_demand import OnDemand
from twsprobe.views.metrics import CONTENT_TYPE, FIRST_LINE, Snapshot, probe_metrics, watch_metrics

READABLE = 0o644
"""A textfile collector runs as another user; nothing in the file is private."""


class Exporter:
    """Answers ``/metrics`` and ``/probe?target=``."""

    def __init__(self, snapshot: Callable[[], Snapshot], probes: OnDemand) -> None:
        self._snapshot, self._probes = snapshot, probes

    async def answer(self, request: Request) -> Response:
        """The answer to one request."""
        if request.path == "/metrics":
            return Response(200, watch_metrics(self._snapshot()).encode(), CONTENT_TYPE)
        if request.path == "/probe":
            return await self._probe(request.query.get("target", ""))
        if request.path == "/":
            return Response(200, b"/metrics\n/probe?target=HOST:PORT\n")
        return Response(404, b"there are /metrics and /probe?target=HOST:PORT\n")

    async def _probe(self, text: str) -> Response:
        import trio

        target = self._probes.find(text)
        if target is None:
            return Response(400, b"this target was not allowed on the command line (--allow)\n")
        result = await self._probes.look(target)
        found = probe_metrics(result.report, result.seconds, trio.current_time() - result.ended)
        return Response(200, found.encode(), CONTENT_TYPE)


class Textfile:
    """A file of metrics, replaced as a whole each time, so that whoever reads it never sees a part."""

    def __init__(self, path: str) -> None:
        """Raises IOFailed for a file that is there and holds something else."""
        self._path = Path(path)
        try:
            with self._path.open("rb") as file:
                first = file.read(len(FIRST_LINE))
        except FileNotFoundError:
            return
        except OSError as fault:
            raise IOFailed(f"{path}: {fault.strerror}") from None
        if first != FIRST_LINE.encode():
            raise IOFailed(f"{path}: the file exists and holds no metrics of twsprobe; it is not replaced")

    def write(self, text: str) -> None:
        """Put ``text`` in the place of what is there. Raises IOFailed."""
        name = ""
        try:
            # The name does not end in ".prom", so that no collector takes the half-written file for a whole one.
            handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            Path(name).chmod(READABLE)
            Path(name).replace(self._path)
        except OSError as fault:
            if name:
                with contextlib.suppress(OSError):
                    Path(name).unlink()
            raise IOFailed(f"{self._path}: {fault.strerror}") from None


def epoch(since: float, now: float) -> float:
    """An instant of a clock that only goes forward, in seconds since the epoch."""
    return time.time() - (now - since)
