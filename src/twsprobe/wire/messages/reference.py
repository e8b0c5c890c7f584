"""What is looked up once: symbols, price steps, and what belongs to the user: soft dollar tiers, family codes, branding."""

from __future__ import annotations

from twsprobe.wire.declaration import Many, Nested, Record, Repeat, Since, text
from twsprobe.wire.fields import Double, Int, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.messages.contracts import CONTRACT
from twsprobe.wire.messages.order_records import SOFT_DOLLAR_TIER
from twsprobe.wire.messages.session import EMPTY
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

SOFT_DOLLAR_TIERS = Record(
    "SoftDollarTiers",
    "reqId" / Int(1, "the request that this answers"),
    "softDollarTiers" / Many(SOFT_DOLLAR_TIER, 2, "the tiers that the user has set up with IBKR; for advisers and funds"),
)
FAMILY_CODE = Record(
    "FamilyCode",
    "accountId" / String(1, "one of the user's accounts"),
    "familyCode" / String(2, "the code of the family that the account belongs to; empty for none"),
)
FAMILY_CODES = Record("FamilyCodes", "familyCodes" / Many(FAMILY_CODE, 1, "the user's accounts and their families"))
CONTRACT_DESCRIPTION = Record(
    "ContractDescription",
    "contract" / Nested(CONTRACT, 1, "a contract that matches; few of its fields are set"),
    "derivativeSecTypes" / Many(String(), 2, "the types of derivatives that there are on it: OPT, FUT, WAR, CFD, ..."),
)
SYMBOL_SAMPLES = Record(
    "SymbolSamples",
    "reqId" / Int(1, "the request that this answers"),
    "contractDescriptions" / Many(CONTRACT_DESCRIPTION, 2, "the contracts that match"),
)
PRICE_INCREMENT = Record(
    "PriceIncrement",
    "lowEdge" / Double(1, "the price from which on the step holds, up to that of the next one"),
    "increment" / Double(2, "the step of prices"),
)
MARKET_RULE = Record(
    "MarketRule",
    "marketRuleId" / Int(1, "the rule that was asked for"),
    "priceIncrements" / Many(PRICE_INCREMENT, 2, "the steps, from the lowest price up"),
)
USER_INFO = Record(
    "UserInfo",
    "reqId" / Int(1, "the request that this answers"),
    "whiteBrandingId" / String(2, "the broker whose brand the user sees; empty for IBKR itself, likely"),
)
MATCHING_SYMBOLS_REQUEST = Record(
    "MatchingSymbolsRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "pattern" / String(2, "the beginning of a symbol or, where it is longer, of a word in a name"),
)
MARKET_RULE_REQUEST = Record("MarketRuleRequest", "marketRuleId" / Int(1, "the rule, from marketRuleIds of contract details"))

MESSAGES = (
    Message(
        "softDollarTiers",
        77,
        TO_CLIENT,
        "The soft dollar tiers that orders can name.",
        SOFT_DOLLAR_TIERS,
        text(SOFT_DOLLAR_TIERS, "reqId", Repeat("softDollarTiers", "name value displayName")),
        since=V.SOFT_DOLLAR_TIER,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "familyCodes",
        78,
        TO_CLIENT,
        "Which of the user's accounts belong together.",
        FAMILY_CODES,
        text(FAMILY_CODES, Repeat("familyCodes", "accountId familyCode")),
        since=V.REQ_FAMILY_CODES,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "symbolSamples",
        79,
        TO_CLIENT,
        "The contracts whose symbol or name begins as asked for.",
        SYMBOL_SAMPLES,
        text(
            SYMBOL_SAMPLES,
            "reqId",
            Repeat(
                "contractDescriptions",
                "contract.conId contract.symbol contract.secType contract.primaryExch contract.currency",
                Repeat("derivativeSecTypes"),
                Since(V.BOND_ISSUERID, "contract.description contract.issuerId"),
            ),
        ),
        since=V.REQ_MATCHING_SYMBOLS,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "marketRule",
        93,
        TO_CLIENT,
        "The steps that prices have, by price.",
        MARKET_RULE,
        text(MARKET_RULE, "marketRuleId", Repeat("priceIncrements", "lowEdge increment")),
        since=V.MARKET_RULES,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "userInfo",
        107,
        TO_CLIENT,
        "What TWS says of the user.",
        USER_INFO,
        text(USER_INFO, "reqId whiteBrandingId"),
        since=V.USER_INFO,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "reqSoftDollarTiers",
        79,
        TO_SERVER,
        "Asks for softDollarTiers.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.SOFT_DOLLAR_TIER,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "reqFamilyCodes",
        80,
        TO_SERVER,
        "Asks for familyCodes.",
        EMPTY,
        text(EMPTY),
        since=V.REQ_FAMILY_CODES,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "reqMatchingSymbols",
        81,
        TO_SERVER,
        "Asks for symbolSamples; TWS wants a second between two of these.",
        MATCHING_SYMBOLS_REQUEST,
        text(MATCHING_SYMBOLS_REQUEST, "reqId pattern"),
        since=V.REQ_MATCHING_SYMBOLS,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "reqMarketRule",
        91,
        TO_SERVER,
        "Asks for marketRule.",
        MARKET_RULE_REQUEST,
        text(MARKET_RULE_REQUEST, "marketRuleId"),
        since=V.MARKET_RULES,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "reqUserInfo",
        104,
        TO_SERVER,
        "Asks for userInfo.",
        ANSWERED,
        text(ANSWERED, "reqId"),
        since=V.USER_INFO,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
)
