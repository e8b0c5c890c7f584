"""Suites of other people, run with pytest: what passes, what fails, and what a failure shows.

They run in this process, which is quick; what of twsprobe they load is loaded here first, because pytester unloads what it loaded.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import twsprobe.capture.keeping
import twsprobe.net.faults
import twsprobe.net.guard
import twsprobe.views.conversation  # noqa: F401  # for the suites
from tests.net.blocking_client import Client
from twsprobe.capture.keeping import keep
from twsprobe.capture.model import Close, Closed, Gap, Record
from twsprobe.capture.reading import open_capture
from twsprobe.net.simulator import simulator
from twsprobe.net.threaded import ServerThread
from twsprobe.wire.framing import Direction

pytest_plugins = ["pytester"]

ACCOUNT = "DU1234567"
CONFIGURATION = "[pytest]\nstrict = true\ntrio_mode = true\nfilterwarnings = error\ntimeout = 60\n"
CLIENT = Path(__file__).parent / "net" / "blocking_client.py"
REPLAYING = """
    import pytest
    from blocking_client import Client

    @pytest.mark.tws_capture("session.jsonl"{options})
    def test_details(tws_replay):
        with Client(tws_replay.address) as client:
            client.start()
            {body}
"""


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """An empty suite, with a configuration that forgives nothing, and a client."""
    pytester.makeini(CONFIGURATION)
    pytester.path.joinpath(CLIENT.name).write_bytes(CLIENT.read_bytes())
    pytester.syspathinsert()
    return pytester


class Kept(list[Record]):
    """A recorder that only keeps."""

    write = list.append


@pytest.fixture(scope="module")
def session() -> list[Record]:
    """What a client that asks for a contract's details says to the simulator, and hears."""
    kept = Kept()
    server = ServerThread(lambda: simulator(recorder=kept))
    with Client(server.start()) as client:
        client.start()
        assert client.details() is not None
    server.stop()
    return kept


@pytest.fixture
def replaying(suite: pytest.Pytester, session: list[Record]) -> pytest.Pytester:
    """The same with a capture."""
    keep(session, suite.path / "session.jsonl")
    keep([Closed(1, 1, Direction.TO_CLIENT, Close.REFUSED)], suite.path / "refused.jsonl")
    keep([session[0], Gap(1, Direction.TO_CLIENT, session[0].time_ns, 5), *session[1:]], suite.path / "gap.jsonl")
    return suite


def replay_test(
    suite: pytest.Pytester, body: str = "assert client.details().fields['contractDetails']['longName'] == 'APPLE INC'", options: str = ""
) -> None:
    suite.makepyfile(REPLAYING.format(body=body, options=options))


def output(result: pytest.RunResult) -> str:
    return result.stdout.str()


def test_suites_of_every_kind(replaying: pytest.Pytester) -> None:
    replaying.makepyfile(
        """
        import asyncio

        import pytest
        import trio
        from blocking_client import Client

        OFFER = b"API\\0\\0\\0\\0\\x09v100..226"

        @pytest.mark.parametrize("round", range(2))
        def test_synchronous(tws_simulator, round):
            with Client(tws_simulator.address) as client:
                client.start()
                client.say("reqCurrentTime")
                assert client.until("currentTime") is not None
            assert [each.name for each in tws_simulator.requests()] == ["startApi", "reqCurrentTime"]

        def test_asyncio(tws_simulator):
            async def greeting():
                reader, writer = await asyncio.open_connection(*tws_simulator.address)
                writer.write(OFFER)
                found = await reader.read(100)
                writer.close()
                await writer.wait_closed()
                return found
            assert b"226" in asyncio.run(greeting())

        async def test_trio(tws_simulator):
            stream = await trio.open_tcp_stream(tws_simulator.host, tws_simulator.port)
            async with stream:
                await stream.send_all(OFFER)
                assert b"226" in await stream.receive_some()
            assert [each.event for each in tws_simulator.seen()][:3] == ["opened", "version_offer", "greeting"]

        @pytest.mark.tws_capture("session.jsonl")
        async def test_replayed_to_trio(tws_replay):
            async with await trio.open_tcp_stream(*tws_replay.address) as stream:
                await stream.send_all(OFFER)
                assert b"226" in await stream.receive_some()

        @pytest.mark.tws_capture("session.jsonl")
        class TestBoth:
            @pytest.fixture
            def client(self, tws_replay):
                with Client(tws_replay.address) as client:
                    client.start()
                    yield client

            def test_replayed(self, client, tws_replay):
                assert client.details().fields["contractDetails"]["longName"] == "APPLE INC"
                assert (tws_replay.mismatches, tws_replay.missing, tws_replay.is_recording) == ([], [], False)

            def test_beside_another_server(self, client, tws_simulator):
                with Client(tws_simulator.address) as other:
                    other.start()
                    assert client.details().fields == other.details().fields
        """
    )
    replaying.runpytest_inprocess().assert_outcomes(passed=7)
    assert [each.name for each in threading.enumerate() if each.name.startswith("TWS")] == []


def test_markers_say_what_a_server_is(suite: pytest.Pytester) -> None:
    suite.makepyfile(
        """
        import pytest
        from blocking_client import Client

        @pytest.mark.tws_simulator(server_version=178, delivery="byte", faults=["delay 1st nextValidId by 1ms"])
        def test_version(tws_simulator):
            with Client(tws_simulator.address) as client:
                assert client.version == 178
                client.start()
            [fault] = tws_simulator.faults
            assert "nextValidId" in fault

        @pytest.mark.parametrize(
            "version", [pytest.param(each, marks=pytest.mark.tws_simulator(server_version=each)) for each in (100, 203)]
        )
        def test_versions(tws_simulator, version):
            assert Client(tws_simulator.address).__exit__() is None
            assert [each.what.server_version for each in tws_simulator.seen() if each.event == "greeting"] == [version]

        @pytest.mark.tws_simulator(scenario="closed-after-start")
        def test_scenario(tws_simulator):
            with Client(tws_simulator.address) as client:
                assert client.start() is None
        """
    )
    result = suite.runpytest_inprocess()
    result.assert_outcomes(passed=4)


@pytest.mark.parametrize(
    ("marker", "fixture", "said"),
    [
        ("tws_simulator(scenario='none such')", "tws_simulator", "marker tws_simulator: no scenario is called none such"),
        ("tws_simulator(version=178)", "tws_simulator", "marker tws_simulator: got an unexpected keyword argument 'version'"),
        ("tws_simulator(server_version=1)", "tws_simulator", "server version 1 is not among 100 to 226"),
        ("tws_simulator(faults=['hang'])", "tws_simulator", "marker tws_simulator: *hang*"),
        ("tws_relay('nowhere:x')", "tws_relay", "marker tws_relay: 'nowhere:x': the port is missing"),
        ("tws_capture('session.jsonl', match='most')", "tws_replay", "marker tws_capture: 'most' is not a valid Match"),
        ("tws_capture('session.jsonl', speed=0)", "tws_replay", "marker tws_capture: a speed is above 0, not 0"),
        ("tws_capture('session.jsonl', faults=['hang'])", "tws_replay", "marker tws_capture: *hang*"),
        ("tws_capture()", "tws_replay", "marker tws_capture: missing 1 required positional argument: 'capture'"),
        ("skipif(False, reason='')", "tws_replay", "marker tws_capture: missing 1 required positional argument: 'capture'"),
        ("tws_capture('test_it.py')", "tws_replay", "*test_it.py: is not a capture that twsprobe reads"),
        ("tws_capture('refused.jsonl')", "tws_replay", "*refused.jsonl: holds no connection that was open"),
        ("tws_capture('gap.jsonl')", "tws_replay", "*gap.jsonl: connection 1 lacks bytes"),
        ("tws_capture('none.jsonl')", "tws_replay", "*none.jsonl is not there: record it with pytest --tws-record once"),
    ],
    ids=range(14),
)
def test_a_wish_that_cannot_be_met_is_one_line(replaying: pytest.Pytester, marker: str, fixture: str, said: str) -> None:
    replaying.makepyfile(test_it=f"import pytest\n@pytest.mark.{marker}\ndef test_it({fixture}): pass")
    result = replaying.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{said}*"])
    assert "Traceback" not in output(result)
    assert "test_it.py:2" not in output(result)


def test_a_relay_leads_where_it_is_to(replaying: pytest.Pytester) -> None:
    server = ServerThread(simulator)
    host, port = server.start()
    replaying.makepyfile(
        f"""
        import pytest
        from blocking_client import Client

        def test_to_the_simulator(tws_relay, tws_simulator):
            with Client(tws_relay.address) as client:
                client.start()
            assert [each.what for each in tws_relay.seen() if each.event == "message"] == (
                [each.what for each in tws_simulator.seen() if each.event == "message"]
            )

        @pytest.mark.tws_capture("session.jsonl")
        @pytest.mark.tws_relay(to="tws_replay", faults=["delay 1st nextValidId by 1ms"])
        def test_to_another_fixture(tws_relay, tws_replay):
            with Client(tws_relay.address) as client:
                client.start()
            assert len(tws_relay.faults) == 1
            assert tws_replay.requests()[0].name == "startApi"

        @pytest.mark.tws_relay("{host}:{port}")
        def test_to_an_address(tws_relay):
            with Client(tws_relay.address) as client:
                assert client.start() is not None
        """
    )
    result = replaying.runpytest_inprocess()
    server.stop()
    result.assert_outcomes(passed=3)


@pytest.fixture
def target() -> Iterator[str]:
    """A TWS to record with."""
    server = ServerThread(simulator)
    host, port = server.start()
    yield f"{host}:{port}"
    server.stop()


def test_a_missing_capture_is_recorded_once_and_replayed_from_then_on(suite: pytest.Pytester, target: str) -> None:
    replay_test(suite)
    without = suite.runpytest_inprocess()
    without.assert_outcomes(errors=1)
    suite.runpytest_inprocess("--tws-record", "once", "--tws-target", target).assert_outcomes(passed=1)
    kept = suite.path.joinpath("session.jsonl").read_bytes()
    with open_capture(suite.path / "session.jsonl") as capture:
        assert capture.header["redacted"] == "yes"
        assert len(list(capture)) > 5
    assert ACCOUNT.encode() not in kept
    suite.runpytest_inprocess().assert_outcomes(passed=1)
    suite.runpytest_inprocess("--tws-record", "once").assert_outcomes(passed=1)
    assert suite.path.joinpath("session.jsonl").read_bytes() == kept
    assert not list(suite.path.glob(".*jsonl"))


def test_all_are_recorded_anew_each_once(replaying: pytest.Pytester, target: str) -> None:
    before = replaying.path.joinpath("session.jsonl").read_bytes()
    replaying.makeini(f"{CONFIGURATION}tws_record = all\ntws_target = {target}\n")
    replaying.makepyfile(
        """
        import pytest
        from blocking_client import Client

        pytestmark = pytest.mark.tws_capture("session.jsonl")

        @pytest.mark.parametrize("round", range(2))
        def test_details(tws_replay, round):
            assert tws_replay.is_recording == (round == 0)
            with Client(tws_replay.address) as client:
                client.start()
                assert client.details() is not None
            assert (tws_replay.mismatches, tws_replay.missing) == ([], [])
        """
    )
    replaying.runpytest_inprocess().assert_outcomes(passed=2)
    assert replaying.path.joinpath("session.jsonl").read_bytes() != before


def test_a_session_of_a_failed_test_is_not_kept(replaying: pytest.Pytester, target: str) -> None:
    before = replaying.path.joinpath("session.jsonl").read_bytes()
    replay_test(replaying, "assert client.details('MSFT').fields['contractDetails']['longName'] == 'APPLE INC'")
    result = replaying.runpytest_inprocess("--tws-record", "all", "--tws-target", target)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TWS recording on port*", "the recording is not kept, because the test failed"])
    assert replaying.path.joinpath("session.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "body", "said"),
    [
        ((), "", "*session.jsonl is to be recorded, and no TWS is named: say --tws-target HOST:PORT"),
        (("--tws-target", "here:there"), "", "--tws-target: 'here:there': the port is missing or is no number*"),
    ],
    ids=["no target", "a target that is none"],
)
def test_what_cannot_be_recorded_is_said(suite: pytest.Pytester, options: tuple[str, ...], body: str, said: str) -> None:
    replay_test(suite, body)
    result = suite.runpytest_inprocess("--tws-record", "once", *options)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([said])


@pytest.mark.parametrize("redact", [True, False])
def test_what_may_hold_a_secret_is_kept_only_on_demand(suite: pytest.Pytester, target: str, redact: bool) -> None:
    replay_test(suite, "client.socket.sendall(bytes((0, 0, 0, 8, 0, 0, 127, 1)) + b'UUUU')", f", redact={redact}")
    result = suite.runpytest_inprocess("--tws-record", "once", "--tws-target", target)
    result.assert_outcomes(passed=1, errors=int(redact))
    assert suite.path.joinpath("session.jsonl").exists() is not redact
    if redact:
        result.stdout.fnmatch_lines(["*session.jsonl was not recorded: *may hold a secret; *redact=False", "*12 bytes to the server*"])
        assert "UUUU" not in output(result).replace("b'UUUU'", "")


@pytest.mark.parametrize(("name", "said"), [("session.txt", "*a capture's name ends with*"), ("blocked/session.jsonl", "*blocked*: *")])
def test_what_cannot_be_written_is_said(suite: pytest.Pytester, target: str, name: str, said: str) -> None:
    suite.path.joinpath("blocked").write_bytes(b"")
    suite.makepyfile(REPLAYING.format(body="pass", options="").replace("session.jsonl", name))
    result = suite.runpytest_inprocess("--tws-record", "once", "--tws-target", target)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines([said])
    assert "Traceback" not in output(result)


def test_a_test_without_a_connection_records_nothing(suite: pytest.Pytester, target: str) -> None:
    suite.makepyfile('import pytest\n@pytest.mark.tws_capture("session.jsonl")\ndef test_it(tws_replay): pass')
    result = suite.runpytest_inprocess("--tws-record", "once", "--tws-target", target)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*was not recorded: the test passed without a connection"])


def test_captures_may_have_a_folder(suite: pytest.Pytester, session: list[Record]) -> None:
    suite.makeini(f"{CONFIGURATION}tws_captures = deep/captures\n")
    keep(session, suite.path / "deep" / "captures" / "session.jsonl")
    replay_test(suite)
    suite.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_mode_that_is_none_is_refused(suite: pytest.Pytester) -> None:
    suite.makeini(f"{CONFIGURATION}tws_record = some\n")
    replay_test(suite)
    result = suite.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*tws_record is one of none, once, all, not 'some'"])


@pytest.mark.parametrize("body", ["client.details('MSFT')", "assert client.details('MSFT') is not None"], ids=["unnoticed", "noticed"])
def test_a_changed_request_fails_and_the_field_is_named(replaying: pytest.Pytester, body: str) -> None:
    replay_test(replaying, body)
    result = replaying.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*TWS replay on port*",
            "connection 1: reqContractDetails is not as it was recorded",
            "  contract.symbol: recorded 'AAPL', received 'MSFT'",
            "*>>>*startApi*clientId=7",
            "*<<<*nextValidId*",
            "*>>>*reqContractDetails*MSFT*",
            "*closed*the server: fin",
        ]
    )
    assert ACCOUNT not in output(result)
    assert "pytest_plugin" not in output(result)


def test_leniently_it_passes(replaying: pytest.Pytester) -> None:
    replay_test(replaying, "assert client.details('MSFT').fields['contractDetails']['longName'] == 'APPLE INC'", ", match='lenient'")
    replaying.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_mismatch_that_a_test_is_about_is_no_failure(replaying: pytest.Pytester) -> None:
    body = "assert client.details('MSFT') is None; assert 'MSFT' in str(tws_replay.mismatches[0])"
    replay_test(replaying, body, ", check=False")
    replaying.runpytest_inprocess().assert_outcomes(passed=1)


def test_a_mismatch_while_a_client_is_put_away_is_an_error(replaying: pytest.Pytester) -> None:
    replaying.makepyfile(
        """
        import pytest
        from blocking_client import Client

        @pytest.fixture
        def client(tws_replay):
            with Client(tws_replay.address) as client:
                client.start()
                yield client
                client.say("reqCurrentTime")

        @pytest.mark.tws_capture("session.jsonl")
        def test_it(client):
            assert client.details() is not None
        """
    )
    result = replaying.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*reqCurrentTime was never recorded*"])


def test_a_client_too_many_is_told_of(replaying: pytest.Pytester) -> None:
    replay_test(replaying, "client.details(); Client(tws_replay.address).__exit__(); assert False")
    result = replaying.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["connections: recorded 1, made 2; those beyond were closed at once"])


def test_a_failure_shows_no_secret_and_hostile_text_is_inert(replaying: pytest.Pytester) -> None:
    replaying.makepyfile(
        """
        import pytest
        from blocking_client import Client

        @pytest.mark.tws_capture("session.jsonl")
        def test_details(tws_replay):
            with Client(tws_replay.address) as client:
                client.start()
                client.details("\\x1b[2J\\u202eU7654321", localSymbol="DU7654321")
        """
    )
    result = replaying.runpytest_inprocess("--color=no")
    result.assert_outcomes(failed=1)
    shown = output(result)
    assert "contract.localSymbol: recorded nothing, received 'DU" in shown
    assert r"\x1b[2J\u202e" in shown
    assert all(line.isprintable() for line in shown.splitlines())
    assert "7654321" not in re.sub(r'client\.details\("[^\n]*', "", shown)  # pytest shows the source itself


def test_every_server_of_a_failed_test_is_shown(replaying: pytest.Pytester) -> None:
    replaying.makepyfile(
        """
        from blocking_client import Client

        def test_it(tws_simulator, tws_relay):
            with Client(tws_relay.address) as client:
                client.start()
            assert False
        """
    )
    shown = output(replaying.runpytest_inprocess())
    assert [shown.count(f"{title} on port") for title in ("TWS simulator", "TWS relay", "TWS replay")] == [1, 1, 0]


GUARDED = """
    import socket

    import pytest
    from blocking_client import Client

    pytestmark = pytest.mark.tws_capture("session.jsonl")

    def connect(host):
        try:
            socket.create_connection((host, 9), timeout=1).close()
        except OSError:
            pass

    def test_it({fixture}):
        with Client({fixture}.address) as client:
            connect("{host}")
"""


@pytest.mark.parametrize("host", ["192.0.2.1", "tws.invalid"])
def test_another_machine_is_refused_even_where_the_client_goes_on(replaying: pytest.Pytester, host: str) -> None:
    replaying.makepyfile(GUARDED.format(fixture="tws_replay", host=host))
    result = replaying.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"a * {host}* was refused: only loopback is open here"])


def test_a_refusal_is_not_raised_where_hosts_are_allowed_or_nothing_is_replayed(
    replaying: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        asked.append(address)
        raise ConnectionRefusedError

    real = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: (real if address[0] == "127.0.0.1" else connect)(self, address))
    replaying.makeini(f"{CONFIGURATION}tws_allow_hosts =\n    192.0.2.1\n    192.0.2.3\n")
    replaying.makepyfile(
        test_replayed=GUARDED.format(fixture="tws_replay", host="192.0.2.1"),
        test_simulated=GUARDED.format(fixture="tws_simulator", host="192.0.2.2"),
    )
    replaying.runpytest_inprocess().assert_outcomes(passed=2)
    assert asked == [("192.0.2.1", 9), ("192.0.2.2", 9)]


def test_loading_the_plugin_imports_nothing_else() -> None:
    program = "import pytest, sys; import twsprobe.pytest_plugin; print(*(name for name in sys.modules if name.startswith('twsprobe')))"
    program += "; assert not {'trio', 'construct', 'msgspec', 'rich', 'click', 'asyncio.proactor_events'} & set(sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert found.stdout.split() == ["twsprobe", "twsprobe.testing", "twsprobe.pytest_plugin"]


def test_the_plugin_is_found_without_a_word() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "--markers"], capture_output=True, check=True, text=True, cwd=Path(__file__).parent
    )
    for marker in ("tws_simulator", "tws_capture", "tws_relay"):
        assert f"@pytest.mark.{marker}(" in found.stdout
