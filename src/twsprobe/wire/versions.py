"""Server versions: which number opened which gate.

A connection speaks the smaller of what the TWS has and the highest version that the client offered, so the number tells the dialect
of one connection and not the version of the TWS. Each member is the gate that its number opened; the names are IBKR's, without
``MIN_SERVER_VER_``. ``api_release`` is the release of IBKR's API clients that first knew the number, as far as public releases bound
it; the TWS of the same number has it too, likely. Numbers without a name (133, and whatever comes after the last one) are usable
members all the same: comparisons and gates need only the number.
"""

from __future__ import annotations

import enum

ALL_BEFORE = "9.81 or earlier"
FROM_10_19 = "after 9.81, by 10.19"
FROM_10_30 = "after 10.19, by 10.30"
FROM_10_37 = "after 10.32, by 10.37"


class ServerVersion(enum.IntEnum):
    """A negotiated server version, named after what it brought."""

    change: str
    api_release: str

    def __new__(cls, number: int, change: str, api_release: str) -> ServerVersion:
        member = int.__new__(cls, number)
        member._value_ = number
        member.change = change
        member.api_release = api_release
        return member

    @classmethod
    def _missing_(cls, value: object) -> ServerVersion | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._value_ = value
        member._name_ = f"UNLISTED_{value}"
        member.change, member.api_release = "not a gate that we know", "unknown"
        return member

    def __reduce_ex__(self, protocol: object) -> tuple[type[ServerVersion], tuple[int]]:
        """Copy and pickle by number; some Pythons would by name, which unlisted members have none to be found under."""
        return type(self), (int(self),)

    V100_PLUS = 100, "length-prefixed messages, the API prefix and a range of versions", ALL_BEFORE
    FRACTIONAL_POSITIONS = 101, "quantities of orders, positions and executions may be fractions", ALL_BEFORE
    PEGGED_TO_BENCHMARK = 102, "orders: pegged-to-benchmark fields, conditions, adjusted orders", ALL_BEFORE
    MODELS_SUPPORT = 103, "modelCode in orders and executions; positions and account updates for several accounts", ALL_BEFORE
    SEC_DEF_OPT_PARAMS_REQ = 104, "option chains: reqSecDefOptParams", ALL_BEFORE
    EXT_OPERATOR = 105, "placeOrder: extOperator", ALL_BEFORE
    SOFT_DOLLAR_TIER = 106, "soft dollar tiers, requested and in orders", ALL_BEFORE
    REQ_FAMILY_CODES = 107, "reqFamilyCodes", ALL_BEFORE
    REQ_MATCHING_SYMBOLS = 108, "reqMatchingSymbols", ALL_BEFORE
    PAST_LIMIT = 109, "tickPrice: the mask becomes a set of bits", ALL_BEFORE
    MD_SIZE_MULTIPLIER = 110, "contract details: mdSizeMultiplier, which SIZE_RULES takes away again", ALL_BEFORE
    CASH_QTY = 111, "orders: cashQty", ALL_BEFORE
    REQ_MKT_DEPTH_EXCHANGES = 112, "reqMktDepthExchanges", ALL_BEFORE
    TICK_NEWS = 113, "tickNews", ALL_BEFORE
    REQ_SMART_COMPONENTS = 114, "reqSmartComponents, tickReqParams, regulatory snapshots", ALL_BEFORE
    REQ_NEWS_PROVIDERS = 115, "reqNewsProviders", ALL_BEFORE
    REQ_NEWS_ARTICLE = 116, "reqNewsArticle", ALL_BEFORE
    REQ_HISTORICAL_NEWS = 117, "reqHistoricalNews", ALL_BEFORE
    REQ_HEAD_TIMESTAMP = 118, "reqHeadTimeStamp", ALL_BEFORE
    REQ_HISTOGRAM = 119, "reqHistogramData", ALL_BEFORE
    SERVICE_DATA_TYPE = 120, "depth exchanges: listingExch, serviceDataType and aggGroup in place of one flag", ALL_BEFORE
    AGG_GROUP = 121, "contract details: aggGroup", ALL_BEFORE
    UNDERLYING_INFO = 122, "contract details: underSymbol and underSecType", ALL_BEFORE
    CANCEL_HEADTIMESTAMP = 123, "cancelHeadTimeStamp", ALL_BEFORE
    SYNT_REALTIME_BARS = 124, "reqHistoricalData: keepUpToDate; historicalData loses its version and hasGaps", ALL_BEFORE
    CFD_REROUTE = 125, "rerouteMktDataReq and rerouteMktDepthReq", ALL_BEFORE
    MARKET_RULES = 126, "reqMarketRule; contract details: marketRuleIds", ALL_BEFORE
    PNL = 127, "reqPnL and reqPnLSingle", ALL_BEFORE
    NEWS_QUERY_ORIGINS = 128, "options in news requests", ALL_BEFORE
    UNREALIZED_PNL = 129, "pnl: unrealizedPnL", ALL_BEFORE
    HISTORICAL_TICKS = 130, "reqHistoricalTicks", ALL_BEFORE
    MARKET_CAP_PRICE = 131, "orderStatus: mktCapPrice is added, the version goes", ALL_BEFORE
    PRE_OPEN_BID_ASK = 132, "tickPrice: the pre-open bit of the mask", ALL_BEFORE
    REAL_EXPIRATION_DATE = 134, "contract details: realExpirationDate", ALL_BEFORE
    REALIZED_PNL = 135, "pnl: realizedPnL", ALL_BEFORE
    LAST_LIQUIDITY = 136, "execDetails: lastLiquidity is added, the version goes", ALL_BEFORE
    TICK_BY_TICK = 137, "reqTickByTickData", ALL_BEFORE
    DECISION_MAKER = 138, "placeOrder: MiFID II decision maker", ALL_BEFORE
    MIFID_EXECUTION = 139, "placeOrder: MiFID II execution trader", ALL_BEFORE
    TICK_BY_TICK_IGNORE_SIZE = 140, "reqTickByTickData: numberOfTicks and ignoreSize", ALL_BEFORE
    AUTO_PRICE_FOR_HEDGE = 141, "orders: dontUseAutoPriceForHedge", ALL_BEFORE
    WHAT_IF_EXT_FIELDS = 142, "openOrder: margins before the order and their change", ALL_BEFORE
    SCANNER_GENERIC_OPTS = 143, "reqScannerSubscription: filter options are added, the version goes", ALL_BEFORE
    API_BIND_ORDER = 144, "orderBound", ALL_BEFORE
    ORDER_CONTAINER = 145, "orders: isOmsContainer is added; openOrder and placeOrder lose their version", ALL_BEFORE
    SMART_DEPTH = 146, "market depth: isSmartDepth", ALL_BEFORE
    REMOVE_NULL_ALL_CASTING = 147, "a change inside TWS; no field depends on it", ALL_BEFORE
    D_PEG_ORDERS = 148, "orders: discretionaryUpToLimitPrice", ALL_BEFORE
    MKT_DEPTH_PRIM_EXCHANGE = 149, "reqMktDepth: primaryExchange", ALL_BEFORE
    COMPLETED_ORDERS = 150, "reqCompletedOrders", ALL_BEFORE
    PRICE_MGMT_ALGO = 151, "orders: usePriceMgmtAlgo", ALL_BEFORE
    STOCK_TYPE = 152, "contract details: stockType", ALL_BEFORE
    ENCODE_MSG_ASCII7 = 153, r"text from TWS holds \uXXXX in place of characters beyond ASCII", ALL_BEFORE
    SEND_ALL_FAMILY_CODES = 154, "a change inside TWS; no field depends on it", ALL_BEFORE
    NO_DEFAULT_OPEN_CLOSE = 155, "a change inside TWS: openClose is no longer filled in", ALL_BEFORE
    PRICE_BASED_VOLATILITY = 156, "tickOptionComputation: tickAttrib is added, the version goes", ALL_BEFORE
    REPLACE_FA_END = 157, "replaceFA: reqId; replaceFAEnd", "9.81"
    DURATION = 158, "orders: duration", FROM_10_19
    MARKET_DATA_IN_SHARES = 159, "a change inside TWS: sizes of US stocks in shares, not in lots", FROM_10_19
    POST_TO_ATS = 160, "orders: postToAts", FROM_10_19
    WSHE_CALENDAR = 161, "Wall Street Horizon: metadata and events", FROM_10_19
    AUTO_CANCEL_PARENT = 162, "orders: autoCancelParent", FROM_10_19
    FRACTIONAL_SIZE_SUPPORT = 163, "contract details: one extra decimal, in this version alone; clients below get 10285", FROM_10_19
    SIZE_RULES = 164, "contract details: minSize, sizeIncrement, suggestedSizeIncrement; the version and mdSizeMultiplier go", FROM_10_19
    HISTORICAL_SCHEDULE = 165, "historicalSchedule", FROM_10_19
    ADVANCED_ORDER_REJECT = 166, "placeOrder: advancedErrorOverride; error: advancedOrderRejectJson", FROM_10_19
    USER_INFO = 167, "reqUserInfo", FROM_10_19
    CRYPTO_AGGREGATED_TRADES = 168, "a change inside TWS; no field depends on it", FROM_10_19
    MANUAL_ORDER_TIME = 169, "placeOrder and cancelOrder: the time of a manual order", FROM_10_19
    PEGBEST_PEGMID_OFFSETS = 170, "orders: five fields of pegged-to-best and pegged-to-midpoint orders", FROM_10_19
    WSH_EVENT_DATA_FILTERS = 171, "reqWshEventData: a filter and three fill flags", FROM_10_19
    IPO_PRICES = 172, "tick types of initial public offerings", FROM_10_19
    WSH_EVENT_DATA_FILTERS_DATE = 173, "reqWshEventData: startDate, endDate, totalLimit", FROM_10_19
    INSTRUMENT_TIMEZONE = 174, "a change inside TWS: times may carry the instrument's zone", FROM_10_19
    HMDS_MARKET_DATA_IN_SHARES = 175, "a change inside TWS: historical volume in shares", FROM_10_19
    BOND_ISSUERID = 176, "reqContractDetails: issuerId; symbolSamples: description and issuerId", "10.19"
    FA_PROFILE_DESUPPORT = 177, "orders lose faProfile", FROM_10_30
    PENDING_PRICE_REVISION = 178, "execDetails: pendingPriceRevision", FROM_10_30
    FUND_DATA_FIELDS = 179, "contract details: the fields of funds", FROM_10_30
    MANUAL_ORDER_TIME_EXERCISE_OPTIONS = 180, "exerciseOptions: manualOrderTime", "10.26"
    OPEN_ORDER_AD_STRATEGY = 181, "a change inside TWS: accumulate/distribute strategies in openOrder", "10.26 to 10.30"
    LAST_TRADE_DATE = 182, "contract details: lastTradeDate", "10.26 to 10.30"
    CUSTOMER_ACCOUNT = 183, "orders: customerAccount", "10.26 to 10.30"
    PROFESSIONAL_CUSTOMER = 184, "orders: professionalCustomer", "10.26 to 10.30"
    BOND_ACCRUED_INTEREST = 185, "openOrder: bondAccruedInterest", "10.26 to 10.30"
    INELIGIBILITY_REASONS = 186, "contract details: ineligibilityReasonList", "10.26 to 10.30"
    RFQ_FIELDS = 187, "placeOrder and cancelOrder: three fields that UNDO_RFQ_FIELDS takes away again", "10.30"
    BOND_TRADING_HOURS = 188, "bond details: timeZoneId, tradingHours, liquidHours", "10.31 to 10.32"
    INCLUDE_OVERNIGHT = 189, "orders: includeOvernight", "10.31 to 10.32"
    UNDO_RFQ_FIELDS = 190, "takes RFQ_FIELDS back", "10.31 to 10.32"
    PERM_ID_AS_LONG = 191, "permId has 64 bits", "10.31 to 10.32"
    CME_TAGGING_FIELDS = 192, "order requests: extOperator, manualOrderIndicator; cancels lose their version", "10.31 to 10.32"
    CME_TAGGING_FIELDS_IN_OPEN_ORDER = 193, "openOrder: extOperator and manualOrderIndicator", "10.32"
    ERROR_TIME = 194, "error: errorTime is added, the version goes", FROM_10_37
    FULL_ORDER_PREVIEW_FIELDS = 195, "openOrder: margins outside regular hours, suggestedSize, rejectReason, orderAllocations", FROM_10_37
    HISTORICAL_DATA_END = 196, "historicalData loses its start and end to historicalDataEnd", FROM_10_37
    CURRENT_TIME_IN_MILLIS = 197, "reqCurrentTimeInMillis", FROM_10_37
    SUBMITTER = 198, "executions and orders: submitter", FROM_10_37
    IMBALANCE_ONLY = 199, "orders: imbalanceOnly", FROM_10_37
    PARAMETRIZED_DAYS_OF_EXECUTIONS = 200, "reqExecutions: lastNDays and specificDates", FROM_10_37
    PROTOBUF = 201, "binary message ids; executions and errors in protobuf", FROM_10_37
    ZERO_STRIKE = 202, "a change inside TWS; no field depends on it", FROM_10_37
    PROTOBUF_PLACE_ORDER = 203, "placing and cancelling orders, order status in protobuf", "10.37"
    PROTOBUF_COMPLETED_ORDER = 204, "open and completed orders in protobuf", "10.38 to 10.39"
    PROTOBUF_CONTRACT_DATA = 205, "contract details in protobuf", "10.38 to 10.39"
    PROTOBUF_MARKET_DATA = 206, "market data and depth in protobuf", "10.38 to 10.39"
    PROTOBUF_ACCOUNTS_POSITIONS = 207, "accounts and positions in protobuf", "10.38 to 10.39"
    PROTOBUF_HISTORICAL_DATA = 208, "historical data, bars and ticks in protobuf", "10.39"
    PROTOBUF_NEWS_DATA = 209, "news and Wall Street Horizon in protobuf", "10.40"
    PROTOBUF_SCAN_DATA = 210, "scanner, profit and loss in protobuf", "10.40"
    PROTOBUF_REST_MESSAGES_1 = 211, "advisor configuration, exercise and option calculations in protobuf", "10.40"
    PROTOBUF_REST_MESSAGES_2 = 212, "option chains, tiers, family codes, symbols, market rules, user info in protobuf", "10.40"
    PROTOBUF_REST_MESSAGES_3 = 213, "startApi, ids, times, verification, display groups in protobuf", "10.40"
    ADD_Z_SUFFIX_TO_UTC_DATE_TIME = 214, "a change inside TWS: a Z at the end of times in UTC", "10.40"
    CANCEL_CONTRACT_DATA = 215, "cancelContractData and cancelHistoricalTicks", "10.40"
    ADDITIONAL_ORDER_PARAMS_1 = 216, "orders: deactivate, postOnly, allowPreOpen, ignoreOpenAuction", "10.41"
    ADDITIONAL_ORDER_PARAMS_2 = 217, "orders: routeMarketableToBbo, seekPriceImprovement, whatIfType", "10.41"
    ATTACHED_ORDERS = 218, "placeOrder: attachedOrders", "10.42"
    CONFIG = 219, "reqConfig: the settings of TWS, read", "10.43"
    MARKET_DATA_VOLUMES_IN_SHARES = 220, "a change inside TWS: volumes in shares", "10.44"
    UPDATE_CONFIG = 221, "updateConfig: the settings of TWS, written", "10.44"
    FRACTIONAL_LAST_SIZE = 222, "a change inside TWS: the last size may be a fraction", "10.44"
    HEDGE_MAX_SIZE = 223, "orders: hedgeMaxSize", "10.45"
    USE_PRECISION_FROM_SEC_DEF = 224, "what lastPricePrecision and lastSizePrecision mean", "10.46"
    ODD_LOT_BID_ASK_QUOTES = 225, "tick types of odd-lot quotes", "10.46 to 10.49"
    COND_ORDER_WITH_OVERNIGHT_PARAM = 226, "orders: conditionsIncludeOvernight", "10.50 to 10.51"


LOWEST = ServerVersion.V100_PLUS
"""The lowest version of the protocol that this package speaks."""
HIGHEST = max(ServerVersion)
"""The highest version whose layouts are declared here."""
