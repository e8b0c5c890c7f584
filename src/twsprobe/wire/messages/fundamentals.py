"""Reports about companies. IBKR has taken them out of TWS and of its clients with release 10.47.

What is declared here is the last that clients had, of release 10.46.
"""

from __future__ import annotations

from twsprobe.wire.declaration import As, Many, Nested, Record, Under, Version, text
from twsprobe.wire.fields import EscapedString, Int, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.messages.contracts import CONTRACT
from twsprobe.wire.messages.order_records import TAG_VALUE
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

FUNDAMENTALS_DATA = Record(
    "FundamentalsData",
    "reqId" / Int(1, "the request that this answers"),
    "data" / EscapedString(2, "the report, as XML"),
)
FUNDAMENTALS_DATA_REQUEST = Record(
    "FundamentalsDataRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "contract" / Nested(CONTRACT, 2, "the company's stock"),
    "reportType" / String(3, "ReportSnapshot, ReportsFinSummary, ReportRatios, ReportsFinStatements, RESC or CalendarReport"),
    "fundamentalsDataOptionsCount" / Int(None, "how many options are in the next field"),
    "fundamentalsDataOptions" / Many(TAG_VALUE, 4, "options that have no field of their own; none is public"),
)

MESSAGES = (
    Message(
        "fundamentalData",
        51,
        TO_CLIENT,
        "The report that a request asked for; gone since release 10.47.",
        FUNDAMENTALS_DATA,
        text(FUNDAMENTALS_DATA, Version(1), "reqId data"),
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "reqFundamentalData",
        52,
        TO_SERVER,
        "Asks for fundamentalData; gone since release 10.47.",
        FUNDAMENTALS_DATA_REQUEST,
        text(
            FUNDAMENTALS_DATA_REQUEST,
            Version(2),
            "reqId",
            Under("contract", "conId symbol secType exchange primaryExch currency localSymbol"),
            "reportType fundamentalsDataOptionsCount",
            As("fundamentalsDataOptions", TagValues()),
        ),
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "cancelFundamentalData",
        53,
        TO_SERVER,
        "Ends reqFundamentalData; gone since release 10.47.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
)
