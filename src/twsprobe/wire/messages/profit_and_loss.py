"""Profit and loss of an account or of one position, as TWS reckons it now; about once a second.

Amounts are in the base currency of the account. One that TWS does not know is unset.
"""

from __future__ import annotations

from twsprobe.wire.declaration import Record, Since, text
from twsprobe.wire.fields import Decimal, Double, Int, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

PNL = Record(
    "PnL",
    "reqId" / Int(1, "the request that this answers"),
    "dailyPnL" / Double(2, "the gain of the day"),
    "unrealizedPnL" / Double(3, "the gain if every position were closed now"),
    "realizedPnL" / Double(4, "the gain of what was closed today"),
)
PNL_SINGLE = Record(
    "PnLSingle",
    "reqId" / Int(1, "the request that this answers"),
    "position" / Decimal(2, "how much is held, in shares or contracts; negative for a short position"),
    "dailyPnL" / Double(3, "the gain of the day"),
    "unrealizedPnL" / Double(4, "the gain if the position were closed now"),
    "realizedPnL" / Double(5, "the gain of what was closed today"),
    "value" / Double(6, "what the position is worth"),
)
PNL_REQUEST = Record(
    "PnLRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "account" / String(2, "the account"),
    "modelCode" / String(3, "the model portfolio; empty for all of the account"),
)
PNL_SINGLE_REQUEST = Record(
    "PnLSingleRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "account" / String(2, "the account that holds the position"),
    "modelCode" / String(3, "the model portfolio; empty for all of the account"),
    "conId" / Int(4, "the contract that is held"),
)
KINDS = (Since(V.UNREALIZED_PNL, "unrealizedPnL"), Since(V.REALIZED_PNL, "realizedPnL"))

MESSAGES = (
    Message(
        "pnl",
        94,
        TO_CLIENT,
        "The profit and loss of an account or model.",
        PNL,
        text(PNL, "reqId dailyPnL", *KINDS),
        since=V.PNL,
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "pnlSingle",
        95,
        TO_CLIENT,
        "The profit and loss of one position.",
        PNL_SINGLE,
        text(PNL_SINGLE, "reqId position dailyPnL", *KINDS, "value"),
        since=V.PNL,
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "reqPnL",
        92,
        TO_SERVER,
        "Asks for pnl of an account or model.",
        PNL_REQUEST,
        text(PNL_REQUEST, "reqId account modelCode"),
        since=V.PNL,
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "cancelPnL",
        93,
        TO_SERVER,
        "Ends reqPnL.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.PNL,
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "reqPnLSingle",
        94,
        TO_SERVER,
        "Asks for pnlSingle of one position.",
        PNL_SINGLE_REQUEST,
        text(PNL_SINGLE_REQUEST, "reqId account modelCode conId"),
        since=V.PNL,
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "cancelPnLSingle",
        95,
        TO_SERVER,
        "Ends reqPnLSingle.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.PNL,
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
)
