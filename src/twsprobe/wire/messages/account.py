"""Accounts: their values and portfolio, positions, and the summary across accounts."""

from __future__ import annotations

from twsprobe.wire.declaration import As, Nested, Record, Under, Version, When, text
from twsprobe.wire.fields import Bool, Decimal, Double, EscapedString, Int, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.layout import at_least
from twsprobe.wire.message import Message
from twsprobe.wire.messages.contracts import CONTRACT, HELD, IDENTITY
from twsprobe.wire.messages.session import EMPTY
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

ACCOUNT_VALUE = Record(
    "AccountValue",
    "key" / EscapedString(1, "which value: NetLiquidation, CashBalance, AccountType, ..."),
    "value" / EscapedString(2, "the value; most are amounts of currency, some are words"),
    "currency" / EscapedString(3, "the currency of an amount, BASE for the account's own; empty for other values"),
    "accountName" / EscapedString(4, "the account that the value belongs to"),
)
PORTFOLIO_VALUE = Record(
    "PortfolioValue",
    "contract" / Nested(CONTRACT, 1, "what is held"),
    "position" / Decimal(2, "how much is held, in shares or contracts; negative for a short position"),
    "marketPrice" / Double(3, "the price of one, in the contract's currency"),
    "marketValue" / Double(4, "the value of the position, in the contract's currency"),
    "averageCost" / Double(5, "what one cost on average, commissions and the multiplier included"),
    "unrealizedPNL" / Double(6, "the gain if it were closed now, in the contract's currency"),
    "realizedPNL" / Double(7, "the gain of what was closed today, in the contract's currency"),
    "accountName" / String(8, "the account that holds it"),
)
ACCOUNT_UPDATE_TIME = Record(
    "AccountUpdateTime", "timeStamp" / EscapedString(1, "when the account was last updated, HH:MM by the clock of TWS")
)
ACCOUNT_DATA_END = Record("AccountDataEnd", "accountName" / EscapedString(1, "the account whose first values are complete"))
POSITION = Record(
    "Position",
    "account" / String(1, "the account that holds it"),
    "contract" / Nested(CONTRACT, 2, "what is held"),
    "position" / Decimal(3, "how much is held, in shares or contracts; negative for a short position, 0 for one that was closed"),
    "avgCost" / Double(4, "what one cost on average, the multiplier included"),
)
ACCOUNT_SUMMARY = Record(
    "AccountSummary",
    "reqId" / Int(1, "the request that this answers"),
    "account" / EscapedString(2, "the account that the value belongs to"),
    "tag" / EscapedString(3, "which value"),
    "value" / EscapedString(4, "the value; most are amounts of currency, some are words"),
    "currency" / EscapedString(5, "the currency of an amount; empty for other values"),
)
POSITION_MULTI = Record(
    "PositionMulti",
    "reqId" / Int(1, "the request that this answers"),
    "account" / String(2, "the account that holds it"),
    "contract" / Nested(CONTRACT, 3, "what is held"),
    "position" / Decimal(4, "how much is held, in shares or contracts; negative for a short position"),
    "avgCost" / Double(5, "what one cost on average, the multiplier included"),
    "modelCode" / String(6, "the model portfolio that holds it; empty for none"),
)
ACCOUNT_UPDATE_MULTI = Record(
    "AccountUpdateMulti",
    "reqId" / Int(1, "the request that this answers"),
    "account" / EscapedString(2, "the account that the value belongs to"),
    "modelCode" / EscapedString(3, "the model portfolio that the value belongs to; empty for none"),
    "key" / EscapedString(4, "which value, as in updateAccountValue"),
    "value" / EscapedString(5, "the value; most are amounts of currency, some are words"),
    "currency" / EscapedString(6, "the currency of an amount; empty for other values"),
)
ANSWERED = Record("RequestId", "reqId" / Int(1, "the request that this is about"))
ACCOUNT_DATA_REQUEST = Record(
    "AccountDataRequest",
    "subscribe" / Bool(1, "true starts the updates, false ends them"),
    "acctCode" / String(2, "the account; empty for the only one"),
)
ACCOUNT_SUMMARY_REQUEST = Record(
    "AccountSummaryRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "group" / String(2, "an account group of an adviser, All for every account"),
    "tags" / String(3, "the values wanted, joined by commas; $LEDGER for the cash balances"),
)
POSITIONS_MULTI_REQUEST = Record(
    "PositionsMultiRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "account" / String(2, "the account; empty for any"),
    "modelCode" / String(3, "the model portfolio; empty for any"),
)
ACCOUNT_UPDATES_MULTI_REQUEST = Record(
    "AccountUpdatesMultiRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "account" / String(2, "the account; empty for any"),
    "modelCode" / String(3, "the model portfolio; empty for any"),
    "ledgerAndNLV" / Bool(4, "true for the cash balances and the net liquidation value alone"),
)
MESSAGES = (
    Message(
        "updateAccountValue",
        6,
        TO_CLIENT,
        "One value of the subscribed account; all of them first, then those that change.",
        ACCOUNT_VALUE,
        text(ACCOUNT_VALUE, Version(2), "key value currency accountName"),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "updatePortfolio",
        7,
        TO_CLIENT,
        "One position of the subscribed account and what it is worth.",
        PORTFOLIO_VALUE,
        text(
            PORTFOLIO_VALUE,
            Version(8),
            Under("contract", IDENTITY),
            When("version", at_least(7), As("contract.multiplier", String()), "contract.primaryExch"),
            "contract.currency contract.localSymbol",
            When("version", at_least(8), "contract.tradingClass"),
            "position marketPrice marketValue averageCost unrealizedPNL realizedPNL accountName",
        ),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "updateAccountTime",
        8,
        TO_CLIENT,
        "When the values of the subscribed account were last updated.",
        ACCOUNT_UPDATE_TIME,
        text(ACCOUNT_UPDATE_TIME, Version(1), "timeStamp"),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "accountDownloadEnd",
        54,
        TO_CLIENT,
        "All values and positions of the subscribed account have come; changes follow.",
        ACCOUNT_DATA_END,
        text(ACCOUNT_DATA_END, Version(1), "accountName"),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "position",
        61,
        TO_CLIENT,
        "One position of any account of the login.",
        POSITION,
        text(
            POSITION,
            Version(3),
            "account",
            Under("contract", *HELD),
            When("version", at_least(2), "contract.tradingClass"),
            "position",
            When("version", at_least(3), "avgCost"),
        ),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "positionEnd",
        62,
        TO_CLIENT,
        "All positions have come; changes follow.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "accountSummary",
        63,
        TO_CLIENT,
        "One value of one account that a summary asked for.",
        ACCOUNT_SUMMARY,
        text(ACCOUNT_SUMMARY, Version(1), "reqId account tag value currency"),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "accountSummaryEnd",
        64,
        TO_CLIENT,
        "All values of a summary have come; changes follow.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "positionMulti",
        71,
        TO_CLIENT,
        "One position of the account or model that a request named.",
        POSITION_MULTI,
        text(POSITION_MULTI, Version(1), "reqId account", Under("contract", *HELD, "tradingClass"), "position avgCost modelCode"),
        since=V.MODELS_SUPPORT,
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "positionMultiEnd",
        72,
        TO_CLIENT,
        "All positions of the account or model have come; changes follow.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        since=V.MODELS_SUPPORT,
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "accountUpdateMulti",
        73,
        TO_CLIENT,
        "One value of the account or model that a request named.",
        ACCOUNT_UPDATE_MULTI,
        text(ACCOUNT_UPDATE_MULTI, Version(1), "reqId account modelCode key value currency"),
        since=V.MODELS_SUPPORT,
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "accountUpdateMultiEnd",
        74,
        TO_CLIENT,
        "All values of the account or model have come; changes follow.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        since=V.MODELS_SUPPORT,
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "reqAccountUpdates",
        6,
        TO_SERVER,
        "Asks for updateAccountValue, updatePortfolio and updateAccountTime of one account; accountDownloadEnd marks the first end.",
        ACCOUNT_DATA_REQUEST,
        text(ACCOUNT_DATA_REQUEST, Version(2), "subscribe acctCode"),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "reqPositions",
        61,
        TO_SERVER,
        "Asks for position of every account; positionEnd marks the first end.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "cancelPositions",
        64,
        TO_SERVER,
        "Ends reqPositions.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "reqAccountSummary",
        62,
        TO_SERVER,
        "Asks for accountSummary across accounts; accountSummaryEnd marks the first end.",
        ACCOUNT_SUMMARY_REQUEST,
        text(ACCOUNT_SUMMARY_REQUEST, Version(1), "reqId group tags"),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "cancelAccountSummary",
        63,
        TO_SERVER,
        "Ends reqAccountSummary.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "reqPositionsMulti",
        74,
        TO_SERVER,
        "Asks for positionMulti of an account or model; positionMultiEnd marks the first end.",
        POSITIONS_MULTI_REQUEST,
        text(POSITIONS_MULTI_REQUEST, Version(1), "reqId account modelCode"),
        since=V.MODELS_SUPPORT,
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "cancelPositionsMulti",
        75,
        TO_SERVER,
        "Ends reqPositionsMulti.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        since=V.MODELS_SUPPORT,
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "reqAccountUpdatesMulti",
        76,
        TO_SERVER,
        "Asks for accountUpdateMulti of an account or model; accountUpdateMultiEnd marks the first end.",
        ACCOUNT_UPDATES_MULTI_REQUEST,
        text(ACCOUNT_UPDATES_MULTI_REQUEST, Version(1), "reqId account modelCode ledgerAndNLV"),
        since=V.MODELS_SUPPORT,
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
    Message(
        "cancelAccountUpdatesMulti",
        77,
        TO_SERVER,
        "Ends reqAccountUpdatesMulti.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        since=V.MODELS_SUPPORT,
        protobuf=V.PROTOBUF_ACCOUNTS_POSITIONS,
    ),
)
