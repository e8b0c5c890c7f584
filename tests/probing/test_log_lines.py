"""Lines that users see, and what is known of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.views.hostile import HOSTILE, HUGE
from twsprobe.probing.log_lines import LINES, known_in, read_log
from twsprobe.probing.signatures import Signature as S

# The twenty lines that users report most, as they stand in public reports, and what has to be among the answers.
COMMON = (
    ("API connection failed: TimeoutError()", "client-timeout", S.SILENT_HANDSHAKE),
    ("Peer closed connection. clientId 7 already in use?", "client-id-guess", S.PAPER_DISCLAIMER),
    ("""API connection failed: ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 7497)")""", "refused", S.TCP_REFUSED),
    ("Make sure API port on TWS/IBG is open", "refused", S.TCP_REFUSED),
    ('ERROR -1 502 Couldn\'t connect to TWS. Confirm that "Enable ActiveX and Socket EClients" is enabled', "code-502", S.TCP_REFUSED),
    ("ERROR -1 504 Not connected", "code-504", S.TCP_REFUSED),
    ("Error 326, reqId -1: Unable to connect as the client id is already in use.", "code-326", S.CLIENT_ID_IN_USE),
    ("Error 10141, reqId -1: Paper trading disclaimer must first be accepted for API connection.", "code-10141", S.PAPER_DISCLAIMER),
    ("ConnectionResetError: [Errno 104] Connection reset by peer", "reset", S.CLOSED_AFTER_PREFIX),
    ("ConnectionRefusedError: [WinError 10061] No connection could be made", "refused", S.TCP_REFUSED),
    ("Error 321, reqId 5: Error validating request: The API interface is currently in Read-Only mode.", "read-only", S.READY),
    ("Error 1100, reqId -1: Connectivity between IB and Trader Workstation has been lost.", "backend-lost", S.BACKEND_LOST),
    ("Warning 2104, reqId -1: Market data farm connection is OK:usfarm", "farm", S.READY),
    ("completed orders request timed out", "sync-timeout", S.SYNC_STALLED),
    ("Error 0, reqId -1: Warning: Approaching max rate of 50 messages per second (44)", "rate", S.CLOSED_DURING_SYNC),
    ("2022/02/20 10:05:21 socat[90] E connect(5, AF=2 127.0.0.1:4000, 16): Connection refused", "socat-refused", S.CLOSED_BEFORE_PREFIX),
    ("socat[90] E connect(5, AF=2 172.20.0.2:4002, 16): Connection timed out", "socat-timeout", S.SILENT_HANDSHAKE),
    ("2025-12-30 22:52:22:967 IBC: Login has completed", "ibc-login", S.TCP_REFUSED),
    ("Ignoring API request 'jextend.a1' since API is not accepted.", "not-accepted", S.SILENT_START),
    ("java 71 u 52u IPv6 TCP localhost:newoak->localhost:60199 (CLOSE_WAIT)", "close-wait", S.SILENT_HANDSHAKE),
)
OTHERS: tuple[tuple[str, list[str]], ...] = (
    ("Peer closed connection.", ["peer-closed"]),
    ("Peer closed connection. clientId 7 already in use?", ["client-id-guess"]),
    ("socket.gaierror: [Errno -2] Name or service not known", ["no-name"]),
    ("OSError: [Errno 113] No route to host", ["no-route"]),
    ("TimeoutError: [WinError 10060] A connection attempt failed", ["connect-timeout"]),
    ("socat[90] E connect(5, AF=2 172.20.0.2:4002, 16): Connection timed out", ["socat-timeout"]),
    ("AssertionError: TWS/gateway version must be >= 972", ["client-too-new"]),
    ("ERROR -1 507 Bad message length", ["code-507"]),
    ("BrokenPipeError: [Errno 32] Broken pipe", ["broken-pipe"]),
    ("Error: early eof", ["end-of-stream"]),
    ("Error 579: Invalid symbol in string", ["not-ascii"]),
    ("Error 1102: Connectivity between IB and Trader Workstation has been restored", ["backend-back"]),
    ("[0:1:76:1:0:0:0:DET] The socket client is out of date and needs to be upgraded", ["client-too-old"]),
    ("Error 10197, reqId 5: No market data during competing live session", ["competing"]),
    ("IBC: detected dialog entitled: Existing session detected; event=Opened", ["competing", "ibc-dialog"]),
    ("IBC: detected dialog entitled: Second Factor Authentication; event=Opened", ["ibc-second-factor", "ibc-dialog"]),
    ("Accept incoming connection attempt from 192.168.1.5?", ["dialog"]),
    ("[JTS-SocketListener-49] - State: HEADER, IsAPI: UNKNOWN", ["header"]),
    ("[JTS-SocketListener-49] - State: STOP, IsAPI: YES", ["is-api"]),
    ("Starting new conversation with client on 127.0.0.1", ["conversation"]),
    ("Start API message, ClientID=1", ["start-api"]),
    ("[1:157:157:1:0:0:0:ERR] Socket connection for client{1} has closed.", ["client-closed"]),
    ("Completed orders request cannot be sent for serverId=1 due to timeout", ["completed-orders"]),
    ("API server listening on port 4002", ["listening"]),
    ("------ IB GATEWAY RESTART ------", ["restart"]),
    ("Soft token=0 received instead of expected permanent", ["weekly-login"]),
    ("AuthTimeoutMonitor-CCP: Timeout!", ["auth-timeout"]),
    ("socat[90] N socket 1 (fd 6) is at EOF", ["socat-end"]),
    ("socat[90] N starting data transfer loop with FDs [6,6] and [5,5]", ["socat-start"]),
    ("Can't forward traffic to backend", ["docker-proxy"]),
    ("hello world", []),
    ("orders 1502 502 shares at 504.25", []),
    ("API connection failed: CancelledError()", []),
    ("", []),
)


def ids(line: str) -> list[str]:
    return [known.id for known in known_in(line)]


@pytest.mark.parametrize(("line", "id", "signature"), COMMON, ids=[line[:40] for line, *_ in COMMON])
def test_the_commonest_lines_are_answered(line: str, id: str, signature: S) -> None:
    assert id in ids(line)
    assert signature in next(known.signatures for known in known_in(line) if known.id == id)


@pytest.mark.parametrize(("line", "found"), OTHERS)
def test_what_a_line_is_known_as(line: str, found: list[str]) -> None:
    assert ids(line) == found


def test_every_known_line_is_tried_here() -> None:
    lines = [*(line for line, *_ in COMMON), *(line for line, _ in OTHERS)]
    tried = {id for line in lines for id in ids(line)}
    assert tried == {known.id for known in LINES}


def test_a_log_is_counted_and_its_first_lines_are_kept() -> None:
    read = read_log(["nothing", "  Peer closed connection.\n", "Login has begun", "Error 326, reqId -1: x", "Peer closed connection."])
    assert [(match.known.id, match.times, match.number, match.text) for match in read.matches] == [
        ("peer-closed", 2, 2, "Peer closed connection."),
    ]
    assert read.codes == [326]
    assert read_log([]) == ([], [])


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("Error 326, reqId -1: x", [326]),
        ("ERROR -1 502 Couldn't connect", [502]),
        ("errorCode=2104 errorMsg=x", [2104]),
        ("Warning 2104, reqId 3: y. Error 10141", [2104, 10141]),
        ("error code: 200", [200]),
        ("the error 12 is none, nor is an error 123456", []),
        ("price 326", []),
    ],
)
def test_error_codes_in_a_line(line: str, codes: list[int]) -> None:
    assert read_log([line]).codes == codes


def test_hostile_lines_are_read_like_others() -> None:
    for text in (*HOSTILE, *HUGE):
        read_log([text, f"Error 326: {text} Peer closed connection."])


@given(st.lists(st.text()))
def test_any_lines_are_read(lines: list[str]) -> None:
    read = read_log(lines)
    assert all(match.number <= len(lines) for match in read.matches)
