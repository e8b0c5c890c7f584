"""Messages to systemd about the state of this program (sd_notify(3)).

systemd names a datagram socket in NOTIFY_SOCKET: a path, or with "@" first the name of an abstract one. Without that variable nobody
listens, and nothing is sent; so it is on systems that have no such sockets.
"""

from __future__ import annotations

import os
import socket

LONGEST_STATUS = 500


class Notifier:
    """Sends states to systemd, where it listens. ``failure`` is why the last one did not arrive."""

    def __init__(self, path: str | None = None) -> None:
        self._path = os.environ.get("NOTIFY_SOCKET") if path is None else path
        self.failure: OSError | None = None

    def send(self, *, status: str, ready: bool = False) -> bool:
        """Send a status of one line, and READY=1 with it if asked for. False where nobody listens, or it did not arrive; never raises."""
        if not self._path or not hasattr(socket, "AF_UNIX"):
            return False
        line = " ".join(status.split())[:LONGEST_STATUS]
        message = (f"READY=1\nSTATUS={line}\n" if ready else f"STATUS={line}\n").encode("utf-8", "backslashreplace")
        address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(message, address)
        except OSError as fault:
            self.failure = fault
            return False
        return True
