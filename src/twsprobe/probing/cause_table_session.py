"""The causes that spoil a session after the server's greeting: start, link to IBKR, sync. See `cause_table` for the rules."""

from twsprobe.probing.clues import Clue
from twsprobe.probing.judgement import Cause, Confidence
from twsprobe.probing.signatures import Layer

_PROVEN, _LIKELY, _POSSIBLE, _EXCLUDED = Confidence

_API_SETTINGS = "File > Global Configuration > API > Settings"
_IN_GATEWAY = "In IB Gateway the way is Configure > Settings > API > Settings."

_CLIENT_ID: tuple[Cause, ...] = (
    Cause(
        "client-id-clash",
        "Another program, often a forgotten one, is connected with this client id.",
        "Stop the other program (a notebook kernel, an old process), or use another client id. Give each program its own.",
        "ib_insync#76, ib_insync#360, node-ib#27",
        for_=((Clue.CODE_326, _LIKELY), (Clue.RETRY_READY, _PROVEN), (Clue.CLIENT_ID_CHOSEN, _LIKELY)),
        against=((Clue.RETRY_FAILED, _EXCLUDED), (Clue.CLIENT_ID_RANDOM, _EXCLUDED)),
    ),
    Cause(
        "client-id-stuck",
        "TWS still holds the id for a client that was killed without closing its connection.",
        "Use another client id, or restart TWS or IB Gateway. Let programs disconnect before they end.",
        "ib_async#152, stoqey/ib#43, ib_insync#106",
        for_=((Clue.CODE_326, _POSSIBLE),),
        against=((Clue.CLIENT_ID_RANDOM, _EXCLUDED), (Clue.RETRY_FAILED, _EXCLUDED)),
    ),
    Cause(
        "client-id-transient",
        "The application has just restarted, and ids look taken for about 10 seconds.",
        "Wait 10 to 30 seconds and try again.",
        "nautilus_trader#1622, Lean.Brokerages.InteractiveBrokers#246",
    ),
    Cause(
        "client-id-ignored",
        "The client library did not use the id it was given.",
        "Look in the API log of TWS for the id that arrived, and set it in the library's own way.",
        "PerformanceAnalytics#58",
    ),
    Cause(
        "client-id-zero",
        "Client id 0, or the master id, also gets the orders and executions of others before it is ready.",
        "Use another client id, unless you want to see and bind manual orders; then expect messages before nextValidId.",
        "rust-ibapi#340, ib_insync#415, IBKR docs: message codes",
        for_=((Clue.CLIENT_ID_ZERO, _LIKELY),),
    ),
)

_START: tuple[Cause, ...] = (
    Cause(
        "paper-disclaimer",
        "Nobody has accepted the paper trading disclaimer since the login; clients often misreport it as an id in use.",
        "Accept the disclaimer in the window of TWS or IB Gateway. Under IBC set AcceptNonBrokerageAccountWarning=yes, "
        "then wait 10 to 30 seconds.",
        "IBKR docs: message codes, public traces of code 10141",
        for_=((Clue.CODE_10141, _PROVEN), (Clue.PAPER_PORT, _POSSIBLE), (Clue.PAPER_ACCOUNT, _POSSIBLE)),
        against=((Clue.LIVE_PORT, _POSSIBLE), (Clue.NO_ERROR_CODE, _POSSIBLE)),
    ),
    Cause(
        "paper-disclaimer-race",
        "IBC accepts the disclaimer a moment later than this client came; it returns after each restart.",
        "Try again in 10 to 30 seconds, and let clients wait for nextValidId rather than for the port.",
        "public traces of code 10141",
        for_=((Clue.CODE_10141, _POSSIBLE),),
    ),
    Cause(
        "api-not-accepted",
        "TWS has not accepted this API client, and ignores or drops it.",
        'Look for a dialog on the screen or VNC and answer it. In the API log of TWS look for "Ignoring API request".',
        "tws_async#2, deephaven-ib#12, IBKR docs: connectivity",
        for_=((Clue.RETRY_FAILED, _POSSIBLE),),
    ),
    Cause(
        "api-half-enabled",
        "The API was switched on only in part, as automated logins sometimes do.",
        f"Open {_API_SETTINGS} on the screen or VNC, check the boxes and press OK. {_IN_GATEWAY} Restart if it stays so.",
        "ibga#24",
        for_=((Clue.ONLY_ACCOUNTS, _LIKELY), (Clue.ONLY_ORDER_ID, _POSSIBLE)),
    ),
    Cause(
        "early-requests",
        "The client sent requests before TWS had accepted it, and TWS drops those.",
        "Let the client wait for nextValidId and managedAccounts before it sends anything.",
        "tws_async#2, deephaven-ib#12, IBKR docs: connectivity",
        against=((Clue.START_SENT, _EXCLUDED),),
    ),
    Cause(
        "invalid-start-field",
        "TWS closes on a field it cannot read, such as capabilities with characters outside printable ASCII.",
        f'Tick "Maintain connection upon receiving incorrectly formatted fields" in {_API_SETTINGS}. '
        f"{_IN_GATEWAY} Leave optional capabilities and connect options empty.",
        "IBKR docs: settings, IBKR's reference clients",
    ),
    Cause(
        "tws-locked",
        "TWS is locked and refuses API clients.",
        "Unlock TWS on its screen, or change the lock under File > Global Configuration > Lock and Exit.",
        "IBKR docs: settings",
    ),
    Cause(
        "other-error-code",
        "TWS refused the session for a reason of its own, which the code names.",
        "Do what the text of the code says.",
        "IBKR docs: message codes",
        for_=((Clue.ERROR_CODE, _LIKELY),),
    ),
    Cause(
        "port-changed",
        "Someone changed the socket port of TWS while clients were connected.",
        f"Connect to the port that the text of code 1300 names. It is set in {_API_SETTINGS}. {_IN_GATEWAY} "
        "Under IBC check OverrideTwsApiPort.",
        "IBKR docs: message codes",
        for_=((Clue.CODE_1300, _PROVEN),),
    ),
    Cause(
        "malformed-request",
        "TWS could not make sense of what the client sent.",
        "Update the client library, or let it offer only versions that it really speaks. Record both sides and decode them.",
        "IBKR docs: message codes",
        for_=((Clue.BAD_REQUEST_CODE, _LIKELY), (Clue.CODE_321, _POSSIBLE)),
        against=((Clue.READ_ONLY_TEXT, _EXCLUDED),),
    ),
    Cause(
        "protobuf-desync",
        "Client and server disagree about which messages are protobuf.",
        "Let the client offer at most version 200, or one that it fully speaks, and compare.",
        "ib_async#138, rust-ibapi#410, rust-ibapi#756",
        for_=((Clue.PROTOBUF_VERSION, _POSSIBLE),),
    ),
    Cause(
        "unknown-layout",
        "TWS lays this message out in a way that this program does not know.",
        "Offer only older versions, such as 100..178, and compare. Record the session and report it to the authors of this program.",
        "inferred",
    ),
    Cause(
        "frame-desync",
        "Bytes were lost or added on the way, so that lengths and messages no longer match.",
        "Take forwarders out of the path and try again. Record the bytes, and look at the offset where they stop making sense.",
        "rust-ibapi#756, rust-ibapi#185",
    ),
    Cause(
        "time-zone-encoding",
        "The server's time zone is no UTF-8, and some clients break on it.",
        "Update the client, or set the language of the TWS machine to English and an ordinary time zone at the login.",
        "rust-ibapi#352, rust-ibapi#357, rust-ibapi#455",
        for_=((Clue.TIME_ZONE_NOT_ASCII, _LIKELY),),
    ),
)

_BACKEND: tuple[Cause, ...] = (
    Cause(
        "backend-link-lost",
        "TWS is up but has no link to IBKR: a nightly reset, or the internet connection of its machine.",
        "Wait for code 1101 or 1102. If none comes within some minutes, check that machine's internet connection and log in again.",
        "ib_insync#469, Lean.Brokerages.InteractiveBrokers#227, IBKR docs: message codes",
        for_=((Clue.CODE_1100, _PROVEN), (Clue.CODE_2110, _PROVEN)),
    ),
    Cause(
        "relogin-required",
        "The application is stuck at its login window, as after the weekly end of a login.",
        "Look at the screen or VNC, and log in again with the second factor.",
        "Lean.Brokerages.InteractiveBrokers#258, Lean.Brokerages.InteractiveBrokers#246, Lean#3297",
    ),
    Cause(
        "competing-session",
        "The same user is logged in elsewhere: live and paper at once, a phone, or the Client Portal.",
        "Log out there, or use a second user name for the API. Under IBC set ExistingSessionDetectedAction.",
        "IBC#15, IBKR docs: message codes",
        layer=Layer.SESSION,
        for_=((Clue.CODE_10197, _PROVEN),),
    ),
    Cause(
        "farm-outage",
        "A data farm of IBKR is out of reach; requests for its data stay unanswered.",
        "Wait for the matching OK notice (2104, 2106 or 2158). If it stays away, check IBKR's system status and other logins.",
        "IBKR docs: message codes, node-ib#34",
        for_=((Clue.FARM_BROKEN, _PROVEN),),
    ),
    Cause(
        "pacing",
        "Clients send more messages a second than TWS allows, which can also freeze a gateway.",
        "Let clients send at most 50 messages a second, spread out. "
        f'Or untick "Reject messages above maximum allowed message rate" in {_API_SETTINGS}. {_IN_GATEWAY}',
        "Lean#913, ib_insync#443, stoqey/ib#68, IBKR docs: limits",
        for_=((Clue.CODE_100, _PROVEN), (Clue.RATE_WARNING, _LIKELY)),
    ),
    Cause(
        "read-only-api",
        "The API is in read-only mode, where even questions about orders may be refused.",
        f'Untick "Read-Only API" in {_API_SETTINGS}. {_IN_GATEWAY} Under IBC set ReadOnlyApi=no. '
        "Or connect with your client's read-only option.",
        "ib_insync#1, ib_insync#7, IBC#341",
        for_=((Clue.READ_ONLY_TEXT, _PROVEN), (Clue.CODE_321, _POSSIBLE)),
    ),
)

_SYNC: tuple[Cause, ...] = (
    Cause(
        "sync-account-updates",
        "Some TWS versions never end the account download, above all after a fresh start or with several accounts.",
        "Name one account in the client (account=...), restart the application, or use another version of it.",
        "ib_insync#303, ib_insync#386, ib_insync#612",
        for_=((Clue.STALLED_ACCOUNT_UPDATES, _LIKELY), (Clue.SEVERAL_ACCOUNTS, _POSSIBLE)),
    ),
    Cause(
        "account-contention",
        "Another client holds the account update subscription, and TWS serves one at a time.",
        "Stop the other client's account updates, or use positions and account summary in their place.",
        "IBKR docs: message codes, ib_insync#386",
        for_=((Clue.SUBSCRIPTION_CONTENDED, _LIKELY),),
    ),
    Cause(
        "sync-executions",
        "Some TWS versions (10.23 to 10.31 were reported) never end the list of executions after hours.",
        "Let the client skip executions at the start (in ib_async: fetchFields), or use another TWS version.",
        "ib_insync#638, ib_async#54, ib_async#82",
        for_=((Clue.STALLED_EXECUTIONS, _LIKELY),),
    ),
    Cause(
        "sync-completed-orders",
        "An earlier request for completed orders is still pending, there are thousands of them, or the API is read-only.",
        "Connect with the client's read-only option to skip them, or give it more time. Restart the application if it stays so.",
        "ib_insync#224, ib_insync#355, ib_async#128",
        for_=((Clue.STALLED_COMPLETED_ORDERS, _LIKELY),),
    ),
    Cause(
        "sync-positions",
        "The positions do not come because the application's link to IBKR hangs.",
        "Connect again. If that does not help, restart TWS or IB Gateway.",
        "ib_async#84, ib_async#101",
        for_=((Clue.STALLED_POSITIONS, _LIKELY),),
    ),
    Cause(
        "sync-open-orders",
        "Some TWS versions now and then do not end the list of open orders, more so for client id 0.",
        "Try again, use another client id than 0, and update TWS.",
        "Lean#254",
        for_=((Clue.STALLED_OPEN_ORDERS, _LIKELY), (Clue.CLIENT_ID_ZERO, _POSSIBLE)),
    ),
    Cause(
        "current-time-pacing",
        "TWS leaves a second reqCurrentTime within one second unanswered.",
        "Ask for the time at most once a second.",
        "ib_insync#604",
        for_=((Clue.STALLED_CURRENT_TIME, _LIKELY),),
    ),
    Cause(
        "half-open-connection",
        "The connection died unnoticed: a tunnel or NAT dropped it, or the other machine sleeps.",
        "Connect again. Keep the other machine awake, and keep the tunnel alive (ssh: ServerAliveInterval).",
        "ib_insync#419, OpenAlice#294, node-ib#65",
        layer=Layer.TCP,
        for_=((Clue.REMOTE_PEER, _POSSIBLE),),
        against=((Clue.PEER_CLOSED, _EXCLUDED),),
    ),
    Cause(
        "sync-close-regression",
        "Some TWS builds (10.25.1n was reported) close the connection while account values stream.",
        "Use another version of TWS, or IB Gateway. Record the session: the last messages before the close matter.",
        "ib_insync#655",
        for_=((Clue.TWS_PORT, _POSSIBLE),),
    ),
)

SESSION_CAUSES: tuple[Cause, ...] = (*_CLIENT_ID, *_START, *_BACKEND, *_SYNC)
