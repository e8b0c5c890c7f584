"""The whole of a probe: the stages in order, the one retry that decides, the verdict."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import trio

from twsprobe.capture.model import Close, Closed
from twsprobe.net.connection import Recorder
from twsprobe.probing.options import Options, random_client_id
from twsprobe.probing.report import ProbeReport, judged
from twsprobe.probing.run import Network, Quiet, Run, StageFunction, Watcher, run_stage
from twsprobe.probing.signatures import Signature, Stage
from twsprobe.probing.stages import connect_stage, handshake_stage, ready_stage, resolve_stage, start_stage
from twsprobe.wire.framing import Direction


def stages_of(options: Options) -> list[tuple[Stage, StageFunction]]:
    """The stages of a run, in order."""
    stages: list[tuple[Stage, StageFunction]] = [
        (Stage.RESOLVE, resolve_stage),
        (Stage.CONNECT, connect_stage),
        (Stage.HANDSHAKE, handshake_stage),
        (Stage.START, start_stage),
        (Stage.READY, ready_stage),
    ]
    if options.sync or options.config:
        from twsprobe.probing.sync import config_stage, sync_stage

        stages += [(Stage.SYNC, sync_stage)] if options.sync else []
        stages += [(Stage.CONFIG, config_stage)] if options.config else []
    return stages


async def probe(
    host: str,
    port: int,
    options: Options | None = None,
    *,
    watcher: Watcher | None = None,
    recorder: Recorder | None = None,
    network: Network | None = None,
    connection_number: int = 1,
    retry_id: int | None = None,
) -> ProbeReport:
    """Connect to a TWS as a client would and report how far that came and why not further. Must run under Trio.

    ``watcher`` follows the run, ``recorder`` keeps its bytes (``capture.jsonl.Writer`` is one), ``network`` replaces resolving and
    connecting. Whatever the peer does ends in a report: no exception comes of it. ``connection_number`` is the number of the first
    connection in the capture, ``retry_id`` the client id of the second try (a random one if not given).
    Raises ValueError for connect options that are not ASCII, and what ``recorder`` raises.
    """
    options = options or Options()
    watcher, network = watcher or Quiet(), network or Network()
    client_id = random_client_id() if options.client_id is None else options.client_id
    run = Run(host, port, options, client_id, watcher, recorder, network)
    run.number = connection_number
    await attempt(run)
    if run.observation.signature is Signature.CLOSED_AFTER_START and run.connections_opened < options.max_connections:
        await retry(run, watcher, network, random_client_id() if retry_id is None else retry_id)
    if run.observation.signature is None:
        run.note(signature=Signature.READY)
    observation = run.observation
    return ProbeReport(
        target=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        observation=observation,
        stages=tuple(run.stages),
        causes=judged(observation),
        connections_opened=run.connections_opened,
        sync=tuple(run.sync),
        settings=run.settings,
    )


def probe_sync(host: str, port: int, options: Options | None = None, **rest: Any) -> ProbeReport:
    """``probe``, blocking: for scripts that run no event loop. ``rest`` are the keywords of ``probe``."""
    return trio.run(lambda: probe(host, port, options, **rest))


async def attempt(run: Run, stages: Sequence[tuple[Stage, StageFunction]] | None = None) -> None:
    """Go through the stages (those of the run's options, if none are given) until one fails, and close."""
    try:
        for stage, work in stages_of(run.options) if stages is None else stages:
            if not await run_stage(run, stage, work):
                break
    finally:
        if run.connection is not None:
            with trio.CancelScope(shield=True):
                await run.connection.aclose()
    if run.connection is None and run.recorder is not None:
        record_failure(run, run.recorder)


def record_failure(run: Run, recorder: Recorder) -> None:
    """Put an attempt that opened no connection into the capture."""
    ends = {
        Signature.NAME_UNRESOLVED: Close.UNRESOLVED,
        Signature.TCP_REFUSED: Close.REFUSED,
        Signature.TCP_TIMEOUT: Close.TIMEOUT,
        Signature.TCP_UNREACHABLE: Close.UNREACHABLE,
    }
    signature = run.observation.signature
    if signature in ends:
        recorder.write(Closed(run.number, time.time_ns(), Direction.TO_CLIENT, ends[signature]))


async def retry(run: Run, watcher: Watcher, network: Network, other_id: int) -> None:
    """Try once more with another client id: only that tells a taken id, closed without a word, from everything else."""
    options = dataclasses.replace(run.options, client_id=None, sync=False, config=False, timeout=max(run.deadline - trio.current_time(), 0))
    watcher.noted(f"The server gave no reason: trying once more with client id {other_id}, to see whether the id is the matter.")
    again = Run(run.host, run.port, options, other_id, Quiet(), run.recorder, network)
    again.number = run.number + 1
    await attempt(again)
    run.connections_opened += again.connections_opened
    outcome = "ready" if again.observation.signature is None else "failed"
    run.note(retry=outcome)
    watcher.noted("The second try came ready." if outcome == "ready" else "The second try failed too.")
