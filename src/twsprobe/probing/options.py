"""What a run is asked to do."""

from __future__ import annotations

import random
from dataclasses import dataclass
from types import MappingProxyType

from twsprobe.probing.signatures import Stage

LOWEST_OFFER, HIGHEST_OFFER = 100, 226
"""The offer of the newest official client, and ours: everything that is declared here (a test holds them to ``wire.versions``)."""

STAGE_TIMEOUTS = MappingProxyType(
    {
        Stage.RESOLVE: 5.0,
        Stage.CONNECT: 5.0,
        Stage.HANDSHAKE: 10.0,
        Stage.START: 10.0,
        Stage.READY: 2.0,
        Stage.SYNC: 10.0,
        Stage.CONFIG: 5.0,
    }
)
"""Seconds that each stage may take unless told otherwise; for sync, each of its requests."""

LISTEN, LISTEN_LOOPBACK = 0.1, 0.025
"""Seconds to listen before the prefix goes out. A forwarder on this machine closes within 8 ms (measured), one behind a network within
its round trip."""

OFFERS = MappingProxyType(
    {
        "ib_insync": (157, 176),
        "ib_async": (157, 178),
        "ibapi-9.81": (100, 157),
        "ibapi-latest": (LOWEST_OFFER, HIGHEST_OFFER),
        "@stoqey/ib": (100, 193),
    }
)
"""The versions that client libraries offer, by their names for ``--as``. What TWS speaks depends on the offer alone."""


def random_client_id() -> int:
    """A client id that hardly anybody uses. Never 0, which would take over orders placed by hand."""
    return random.randint(100_000, 999_999_999)  # no secret: it only has to be free


@dataclass(frozen=True)
class Options:
    """A run's wishes. Times are seconds; ``timeout`` bounds the whole run, ``stage_timeouts`` single stages."""

    client_id: int | None = None
    """None: a random high one."""
    timeout: float = 30.0
    stage_timeouts: tuple[tuple[Stage, float], ...] = ()
    minimum: int = LOWEST_OFFER
    maximum: int | None = HIGHEST_OFFER
    """None: the offer is the single version ``minimum``."""
    connect_options: str = ""
    sync: bool = False
    config: bool = False
    max_connections: int = 2
    """Connections that a run opens at most: the first and, where only that decides between causes, others."""

    def stage_timeout(self, stage: Stage) -> float:
        """Seconds that a stage may take."""
        return dict(self.stage_timeouts).get(stage, STAGE_TIMEOUTS[stage])

    @property
    def highest(self) -> int:
        """The highest version on offer."""
        return self.minimum if self.maximum is None else self.maximum
