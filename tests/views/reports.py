"""Reports to look at: one of every scenario, made by a probe of it over memory, on a clock that jumps."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import trio
import trio.testing

from tests.probing.scenes import Scene, options_for
from tests.views.hostile import one_field, wire
from twsprobe.capture.model import Record
from twsprobe.net.scenarios import SCENARIOS, Scenario
from twsprobe.net.script import START, Greet, Raw, Say, Script, Usual, notice
from twsprobe.net.simulator import Simulator
from twsprobe.probing.probe import probe
from twsprobe.probing.report import ProbeReport
from twsprobe.wire.events import Event
from twsprobe.wire.handshake import frame


class Kept:
    """A recorder and a watcher that keeps what it is told."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.events: list[Event] = []
        self.notes: list[str] = []

    def write(self, record: Record, /) -> None:
        self.records.append(record)

    def stage_began(self, stage: object) -> None: ...

    def stage_ended(self, report: object) -> None: ...

    def event_seen(self, event: Event) -> None:
        self.events.append(event)

    def noted(self, text: str) -> None:
        self.notes.append(text)


def probed(scenario: Scenario, script: Script | None = None, server_version: int = 226, **wishes: object) -> tuple[ProbeReport, Kept]:
    """The report of a scenario, or of a script in its place, and all that passed on the way."""
    kept = Kept()

    async def main() -> ProbeReport:
        async with trio.open_nursery() as nursery:
            scene = Scene(nursery, scenario, server_version=server_version)
            if script is not None:
                scene.simulator = Simulator(server_version, script)
            report = await probe("localhost", 7497, options_for(scenario, **wishes), network=scene.network, recorder=kept, watcher=kept)
            nursery.cancel_scope.cancel()
        return report

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0)), kept


def hostile_script(text: str) -> Script:
    """Puts a text wherever a session has one."""
    error: dict[str, Any] = {"id": -1, "errorCode": 399, "errorMsg": text, "advancedOrderRejectJson": text}
    settings = {"trustedIPs": [text, text], "allowLocalhostOnly": False, "socketPort": 7497}
    order = {"orderId": 1, "contract": {"symbol": text}, "order": {"orderRef": text, "action": text}, "orderState": {"status": text}}
    return Script(
        on_offer=(Raw(frame(wire(text))), Greet(zone=one_field(text))),
        on_start=(*START, notice(2104, text), Say("error", error)),
        on_request={
            "reqOpenOrders": (Say("openOrder", order), Usual.ANSWER),
            "reqConfig": (Say("configResponse", {"reqId": 9001, "api": {"settings": settings}}),),
        },
        account_code=f"DU{text}",
    )


@functools.cache
def scenario_reports() -> Mapping[str, ProbeReport]:
    """A report of every scenario, by its name, each with the API settings where the session got that far."""
    return {name: probed(scenario, config=True)[0] for name, scenario in SCENARIOS.items()}
