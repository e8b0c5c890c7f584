"""The requests with which client libraries fill themselves at the start, each followed to the message that ends its answer.

Libraries send them all at once and report one time-out; sent one by one, the one that stalls has a name. A refusal on the way (error
321 in a read-only session, say) ends the wait: the end will not come.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import trio

from twsprobe.probing.report import SyncStep
from twsprobe.probing.run import Failed, Run
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.wire.events import Decoded
from twsprobe.wire.versions import ServerVersion

REQUEST_ID = 9001
"""The id of the requests that need one; it only has to be the connection's own."""
REFUSALS = frozenset({200, 320, 321, 322, 323})
"""Codes that say TWS will not serve a request."""


class Step(NamedTuple):
    """A request, the message that ends its answer, and the request that takes back what it subscribed to."""

    request: str
    end: str
    since: ServerVersion = ServerVersion.V100_PLUS
    undo: str | None = None


STEPS = (
    Step("reqPositions", "positionEnd", undo="cancelPositions"),
    Step("reqOpenOrders", "openOrderEnd"),
    Step("reqCompletedOrders", "completedOrdersEnd", since=ServerVersion.COMPLETED_ORDERS),
    Step("reqAccountUpdates", "accountDownloadEnd", undo="reqAccountUpdates"),
    Step("reqExecutions", "execDetailsEnd"),
)


def fields_of(request: str, account: str, subscribe: bool) -> dict[str, Any]:
    """The fields of a request of the sync."""
    if request == "reqAccountUpdates":
        return {"subscribe": subscribe, "acctCode": account}
    if request == "reqExecutions":
        return {"reqId": REQUEST_ID, "executionFilter": {"clientId": 0}}
    if request == "reqCompletedOrders":
        return {"apiOnly": False}
    return {}


async def sync_stage(run: Run) -> str:
    """Send each request and wait for its end. Raises PeerClosed, and Failed when an end did not come."""
    version = run.observation.server_version or 0
    for step in STEPS:
        if version < step.since:
            continue
        report = await sync_step(run, step)
        run.sync.append(report)
        if not report.ok and run.observation.stalled_request is None:
            run.note(stalled_request=step.request, missing_end=step.end)
        run.watcher.noted(f"{step.request}: {report.detail}")
        if trio.current_time() >= run.deadline:
            break
    stalled = [step for step in run.sync if not step.ok]
    if stalled:
        raise Failed(Signature.SYNC_STALLED, "; ".join(f"{step.request}: {step.detail}" for step in stalled))
    return f"{len(run.sync)} requests answered in full"


def counted(messages: int) -> str:
    """How many messages, in words."""
    return f"{messages} message{'' if messages == 1 else 's'}"


async def sync_step(run: Run, step: Step) -> SyncStep:
    """One request and its answer. Raises PeerClosed."""
    account = run.observation.accounts[0] if run.observation.accounts else ""
    began, messages, ended = trio.current_time(), 0, False
    refused: int | None = None
    run.sent(await run.open.send(step.request, **fields_of(step.request, account, True)))
    with trio.move_on_at(run.limit(Stage.SYNC)):
        while not ended and refused is None:
            for event in await run.events():
                if not isinstance(event, Decoded):
                    continue
                if event.name == "error":
                    refused = event.fields["errorCode"] if event.fields.get("errorCode") in REFUSALS else refused
                else:
                    ended |= event.name == step.end
                    messages += event.name != step.end
    elapsed = (trio.current_time() - began) * 1000
    if ended:
        if step.undo is not None:
            run.sent(await run.open.send(step.undo, **fields_of(step.undo, account, False)))
        return SyncStep(step.request, step.end, True, elapsed, messages, f"{counted(messages)}, then {step.end}")
    detail = f"refused with error {refused}" if refused is not None else f"{counted(messages)}, but no {step.end}"
    return SyncStep(step.request, step.end, False, elapsed, messages, detail)


async def config_stage(run: Run) -> str:
    """Read the API settings and hold them against the checklist. Raises PeerClosed."""
    from twsprobe.probing.settings import judge

    version = run.observation.server_version or 0
    if version < ServerVersion.CONFIG:
        return f"settings can be read from server version {int(ServerVersion.CONFIG)} on, this connection speaks {version}"
    run.note(stalled_request="reqConfig", missing_end="configResponse")
    run.sent(await run.open.send("reqConfig", reqId=REQUEST_ID))
    while True:
        for event in await run.events():
            if isinstance(event, Decoded) and event.name == "configResponse":
                run.note(stalled_request=None, missing_end=None)
                api = event.fields.get("api") or {}
                run.settings = judge(api.get("settings") or {}, run.port, run.client_id)
                problems = sum(finding.verdict in ("problem", "note") for finding in run.settings)
                return f"{len(run.settings)} settings read, {problems} worth a look"
