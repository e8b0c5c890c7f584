"""Error and notice codes: how severe, what they mean, what a prober concludes.

TWS reports errors and notices in message 4 (`errMsg`) as a number and a text. Client libraries report their own troubles with
numbers of the same series, so a log shows "502" as if TWS had said it; those are `Origin.LOCAL` and never cross the wire.
Sources: IBKR's list of message codes, the constants of the official clients, and public threads where the list is silent.
Known doubt: the text decides for codes that stand for several things (0, 162, 321), and the text may be in the language of
the machine that TWS runs on.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple


class Severity(Enum):
    """How bad a code is for the session it arrives in."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"
    """TWS closes the connection after it."""


class Origin(Enum):
    """Who makes the code up."""

    WIRE = "wire"
    """TWS sends it."""
    LOCAL = "local"
    """A client library invents it; it is never on the wire."""


class Code(NamedTuple):
    """One code: what it means, and what a prober concludes from seeing it (one sentence each)."""

    number: int
    severity: Severity
    origin: Origin
    meaning: str
    conclusion: str


class CodeRange(NamedTuple):
    """Consecutive codes, both ends included, that differ only in the request they name."""

    first: int
    last: int
    severity: Severity
    origin: Origin
    meaning: str
    conclusion: str


_INFORMATION, _WARNING, _ERROR, _FATAL = Severity

_HEALTHY = "The session is healthy; only this request failed."
_ORDER = "The session is healthy; this concerns one order."
_DATA_RIGHTS = "The session is healthy; the login lacks the market data for this request."
_FARM_UP = "This is good news and no error."
_FARM_IDLE = "This is healthy: the farm connects when data is asked for."
_FARM_DOWN = "The session works, but requests to this farm stay unanswered until the matching OK notice."
_CLIENT_SIDE = "A client library wrote this, so look at what the client did and not at TWS."

_WIRE: tuple[tuple[int, Severity, str, str], ...] = (
    (
        0,
        _WARNING,
        "A warning without a number of its own, such as nearing the message rate limit.",
        "Read the text; the session is healthy.",
    ),
    (
        100,
        _ERROR,
        "More messages a second were sent than TWS allows (market data lines divided by two, 50 by default).",
        "This client, or another one under the same id, is too fast; TWS closes the connection when it happens again and again.",
    ),
    (101, _ERROR, "No more market data lines are free for this login.", _HEALTHY),
    (102, _ERROR, "A market data request uses an id that is already in use.", _HEALTHY),
    (
        103,
        _ERROR,
        "An order uses an order id that was used before.",
        "The session is healthy; the client must count on from the id in nextValidId.",
    ),
    (162, _ERROR, "The historical data service refused or cancelled a query; the text says why (pacing, permission, no data).", _HEALTHY),
    (165, _INFORMATION, "The historical data service passes on a remark.", "The session is healthy."),
    (200, _ERROR, "No contract, or more than one, fits the description.", _HEALTHY),
    (201, _ERROR, "An order was rejected; the text says why.", _ORDER),
    (202, _WARNING, "An order was cancelled.", _ORDER),
    (203, _ERROR, "The account may not trade this instrument.", _ORDER),
    (300, _ERROR, "There is no market data request with this id.", _HEALTHY),
    (309, _ERROR, "No more market depth requests are free for this login.", _HEALTHY),
    (310, _ERROR, "There is no market depth request with this id.", _HEALTHY),
    (
        320,
        _ERROR,
        "TWS could not read a request.",
        "The client sent malformed fields, most likely for another server version than the negotiated one.",
    ),
    (
        321,
        _ERROR,
        "TWS read a request and found it invalid, or not allowed in read-only mode; the text says which.",
        "With Read-Only in the text the API is read-only; otherwise the client left out or mistook a field.",
    ),
    (322, _ERROR, "TWS could not process a request.", "The client most likely sent malformed fields."),
    (323, _ERROR, "Processing a request failed inside TWS.", "The client most likely sent malformed fields."),
    (
        326,
        _FATAL,
        "Another connection is using this client id.",
        "The id is taken, or still held for a client that went away uncleanly: try another id.",
    ),
    (327, _ERROR, "Only client id 0 may bind manual orders automatically.", "The session is healthy; reqAutoOpenOrders needs client id 0."),
    (354, _ERROR, "The login has no subscription for this market data.", _DATA_RIGHTS),
    (366, _ERROR, "There is no historical data query with this id.", _HEALTHY),
    (387, _ERROR, "The exchange does not take this type of order for this instrument.", _ORDER),
    (420, _ERROR, "A request for real-time bars is not valid; the text says why.", _HEALTHY),
    (430, _ERROR, "There are no fundamental data for this instrument.", _HEALTHY),
    (1100, _ERROR, "TWS lost its link to IBKR.", "The API connection is fine; TWS itself is offline until 1101 or 1102 arrives."),
    (
        1101,
        _WARNING,
        "The link to IBKR is back, and market data subscriptions were lost.",
        "The session works again; the client has to subscribe anew.",
    ),
    (1102, _INFORMATION, "The link to IBKR is back, and market data subscriptions were kept.", "The session works again."),
    (1300, _FATAL, "The socket port of TWS was changed while the client was connected.", "Connect again on the port that the text names."),
    (
        2100,
        _WARNING,
        "Another client took over the account update subscription.",
        "Account values stop here, because only one subscription of this kind is served.",
    ),
    (
        2101,
        _WARNING,
        "Other clients are subscribed to the updates of a different account.",
        "Account values may not come until those clients let go.",
    ),
    (2102, _WARNING, "The order is still being processed and cannot be modified yet.", _ORDER),
    (2103, _WARNING, "The link to a market data farm is broken.", _FARM_DOWN),
    (2104, _INFORMATION, "The link to a market data farm is OK.", _FARM_UP),
    (2105, _WARNING, "The link to a historical data farm is broken.", _FARM_DOWN),
    (2106, _INFORMATION, "The link to a historical data farm is OK.", _FARM_UP),
    (2107, _INFORMATION, "A historical data farm is idle and available on demand.", _FARM_IDLE),
    (2108, _INFORMATION, "A market data farm is idle and available on demand.", _FARM_IDLE),
    (2109, _WARNING, "The outside-regular-hours attribute of an order was ignored.", _ORDER),
    (
        2110,
        _ERROR,
        "The link between TWS and IBKR is broken and will be restored automatically.",
        "The API connection is fine; TWS itself is offline until 1101 or 1102 arrives.",
    ),
    (2119, _INFORMATION, "A market data farm is being connected.", "This is transient; wait for 2104."),
    (2137, _WARNING, "The order would turn the position from long to short or back.", _ORDER),
    (2148, _WARNING, "The margin or leverage cushion is small.", "The session is healthy; this concerns the account."),
    (2150, _WARNING, "A value derived from a position trade is invalid.", "This says nothing about the connection."),
    (
        2152,
        _INFORMATION,
        "The exchanges behind smart market depth are listed, with those that need a subscription.",
        "The session is healthy.",
    ),
    (2157, _WARNING, "The link to the security definition farm is broken.", _FARM_DOWN),
    (2158, _INFORMATION, "The link to the security definition farm is OK.", _FARM_UP),
    (2168, _WARNING, "The order attribute eTradeOnly is no longer supported.", "The client is very old."),
    (2169, _WARNING, "The order attribute firmQuoteOnly is no longer supported.", "The client is very old."),
    (10089, _ERROR, "This market data needs an extra subscription for the API; delayed data is available.", _DATA_RIGHTS),
    (10090, _WARNING, "A part of the requested market data is not subscribed.", _DATA_RIGHTS),
    (
        10141,
        _FATAL,
        "The disclaimer for API connections to a paper account was not accepted yet.",
        "Nobody has accepted the disclaimer since the login; many clients misreport this as a client id in use.",
    ),
    (10092, _ERROR, "The exchange offers no market depth for this instrument.", _HEALTHY),
    (10147, _ERROR, "The order to cancel was not found.", _ORDER),
    (10148, _ERROR, "The order cannot be cancelled in its present state.", _ORDER),
    (10167, _WARNING, "The market data is not subscribed, and delayed data is sent instead.", _DATA_RIGHTS),
    (10168, _ERROR, "The market data is not subscribed, and delayed data is not enabled.", _DATA_RIGHTS),
    (
        10182,
        _ERROR,
        "Live updates of historical bars stopped because the link was lost.",
        "The session is healthy; the client has to ask for the bars again.",
    ),
    (10172, _ERROR, "A news article could not be fetched.", _HEALTHY),
    (10186, _ERROR, "The market data is not subscribed, and delayed data is not enabled.", _DATA_RIGHTS),
    (10187, _ERROR, "Historical ticks could not be fetched.", _HEALTHY),
    (10189, _ERROR, "Tick-by-tick data failed, for lack of permission or because the login trades from another address.", _HEALTHY),
    (10190, _ERROR, "Too many tick-by-tick requests are open.", _HEALTHY),
    (
        10197,
        _ERROR,
        "Another live session of the same user name takes the market data.",
        "The user is logged in elsewhere, such as live and paper at once, a phone or the Client Portal.",
    ),
    (
        10225,
        _WARNING,
        "A bust event ended a real-time bar subscription.",
        "The session is healthy; the client has to subscribe to the bars again.",
    ),
    (10276, _ERROR, "The login has no permission for the corporate event news feed.", _HEALTHY),
    (
        10285,
        _ERROR,
        "The negotiated version is too low for the fractional size rules of this request.",
        "The client offers a version below 163; upgrade it.",
    ),
    (10282, _ERROR, "Events of Wall Street Horizon were asked for before its metadata.", _HEALTHY),
    (10283, _ERROR, "Events of Wall Street Horizon could not be fetched.", _HEALTHY),
    (10299, _ERROR, "This request needs another kind of data in whatToShow.", _HEALTHY),
    (10314, _ERROR, "A date, a time or a time zone in a request is not valid.", _HEALTHY),
    (10358, _ERROR, "This TWS or this login gives no fundamental data.", _HEALTHY),
)

_LOCAL: tuple[tuple[int, str, str], ...] = (
    (501, "The client is connected already.", _CLIENT_SIDE),
    (502, "The TCP connection could not be made.", "Nothing reached TWS: a probe shows whether it was refused, timed out or closed."),
    (503, "The server version is too low for a request.", "Upgrade TWS or use the request's older form."),
    (504, "A request was made without a connection.", "Often the client asks before its handshake is finished."),
    (505, "A message with an unknown id arrived.", "The client is older than the version it offered, or lost its place in the stream."),
    (506, "The server version is outside the range that the client supports.", "Upgrade TWS, or use an older client."),
    (507, "A length was impossible, or the connection ended.", "TWS closed the connection: look at what it sent just before."),
    (508, "A message could not be decoded.", "The client and TWS disagree about the layout of the negotiated version."),
    (509, "Reading from the socket failed.", "The connection broke: a probe shows on which side."),
    (520, "There is no socket to send on.", _CLIENT_SIDE),
    (
        579,
        "A text to be sent holds characters outside printable ASCII.",
        "The client refused to send; check host, connect options and optional capabilities.",
    ),
    (585, "Sending a financial advisor profile request failed.", _CLIENT_SIDE),
    (588, "A request could not be encoded as protobuf.", _CLIENT_SIDE),
    (592, "Sending a configuration request failed.", _CLIENT_SIDE),
    (593, "Sending a configuration update failed.", _CLIENT_SIDE),
)

CODES: Mapping[int, Code] = MappingProxyType(
    {number: Code(number, severity, Origin.WIRE, meaning, conclusion) for number, severity, meaning, conclusion in _WIRE}
    | {number: Code(number, Severity.ERROR, Origin.LOCAL, meaning, conclusion) for number, meaning, conclusion in _LOCAL}
)
"""Every code that is known by itself, by its number."""

RANGES: tuple[CodeRange, ...] = (
    CodeRange(510, 593, Severity.ERROR, Origin.LOCAL, "Sending one kind of request failed inside the client.", _CLIENT_SIDE),
)
"""Codes known only as members of a series; a number in `CODES` is looked up there first."""


def code(number: int) -> Code | None:
    """What is known about a code, or None for a number that no source lists."""
    known = CODES.get(number)
    if known is not None:
        return known
    for series in RANGES:
        if series.first <= number <= series.last:
            return Code(number, series.severity, series.origin, series.meaning, series.conclusion)
    return None
