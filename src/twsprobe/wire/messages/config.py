"""The settings of TWS, read and written. A setting that is absent is not known or not to be changed, which is not the same as off."""

from __future__ import annotations

from twsprobe.wire.declaration import Many, Nested, Record
from twsprobe.wire.fields import Bool, Int, String
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

API_SETTINGS = Record(
    "ApiSettingsConfig",
    "readOnlyApi" / Bool(1, "clients can neither place nor change orders"),
    "totalQuantityForMutualFunds" / Bool(2, "totalQuantity of a mutual fund order is an amount of money"),
    "downloadOpenOrdersOnConnection" / Bool(3, "open orders are sent to a client when it connects"),
    "includeVirtualFxPositions" / Bool(4, "virtual currency positions are in the portfolio that is sent"),
    "prepareDailyPnL" / Bool(5, "daily profit and loss is computed before a client asks for it"),
    "sendStatusUpdatesForVolatilityOrders" / Bool(6, "volatility orders send a status whenever their price follows"),
    "encodeApiMessages" / String(7, "how text is encoded: osCodePage for the code page of the host"),
    "socketPort" / Int(8, "the TCP port that clients connect to"),
    "useNegativeAutoRange" / Bool(9, "orders that TWS binds to a client get negative order ids"),
    "createApiMessageLogFile" / Bool(10, "messages are written to a log file"),
    "includeMarketDataInLogFile" / Bool(11, "that log file has market data too"),
    "exposeTradingScheduleToApi" / Bool(12, "all of the trading schedule is sent, not only the next days"),
    "splitInsuredDepositFromCashBalance" / Bool(13, "insured deposits are not in the cash balance but a value of their own"),
    "sendZeroPositionsForTodayOnly" / Bool(14, "positions of 0 are sent for what was closed today alone"),
    "letApiAccountRequestsSwitchSubscription" / Bool(15, "a client's account request may change the account that TWS is subscribed to"),
    "useAccountGroupsWithAllocationMethods" / Bool(16, "an adviser's account groups have allocation methods"),
    "loggingLevel" / String(17, "how much TWS logs about clients"),
    "masterClientId" / Int(18, "the client id that sees the orders of every client; absent for none"),
    "bulkDataTimeout" / Int(19, "how long TWS waits for bulk data, in seconds"),
    "componentExchSeparator" / String(20, "what stands between the exchanges of a list"),
    "showForexDataIn1_10Pips" / Bool(21, "currency prices are sent in tenths of a pip"),
    "allowForexTradingIn1_10Pips" / Bool(22, "currency orders may have prices in tenths of a pip"),
    "roundAccountValuesToNearestWholeNumber" / Bool(23, "account values are sent without decimals"),
    "sendMarketDataInLotsForUsStocks" / Bool(24, "sizes of US stocks are sent in lots, not in shares"),
    "showAdvancedOrderRejectInUi" / Bool(25, "advanced order rejects are shown in the window of TWS, not sent"),
    "rejectMessagesAboveMaxRate" / Bool(26, "messages above the allowed rate are answered with an error instead of held back"),
    "maintainConnectionOnIncorrectFields" / Bool(27, "a badly formatted request does not end the connection"),
    "compatibilityModeNasdaqStocks" / Bool(28, "NASDAQ stocks go by ISLAND, as for old clients"),
    "sendInstrumentTimezone" / String(29, "the time zone of times that are sent: the instrument's, that of TWS, or UTC"),
    "sendForexDataInCompatibilityMode" / Bool(30, "currency data is sent as to old clients, without decimals in sizes"),
    "maintainAndResubmitOrdersOnReconnect" / Bool(31, "orders sent while TWS was offline are submitted when it is back"),
    "historicalDataMaxSize" / Int(32, "how much historical data one answer may hold"),
    "autoReportNettingEventContractTrades" / Bool(33, "the trades that net event contracts are reported"),
    "optionExerciseRequestType" / String(34, "whether a request to exercise an option can be taken back"),
    "allowLocalhostOnly" / Bool(35, "only clients on the host of TWS are let in"),
    "trustedIPs" / Many(String(), 36, "addresses whose clients are let in without a question; single ones, no networks"),
)
API_PRECAUTIONS = Record(
    "ApiPrecautionsConfig",
    "bypassOrderPrecautions" / Bool(1, "orders of clients are not held against the limits set for orders"),
    "bypassBondWarning" / Bool(2, "bond orders are not warned about"),
    "bypassNegativeYieldConfirmation" / Bool(3, "a negative yield to worst is not asked about"),
    "bypassCalledBondWarning" / Bool(4, "a bond that was called is not warned about"),
    "bypassSameActionPairTradeWarning" / Bool(5, "a pair whose legs go the same way is not warned about"),
    "bypassFlaggedAccountsWarning" / Bool(6, "an account that is flagged is not warned about"),
    "bypassPriceBasedVolatilityWarning" / Bool(7, "a volatility that follows from a price is not warned about"),
    "bypassRedirectOrderWarning" / Bool(8, "an order that will be redirected is not warned about"),
    "bypassNoOverfillProtection" / Bool(9, "an order without protection from overfilling is not warned about"),
    "bypassRouteMarketableToBBO" / Bool(10, "routing a marketable order to the best quote is not warned about"),
)
API_CONFIG = Record(
    "ApiConfig",
    "precautions" / Nested(API_PRECAUTIONS, 1, "warnings that orders of clients skip"),
    "settings" / Nested(API_SETTINGS, 2, "how TWS treats clients"),
)
LOCK_AND_EXIT = Record(
    "LockAndExitConfig",
    "autoLogoffTime" / String(1, "when TWS logs off or restarts by itself, HH:MM"),
    "autoLogoffPeriod" / String(2, "AM or PM of that time"),
    "autoLogoffType" / String(3, "whether it logs off or restarts"),
)
MESSAGE_SETTING = Record(
    "MessageConfig",
    "id" / Int(1, "IBKR's number of the message box"),
    "title" / String(2, "its title"),
    "message" / String(3, "its text"),
    "defaultAction" / String(4, "the answer that it takes when it is not shown"),
    "enabled" / Bool(5, "whether it is shown"),
)
SMART_ROUTING = Record(
    "OrdersSmartRoutingConfig",
    "seekPriceImprovement" / Bool(1, "SMART looks for better prices than the best quote"),
    "preOpenReroute" / Bool(2, "SMART routes anew before the open"),
    "doNotRouteToDarkPools" / Bool(3, "SMART leaves dark pools out"),
    "defaultAlgorithm" / String(4, "the routing algorithm of orders that name none"),
)
ORDERS_CONFIG = Record("OrdersConfig", "smartRouting" / Nested(SMART_ROUTING, 1, "how SMART orders are routed"))
CONFIG_RESPONSE = Record(
    "ConfigResponse",
    "reqId" / Int(1, "the request that this answers"),
    "lockAndExit" / Nested(LOCK_AND_EXIT, 2, "when TWS logs off"),
    "messages" / Many(MESSAGE_SETTING, 3, "the message boxes that can be switched off"),
    "api" / Nested(API_CONFIG, 4, "the settings for clients"),
    "orders" / Nested(ORDERS_CONFIG, 5, "the settings for orders"),
)
UPDATE_CONFIG_WARNING = Record(
    "UpdateConfigWarning",
    "messageId" / Int(1, "which warning it is"),
    "title" / String(2, "the title of the warning"),
    "message" / String(3, "what the change would do, for people"),
)
UPDATE_CONFIG_REQUEST = Record(
    "UpdateConfigRequest",
    "reqId" / Int(1, "the id that the answer will carry"),
    "lockAndExit" / Nested(LOCK_AND_EXIT, 2, "when TWS is to log off"),
    "messages" / Many(MESSAGE_SETTING, 3, "message boxes to be switched on or off"),
    "api" / Nested(API_CONFIG, 4, "the settings for clients"),
    "orders" / Nested(ORDERS_CONFIG, 5, "the settings for orders"),
    "acceptedWarnings" / Many(UPDATE_CONFIG_WARNING, 6, "the warnings of an earlier answer, without which TWS changes nothing"),
    "resetAPIOrderSequence" / Bool(7, "whether order ids begin anew"),
)
UPDATE_CONFIG_RESPONSE = Record(
    "UpdateConfigResponse",
    "reqId" / Int(1, "the request that this answers"),
    "status" / String(2, "how it went; the vocabulary is not public"),
    "message" / String(3, "how it went, for people"),
    "changedFields" / Many(String(), 4, "the settings that were changed"),
    "errors" / Many(String(), 5, "what was refused, and why"),
    "warnings" / Many(UPDATE_CONFIG_WARNING, 6, "what is to be accepted before anything is changed"),
)
CONFIG_REQUEST = Record("ConfigRequest", "reqId" / Int(1, "the id that the answer will carry"))

MESSAGES = (
    Message(
        "reqConfig",
        108,
        TO_SERVER,
        "Asks for configResponse.",
        CONFIG_REQUEST,
        None,
        since=V.CONFIG,
        protobuf=V.CONFIG,
    ),
    Message(
        "configResponse",
        110,
        TO_CLIENT,
        "The settings of TWS that clients may know.",
        CONFIG_RESPONSE,
        None,
        since=V.CONFIG,
        protobuf=V.CONFIG,
    ),
    Message(
        "updateConfig",
        109,
        TO_SERVER,
        "Changes settings of TWS, for all its clients; answered by updateConfigResponse.",
        UPDATE_CONFIG_REQUEST,
        None,
        since=V.UPDATE_CONFIG,
        protobuf=V.UPDATE_CONFIG,
    ),
    Message(
        "updateConfigResponse",
        111,
        TO_CLIENT,
        "What became of a change of settings. A change that raises warnings waits until it is sent again with them accepted.",
        UPDATE_CONFIG_RESPONSE,
        None,
        since=V.UPDATE_CONFIG,
        protobuf=V.UPDATE_CONFIG,
    ),
)
