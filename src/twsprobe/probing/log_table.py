"""Lines that client libraries write when a connection fails, and codes of TWS as clients log them (see ``log_lines``)."""

from __future__ import annotations

from typing import NamedTuple

from twsprobe.probing.signatures import Signature as S

PROBE = "twsprobe probe HOST:PORT"


class Known(NamedTuple):
    """A line that is known: its pattern, its meaning, the signatures that may be behind it, what to run next, where it is known from."""

    id: str
    pattern: str
    meaning: str
    signatures: tuple[S, ...]
    command: str
    source: str


NOT_UP = (S.TCP_REFUSED, S.TCP_TIMEOUT, S.TCP_UNREACHABLE, S.NAME_UNRESOLVED)
CLOSED_EARLY = (S.CLOSED_BEFORE_PREFIX, S.CLOSED_AFTER_PREFIX)
CLOSED_LATE = (S.CLIENT_ID_IN_USE, S.PAPER_DISCLAIMER, S.CLOSED_AFTER_START, S.REJECTED)

CLIENT_LINES: tuple[Known, ...] = (
    Known(
        "client-timeout",
        r"API connection failed: (?:asyncio\.)?TimeoutError|\bTimeoutError\(\)",
        "The client gave up waiting, and says nothing of why. It may have met silence, a close, or an answer that never came to its end.",
        (S.SILENT_HANDSHAKE, *CLOSED_EARLY, S.SILENT_START, S.PARTIAL_START, S.SYNC_STALLED, S.TCP_TIMEOUT),
        f"{PROBE} --as ib_async --sync",
        "ib_insync#386, ib_async#18",
    ),
    Known(
        "client-id-guess",
        r"Peer closed connection\. clientId \S+ already in use",
        "The server closed the connection after its greeting. That the client id is in use is the client's guess.",
        CLOSED_LATE,
        f"{PROBE} --client-id ID",
        "ib_insync#76, ib_async#143",
    ),
    Known(
        "peer-closed",
        r"Peer closed connection(?!\.? ?clientId)",
        "The server ended the connection.",
        (*CLOSED_EARLY, *CLOSED_LATE, S.CLOSED_DURING_SYNC),
        f"{PROBE} --sync",
        "ib_insync#386",
    ),
    Known(
        "refused",
        r"ConnectionRefusedError|ECONNREFUSED|WinError 10061|Connect call failed|"
        r"API connection failed: .*(?:refused|Errno 111)|Make sure API port on TWS",
        "Nothing accepted the connection: TWS does not run, has not finished its login, has the API switched off, or has another port.",
        (S.TCP_REFUSED,),
        PROBE,
        "backtrader#217, ib_insync#261",
    ),
    Known(
        "code-502",
        r"Couldn'?t connect to TWS|\b(?:[Ee]rror|code)\D{0,12}502\b|^\s*-?\d+ 502\b",
        "The client could not open the TCP connection. It makes this code up by itself: TWS saw nothing of it.",
        NOT_UP,
        PROBE,
        "IBKR's message codes",
    ),
    Known(
        "code-504",
        r"\b504\b.{0,40}Not connected|Not connected\b.{0,10}$",
        "The program sent a request before it was connected, or after it had lost the connection. Look for what was said before.",
        (*NOT_UP, *CLOSED_EARLY, *CLOSED_LATE),
        f"{PROBE} --sync",
        "IBKR's message codes",
    ),
    Known(
        "client-too-new",
        r"version must be >= ?\d+|\b(?:503|506)\b.{0,60}(?:[Uu]nsupported [Vv]ersion|out of date)|TWS is out of date",
        "The client cannot speak a version as old as this server's.",
        (S.VERSION_UNSUPPORTED,),
        PROBE,
        "rust-ibapi#527, ib_insync#667",
    ),
    Known(
        "client-too-old",
        r"socket client is out of date and needs to be upgraded",
        "TWS wants a client that speaks newer versions than this one.",
        (S.VERSION_UNSUPPORTED, S.CLOSED_AFTER_START, S.SILENT_START),
        PROBE,
        "node-ib#131",
    ),
    Known(
        "code-507",
        r"[Bb]ad [Mm]essage [Ll]ength|\b507\b.{0,30}[Bb]ad|message is too long",
        "The client read no whole frame: mostly because the server closed the connection, as it does for a client id that is in use.",
        (*CLOSED_LATE, S.FRAME_INVALID, S.NOT_TWS),
        f"{PROBE} --client-id ID",
        "IBKR's message codes",
    ),
    Known(
        "code-326",
        r"\b326\b.{0,60}client id|client id is already in use",
        "Another connection has this client id. TWS says so itself.",
        (S.CLIENT_ID_IN_USE,),
        f"{PROBE} --client-id ID",
        "ib_insync#106",
    ),
    Known(
        "code-10141",
        r"\b10141\b|[Pp]aper trading disclaimer",
        "The disclaimer of paper trading has not been accepted in this session. What a client says of its id then is not so.",
        (S.PAPER_DISCLAIMER,),
        PROBE,
        "IBKR's message codes",
    ),
    Known(
        "reset",
        r"ConnectionResetError|ECONNRESET|[Cc]onnection reset by peer|WinError 10054|Errno 104\b",
        "The server, or a forwarder in front of it, reset the connection.",
        (*CLOSED_EARLY, S.CLOSED_AFTER_START, S.CLOSED_DURING_SYNC),
        f"{PROBE} --sync",
        "Lean.Brokerages.InteractiveBrokers#151",
    ),
    Known(
        "broken-pipe",
        r"BrokenPipeError|\bEPIPE\b|[Bb]roken pipe|WinError 10053",
        "The client wrote to a connection that the server had closed, as TWS does after the third time that requests came too fast.",
        (S.CLOSED_DURING_SYNC, S.CLOSED_AFTER_START),
        f"{PROBE} --sync",
        "stoqey/ib#68",
    ),
    Known(
        "end-of-stream",
        r"early eof|UnexpectedEof|may be rejecting connections from this host|IncompleteReadError",
        "The server closed the connection without a word, as it does to addresses that it does not trust, and a forwarder without a TWS.",
        (*CLOSED_EARLY, S.CLOSED_AFTER_START),
        PROBE,
        "rust-ibapi#286, Jib.jl#43",
    ),
    Known(
        "no-name",
        r"Name or service not known|getaddrinfo failed|nodename nor servname|Temporary failure in name resolution|ENOTFOUND|Errno 11001",
        "The name of the host has no address here. The name of a compose service exists in its network only.",
        (S.NAME_UNRESOLVED,),
        PROBE,
        "ib-gateway-docker#34",
    ),
    Known(
        "no-route",
        r"No route to host|[Nn]etwork is unreachable|EHOSTUNREACH|ENETUNREACH|WinError 1006[57]\b",
        "There is no way from here to that address.",
        (S.TCP_UNREACHABLE,),
        PROBE,
        "ib_insync#529",
    ),
    Known(
        "connect-timeout",
        r"^(?!.*\bE connect\().*(?:ETIMEDOUT|WinError 10060|[Cc]onnect(?:ion)?(?: attempt)? timed out)",
        "The attempt to connect got no answer: a firewall, a wrong address or, on this machine, a TWS that accepts no more connections.",
        (S.TCP_TIMEOUT, S.SILENT_HANDSHAKE),
        PROBE,
        "microsoft/WSL#4139",
    ),
    Known(
        "sync-timeout",
        r"(?:positions|open orders|completed orders|account updates(?: for \S+)?|executions) request timed out",
        "The session is up. One of the requests with which the client loads the account got no end to its answer.",
        (S.SYNC_STALLED,),
        f"{PROBE} --sync",
        "ib_insync#303, ib_async#84",
    ),
    Known(
        "not-ascii",
        r"\b579\b|Invalid symbol in string",
        "The client refused to send a text with characters beyond ASCII, in the host or in its options. TWS saw nothing of it.",
        (),
        "twsprobe explain 579",
        "IBKR's message codes",
    ),
    # Codes that TWS sends, as clients log them.
    Known(
        "read-only",
        r"Read-?[Oo]nly mode|\b321\b.{0,80}Read",
        "The API is set to read only: orders, and some queries of orders, are refused. The connection is well.",
        (S.READY,),
        f"{PROBE} --config",
        "ib_insync#1, backtrader#65",
    ),
    Known(
        "backend-lost",
        r"Connectivity between IB\w* and (?:the )?(?:TWS|Trader Workstation) has been lost|"
        r"\b(?:1100|2110)\b.{0,60}(?:[Cc]onnectivity|broken)",
        "TWS has lost its own link to IBKR. The API's connection stays open, and nothing new comes.",
        (S.BACKEND_LOST,),
        PROBE,
        "ib_insync#469",
    ),
    Known(
        "backend-back",
        r"\b110[12]\b.{0,60}[Cc]onnectivity|Connectivity between .{0,40} has been restored",
        "The link of TWS to IBKR is back. After 1101 subscriptions have to be made again, after 1102 they go on.",
        (S.READY,),
        PROBE,
        "IBKR's message codes",
    ),
    Known(
        "farm",
        r"(?:[Dd]ata farm|HMDS|Sec-def) .{0,40}(?:connection is|is connecting)|data farm connection is",
        "News of a link between TWS and a data farm: OK, connecting and inactive are no errors; broken means that its data does not come.",
        (S.READY,),
        "twsprobe explain 2104",
        "node-ib#34",
    ),
    Known(
        "rate",
        r"max rate of \d* ?messages|Max rate of messages per second",
        "Requests come faster than TWS takes them: half as many a second as there are market data lines, 50 for most.",
        (S.CLOSED_DURING_SYNC, S.READY),
        "twsprobe explain 100",
        "ib_insync#443, Lean#913",
    ),
    Known(
        "competing",
        r"\b10197\b|competing live session|[Ee]xisting session detected",
        "The same user is logged in elsewhere. One of the two loses its session, or its market data.",
        (S.TCP_REFUSED, S.BACKEND_LOST, S.READY),
        PROBE,
        "IBC#15",
    ),
)
