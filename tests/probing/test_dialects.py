"""Which version is answered to each offer, over memory; connections are counted at the peer."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from tests.probing.looks import QUICK, WITH_MORE, look
from tests.probing.test_client_ids import Watched
from twsprobe.capture.model import Close
from twsprobe.net.scenarios import SCENARIOS
from twsprobe.net.script import START, Greet, Script, notice
from twsprobe.net.serving import listening
from twsprobe.net.simulator import Simulator
from twsprobe.probing.client_ids import PAUSE
from twsprobe.probing.compatibility import Said
from twsprobe.probing.dialects import HUGE, Look, plan
from twsprobe.probing.options import HIGHEST_OFFER, LOWEST_OFFER, OFFERS
from twsprobe.probing.signatures import Signature
from twsprobe.probing.targets import Target

ANSWERS = {
    100: [100, 100, 100, 100, 100],
    157: [157, 157, 157, 157, 157],
    178: [157, 176, 178, 178, 178],
    200: [157, 176, 178, 193, 200],
    203: [157, 176, 178, 193, 203],
    226: [157, 176, 178, 193, 226],
}
"""The answers to the offers, lowest first, by the version of the server."""


def test_every_offer_of_a_library_is_made_once_and_ours() -> None:
    offers = plan()
    assert {name for offer in offers for name in offer.libraries} == set(OFFERS)
    assert len({offer[:2] for offer in offers}) == len(offers)
    assert (LOWEST_OFFER, HIGHEST_OFFER) in {offer[:2] for offer in offers}
    assert plan(huge=True)[-1][:2] == (LOWEST_OFFER, HUGE)


@pytest.mark.parametrize("version", ANSWERS)
async def test_answers_and_sessions(version: int, autojump_clock: trio.testing.MockClock) -> None:
    looked = await look(version=version)
    found = looked.found
    assert [each.answer for each in found.tried] == ANSWERS[version]
    assert found.connections_opened == len(plan())
    expected = sorted({each.answer for each in found.tried if each.answer is not None})
    assert [session.server_version for session in found.sessions] == expected
    assert sum(session is not None for _, session in looked.told) == len(expected), "one session a version"
    assert all(session.started for session in found.sessions)
    assert looked.seconds >= (len(plan()) - 1) * PAUSE
    verdicts = {each.name: each.verdict for each in found.libraries}
    assert verdicts == {name: "fails" if version < low else "works" for name, (low, _) in OFFERS.items()}
    assert found.exit_code == (1 if version < 157 else 0)
    assert found.highest == (version if version < HIGHEST_OFFER else None)


@pytest.mark.parametrize(("version", "encodings"), [(200, ("text", "text")), (203, ("text", "protobuf")), (226, ("protobuf", "protobuf"))])
async def test_what_is_said_at_the_start(version: int, encodings: tuple[str, str], autojump_clock: trio.testing.MockClock) -> None:
    session = (await look(version=version)).found.sessions[-1]
    accounts, errors = encodings
    assert session.start == (Said("managedAccounts", accounts, 1), Said("nextValidId", accounts, 1), Said("error", errors, 3))
    assert session.notices == (2104, 2106, 2158)
    assert session.sync == ()


async def test_the_account_data_are_read_where_they_are_wanted(autojump_clock: trio.testing.MockClock) -> None:
    found = (await look(version=203, sync=True)).found
    forms = {form.message: form for form in found.sessions[-1].forms}
    assert (forms["position"].encoding, forms["openOrder"].encoding) == ("text", "protobuf")
    assert {"contract.symbol", "position"} <= set(forms["position"].fields)
    assert all(ok for session in found.sessions for _, ok in session.sync)
    assert found.sessions[0].start == (Said("managedAccounts", "text", 1), Said("nextValidId", "text", 1), Said("error", "text", 3))
    assert not any(session.odd for session in found.sessions)


async def test_account_data_that_do_not_come_are_asked_for_once(autojump_clock: trio.testing.MockClock) -> None:
    found = (await look("sync-executions", sync=True)).found
    assert [bool(session.sync) for session in found.sessions] == [True, False, False, False, False]
    assert ("reqExecutions", False) in found.sessions[0].sync
    assert found.ok, "a session starts all the same"


@pytest.mark.parametrize("version", [176, 226])
async def test_a_field_more_than_declared(version: int, autojump_clock: trio.testing.MockClock) -> None:
    session = (await look(WITH_MORE, version)).found.sessions[-1]
    (odd,) = session.odd
    assert odd.message == "managedAccounts"
    assert session.started
    if version == 226:
        assert (odd.unknown, odd.differences) == (("#111",), ())
    else:
        assert (odd.unknown, odd.differences) == ((), ("1 text field behind the last known one",))


async def test_a_server_before_framed_messages(autojump_clock: trio.testing.MockClock) -> None:
    found = (await look(Script(on_offer=(Greet(76),)))).found
    assert [each.signature for each in found.tried] == [Signature.VERSION_UNSUPPORTED] * len(plan())
    assert {each.verdict for each in found.libraries} == {"fails"}
    assert all("too old" in each.how for each in found.libraries)
    assert (found.highest, found.sessions, found.exit_code) == (76, (), 1)


async def test_an_answer_above_every_offer(autojump_clock: trio.testing.MockClock) -> None:
    found = (await look(Script(on_offer=(Greet(300),)))).found
    assert {each.verdict for each in found.libraries} == {"fails"}
    assert all("above the offer" in each.how for each in found.libraries)


async def test_the_huge_offer_tells_of_a_newer_server_and_starts_nothing(autojump_clock: trio.testing.MockClock) -> None:
    looked = await look(huge=True)
    assert looked.found.tried[-1].answer == looked.found.highest == 226
    tried, session = looked.told[-1]
    assert (tried.offer.maximum, session) == (HUGE, None)
    newer = (await look(Script(on_offer=(Greet(230),)), huge=True)).found
    assert (newer.tried[-1].answer, newer.tried[-1].signature, newer.highest, newer.sessions) == (230, None, 230, ())


async def test_the_huge_offer_is_left_out_where_it_can_tell_nothing(autojump_clock: trio.testing.MockClock) -> None:
    found = (await look(version=200, huge=True)).found
    assert (found.connections_opened, found.highest) == (len(plan()), 200)


@pytest.mark.parametrize(
    "name", ["refused", "timeout", "unresolved", "localhost-only", "wedged", "http", "redirect", "api-not-accepted", "paper-disclaimer"]
)
async def test_what_is_not_about_versions_ends_the_look(name: str, autojump_clock: trio.testing.MockClock) -> None:
    found = (await look(name)).found
    assert len(found.tried) == 1
    assert found.stopped is not None
    assert found.stopped.value == SCENARIOS[name].signature
    assert found.exit_code == found.stopped.exit_code
    assert {each.verdict for each in found.libraries} == {"fails", "unknown"}
    assert found.connections_opened <= 1


async def test_a_close_at_the_start_of_one_dialect_does_not_end_the_look(autojump_clock: trio.testing.MockClock) -> None:
    found = (await look(Script(on_start=(Close.FIN,)))).found
    assert len(found.tried) == len(plan())
    assert {each.how for each in found.libraries} == {"The version is agreed, and the session does not start (closed-after-start)."}
    said = (await look(Script(on_start=(*START, notice(1100, "lost"))))).found
    assert said.ok, "a link that is lost is not about versions, and the session starts"
    assert {session.signature for session in said.sessions} == {Signature.BACKEND_LOST}


async def test_over_sockets_connections_come_one_at_a_time_and_end_with_a_fin() -> None:
    simulator = Simulator(157)
    open_now, most, ended = 0, 0, []

    async def serve(stream: trio.abc.Stream) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        watched = Watched(stream)
        await simulator.serve(watched)
        open_now -= 1
        ended.append(watched.saw_fin)

    async with listening(serve) as (host, port):
        found = await Look(Target(host, port), QUICK).ask()
        with trio.fail_after(5):
            while len(ended) < len(plan()):
                await trio.lowlevel.checkpoint()
    assert found.ok
    assert (found.connections_opened, len(ended), most) == (5, 5, 1)
    assert all(ended), "each connection ended with a FIN, none with a RST"
