"""Which TCP ports this machine listens on, read from the system and without connecting to any."""

from __future__ import annotations

from typing import NamedTuple


class Listener(NamedTuple):
    """A listening socket: its literal address (``0.0.0.0`` or ``::`` for all) and its port."""

    ip: str
    port: int

    @property
    def reachable_at(self) -> str:
        """A literal address at which this machine itself reaches it."""
        return {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1", "": "127.0.0.1"}.get(self.ip, self.ip)  # noqa: S104  # compared, not bound


def listening() -> list[Listener] | None:
    """The listening TCP sockets, by port; None where the system does not let us look."""
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError, RuntimeError):
        return None
    found = {Listener(str(each.laddr.ip), int(each.laddr.port)) for each in connections if each.status == psutil.CONN_LISTEN and each.laddr}
    return sorted(found, key=lambda listener: (listener.port, ":" in listener.ip, listener.ip))
