"""Options: which there are on an underlying, what they are worth, and their exercise.

Calculations are answered with tickOptionComputation. They too have options, of which none is public: a list in protobuf, one field in
text. IBKR's clients of today send it empty. Those up to 10.30 at least, and ib_async, send two fields: the number of options, then the
options. So of their requests the number is read as an option without a value, and a field is left over.
"""

from __future__ import annotations

from twsprobe.wire.declaration import As, Many, Nested, Record, Repeat, Since, Under, Version, text
from twsprobe.wire.fields import Bool, Double, Int, SpelledOutDouble, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.messages.contracts import CONTRACT, DELTA_NEUTRAL_CONTRACT, HELD, REQUESTED
from twsprobe.wire.messages.order_records import TAG_VALUE
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

SEC_DEF_OPT_PARAMETER = Record(
    "SecDefOptParameter",
    "reqId" / Int(1, "the request that this answers"),
    "exchange" / String(2, "where these options are traded"),
    "underlyingConId" / Int(3, "the contract of the underlying"),
    "tradingClass" / String(4, "the trading class of these options"),
    "multiplier" / String(5, "how much of the underlying one option stands for"),
    "expirations" / Many(String(), 6, "the days on which options expire, each YYYYMMDD"),
    "strikes" / Many(Double(), 7, "the strike prices; not each is there at each expiration"),
)
SEC_DEF_OPT_PARAMETER_END = Record("SecDefOptParameterEnd", "reqId" / Int(1, "the request that is answered"))
SEC_DEF_OPT_PARAMS_REQUEST = Record(
    "SecDefOptParamsRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "underlyingSymbol" / String(2, "the symbol of the underlying"),
    "futFopExchange" / String(3, "for options on futures, where they are traded; empty for all and for other options"),
    "underlyingSecType" / String(4, "the type of the underlying: STK, FUT, IND, ..."),
    "underlyingConId" / Int(5, "the contract of the underlying"),
)
IMPLIED_VOLATILITY_REQUEST = Record(
    "CalculateImpliedVolatilityRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "contract" / Nested(CONTRACT, 2, "the option"),
    "optionPrice" / SpelledOutDouble(3, "the price of the option that the volatility is wanted for"),
    "underPrice" / SpelledOutDouble(4, "the price of the underlying to reckon with"),
    "impliedVolatilityOptions" / Many(TAG_VALUE, 5, "options that have no field of their own; none is public"),
)
OPTION_PRICE_REQUEST = Record(
    "CalculateOptionPriceRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "contract" / Nested(CONTRACT, 2, "the option"),
    "volatility" / SpelledOutDouble(3, "the volatility to reckon with, as a fraction: 0.2 for 20%"),
    "underPrice" / SpelledOutDouble(4, "the price of the underlying to reckon with"),
    "optionPriceOptions" / Many(TAG_VALUE, 5, "options that have no field of their own; none is public"),
)
EXERCISE_OPTIONS_REQUEST = Record(
    "ExerciseOptionsRequest",
    "orderId" / Int(1, "the client's number of the exercise, as of an order"),
    "contract" / Nested(CONTRACT, 2, "the option"),
    "exerciseAction" / Int(3, "1 to exercise, 2 to let lapse"),
    "exerciseQuantity" / Int(4, "how many options"),
    "account" / String(5, "the account that holds them"),
    "override" / Bool(6, "whether to do so against what would happen by itself, such as exercising an option out of the money"),
    "manualOrderTime" / String(7, "when a person gave the order, YYYYMMDD HH:MM:SS and perhaps a zone; for brokers"),
    "customerAccount" / String(8, "the customer of a broker whose options they are"),
    "professionalCustomer" / Bool(9, "whether that customer is a professional"),
)
DELTA_NEUTRAL_VALIDATION = Record(
    "DeltaNeutralValidation",
    "reqId" / Int(None, "the request for quotes that this answers"),
    "deltaNeutralContract" / Nested(DELTA_NEUTRAL_CONTRACT, None, "the hedge, with the delta and the price that TWS accepted"),
)
SETTINGS = TagValues(None, "options, tag=value; for each; older clients send their number here, and the options in a field behind")

MESSAGES = (
    Message(
        "securityDefinitionOptionParameter",
        75,
        TO_CLIENT,
        "The options on an underlying at one exchange and of one trading class.",
        SEC_DEF_OPT_PARAMETER,
        text(
            SEC_DEF_OPT_PARAMETER,
            "reqId exchange underlyingConId tradingClass multiplier",
            Repeat("expirations"),
            Repeat("strikes"),
        ),
        since=V.SEC_DEF_OPT_PARAMS_REQ,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "securityDefinitionOptionParameterEnd",
        76,
        TO_CLIENT,
        "All exchanges and trading classes of an underlying's options have come.",
        SEC_DEF_OPT_PARAMETER_END,
        text(SEC_DEF_OPT_PARAMETER_END, "reqId"),
        since=V.SEC_DEF_OPT_PARAMS_REQ,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "deltaNeutralValidation",
        56,
        TO_CLIENT,
        "TWS accepted a delta-neutral request for quotes, and says with which delta and price.",
        DELTA_NEUTRAL_VALIDATION,
        text(DELTA_NEUTRAL_VALIDATION, Version(1), "reqId", Under("deltaNeutralContract", "conId delta price")),
        protobuf=None,
    ),
    Message(
        "reqSecDefOptParams",
        78,
        TO_SERVER,
        "Asks for securityDefinitionOptionParameter of an underlying; securityDefinitionOptionParameterEnd marks the end.",
        SEC_DEF_OPT_PARAMS_REQUEST,
        text(SEC_DEF_OPT_PARAMS_REQUEST, "reqId underlyingSymbol futFopExchange underlyingSecType underlyingConId"),
        since=V.SEC_DEF_OPT_PARAMS_REQ,
        protobuf=V.PROTOBUF_REST_MESSAGES_2,
    ),
    Message(
        "calculateImpliedVolatility",
        54,
        TO_SERVER,
        "Asks which volatility explains an option's price; tickOptionComputation answers.",
        IMPLIED_VOLATILITY_REQUEST,
        text(
            IMPLIED_VOLATILITY_REQUEST,
            Version(3),
            "reqId",
            Under("contract", *REQUESTED),
            "optionPrice underPrice",
            As("impliedVolatilityOptions", SETTINGS),
        ),
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "calculateOptionPrice",
        55,
        TO_SERVER,
        "Asks for an option's price and greeks at a volatility; tickOptionComputation answers.",
        OPTION_PRICE_REQUEST,
        text(
            OPTION_PRICE_REQUEST,
            Version(3),
            "reqId",
            Under("contract", *REQUESTED),
            "volatility underPrice",
            As("optionPriceOptions", SETTINGS),
        ),
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "cancelCalculateImpliedVolatility",
        56,
        TO_SERVER,
        "Ends calculateImpliedVolatility.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "cancelCalculateOptionPrice",
        57,
        TO_SERVER,
        "Ends calculateOptionPrice.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
    Message(
        "exerciseOptions",
        21,
        TO_SERVER,
        "Exercises options, or lets them lapse.",
        EXERCISE_OPTIONS_REQUEST,
        text(
            EXERCISE_OPTIONS_REQUEST,
            Version(2),
            "orderId",
            Under("contract", *HELD, "tradingClass"),
            "exerciseAction exerciseQuantity account override",
            Since(V.MANUAL_ORDER_TIME_EXERCISE_OPTIONS, "manualOrderTime"),
            Since(V.CUSTOMER_ACCOUNT, "customerAccount"),
            Since(V.PROFESSIONAL_CUSTOMER, "professionalCustomer"),
        ),
        protobuf=V.PROTOBUF_REST_MESSAGES_1,
    ),
)
