"""Executions: what was traded, and what it cost.

execDetails had a version of its own until LAST_LIQUIDITY. It is read as version 10, the last: TWS has sent that one since before the
first server version that is declared here.
"""

from __future__ import annotations

from twsprobe.wire.declaration import Many, Nested, Record, Repeat, Since, Under, Until, Version, text
from twsprobe.wire.fields import Bool, Decimal, Double, Int, Long, SpelledOutInt, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.contracts import CONTRACT, HELD
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

EXECUTION = Record(
    "Execution",
    "orderId" / Int(1, "the order of the client that placed it; large or negative numbers for orders placed by hand"),
    "execId" / String(2, "IBKR's id of the execution; a correction differs from it behind the last dot"),
    "time" / String(3, "when it was executed: YYYYMMDD HH:MM:SS and a time zone"),
    "acctNumber" / String(4, "the account it was executed for"),
    "exchange" / String(5, "where it was executed"),
    "side" / String(6, "BOT for bought, SLD for sold"),
    "shares" / Decimal(7, "how much was executed, in shares or contracts"),
    "price" / Double(8, "the price of one, commissions left out"),
    "permId" / Long(9, "IBKR's id of the order, the same for every client"),
    "clientId" / Int(10, "the client that placed the order"),
    "isLiquidation" / Bool(11, "whether IBKR liquidated the position"),
    "cumQty" / Decimal(12, "how much of the order is executed so far, in shares or contracts"),
    "avgPrice" / Double(13, "the average price of what is executed so far"),
    "orderRef" / String(14, "the text that the client gave the order"),
    "evRule" / String(15, "the economic value rule: how a price becomes a value"),
    "evMultiplier" / Double(16, "the value of the contract at a price of 1, where a rule says so"),
    "modelCode" / String(17, "the model portfolio that it was executed for; empty for none"),
    "lastLiquidity" / Int(18, "0 unknown, 1 added liquidity, 2 took it, 3 was routed out"),
    "isPriceRevisionPending" / Bool(19, "whether the price may still be revised"),
    "submitter" / String(20, "the user that submitted the order"),
    "optExerciseOrLapseType" / Int(21, "how an option ended: 1 exercised, 2 lapsed, 100 assigned, ...; -1 for none"),
)
EXECUTION_DETAILS = Record(
    "ExecutionDetails",
    "reqId" / Int(1, "the request that this answers; -1 for an execution that was just made"),
    "contract" / Nested(CONTRACT, 2, "what was traded"),
    "execution" / Nested(EXECUTION, 3, "how it was traded"),
)
EXECUTION_DETAILS_END = Record("ExecutionDetailsEnd", "reqId" / Int(1, "the request that is answered"))
COMMISSION_AND_FEES_REPORT = Record(
    "CommissionAndFeesReport",
    "execId" / String(1, "the execution that it is about"),
    "commissionAndFees" / Double(2, "what IBKR charged"),
    "currency" / String(3, "the currency of the amounts"),
    "realizedPNL" / Double(4, "the gain or loss that the execution realised"),
    "bondYield" / Double(5, "the yield of a bond"),
    "yieldRedemptionDate" / String(6, "the date to which the yield is reckoned, YYYYMMDD; 0 for none"),
)
EXECUTION_FILTER = Record(
    "ExecutionFilter",
    "clientId" / Int(1, "executions of this client; 0 for any"),
    "acctCode" / String(2, "executions of this account; empty for any"),
    "time" / String(3, "executions since then, YYYYMMDD-HH:MM:SS; empty for the whole day"),
    "symbol" / String(4, "executions of this symbol; empty for any"),
    "secType" / String(5, "executions of this type of instrument; empty for any"),
    "exchange" / String(6, "executions at this exchange; empty for any"),
    "side" / String(7, "BUY or SELL; empty for both"),
    "lastNDays" / SpelledOutInt(8, "executions of this many last days"),
    "specificDates" / Many(Int(), 9, "executions of these days, each YYYYMMDD"),
)
EXECUTION_REQUEST = Record(
    "ExecutionRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "executionFilter" / Nested(EXECUTION_FILTER, 2, "which executions are wanted"),
)

MESSAGES = (
    Message(
        "execDetails",
        11,
        TO_CLIENT,
        "One execution: when it is made, and in answer to reqExecutions.",
        EXECUTION_DETAILS,
        text(
            EXECUTION_DETAILS,
            Until(V.LAST_LIQUIDITY, Version(10)),
            "reqId execution.orderId",
            Under("contract", *HELD, "tradingClass"),
            Under(
                "execution",
                "execId time acctNumber exchange side shares price permId clientId isLiquidation cumQty avgPrice orderRef",
                "evRule evMultiplier",
                Since(V.MODELS_SUPPORT, "modelCode"),
                Since(V.LAST_LIQUIDITY, "lastLiquidity"),
                Since(V.PENDING_PRICE_REVISION, "isPriceRevisionPending"),
                Since(V.SUBMITTER, "submitter"),
            ),
        ),
        protobuf=V.PROTOBUF,
    ),
    Message(
        "execDetailsEnd",
        55,
        TO_CLIENT,
        "All executions that a request asked for have come.",
        EXECUTION_DETAILS_END,
        text(EXECUTION_DETAILS_END, Version(1), "reqId"),
        protobuf=V.PROTOBUF,
    ),
    Message(
        "commissionAndFeesReport",
        59,
        TO_CLIENT,
        "What an execution cost; follows its execDetails.",
        COMMISSION_AND_FEES_REPORT,
        text(
            COMMISSION_AND_FEES_REPORT,
            Version(1),
            "execId commissionAndFees currency realizedPNL bondYield yieldRedemptionDate",
        ),
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "reqExecutions",
        7,
        TO_SERVER,
        "Asks for execDetails and commissionAndFeesReport; execDetailsEnd marks the end.",
        EXECUTION_REQUEST,
        text(
            EXECUTION_REQUEST,
            Version(3),
            "reqId",
            Under(
                "executionFilter",
                "clientId acctCode time symbol secType exchange side",
                Since(V.PARAMETRIZED_DAYS_OF_EXECUTIONS, "lastNDays", Repeat("specificDates")),
            ),
        ),
        protobuf=V.PROTOBUF,
    ),
)
