"""The market scanner: the instruments that lead a list, by criteria that TWS describes itself."""

from __future__ import annotations

from twsprobe.wire.declaration import As, Many, Nested, Record, Repeat, Since, Under, Until, Version, text
from twsprobe.wire.fields import Bool, Double, EscapedString, Int, Long, String, TagValues
from twsprobe.wire.framing import Direction
from twsprobe.wire.message import Message
from twsprobe.wire.messages.account import ANSWERED
from twsprobe.wire.messages.contracts import CONTRACT, IDENTITY
from twsprobe.wire.messages.order_records import TAG_VALUE
from twsprobe.wire.messages.session import EMPTY
from twsprobe.wire.versions import ServerVersion as V

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

SCANNER_PARAMETERS = Record("ScannerParameters", "xml" / EscapedString(1, "all instruments, locations, scans and filters, as XML"))
ELEMENT = Record(
    "ScannerDataElement",
    "rank" / Int(1, "the place in the list, 0 for the first"),
    "contract" / Nested(CONTRACT, 2, "the instrument"),
    "marketName" / String(3, "the market that it is traded in"),
    "distance" / String(4, "a value that depends on the scan; mostly empty"),
    "benchmark" / String(5, "a value that depends on the scan; mostly empty"),
    "projection" / String(6, "a value that depends on the scan; mostly empty"),
    "comboKey" / String(7, "the legs of a combination, in words; empty for others"),
)
SCANNER_DATA = Record(
    "ScannerData",
    "reqId" / Int(1, "the request that this answers"),
    "scannerDataElement" / Many(ELEMENT, 2, "the list as it is now"),
)
SUBSCRIPTION = Record(
    "ScannerSubscription",
    "numberOfRows" / Int(1, "how long the list may be; -1 for as long as TWS makes it, which is 50"),
    "instrument" / String(2, "a type of instruments: STK, STOCK.EU, FUT.US, ..."),
    "locationCode" / String(3, "where they are traded: STK.US.MAJOR, ..."),
    "scanCode" / String(4, "what the list is sorted by: TOP_PERC_GAIN, MOST_ACTIVE, ..."),
    "abovePrice" / Double(5, "the least price"),
    "belowPrice" / Double(6, "the greatest price"),
    "aboveVolume" / Long(7, "the least volume"),
    "marketCapAbove" / Double(8, "the least market capitalisation, likely in millions"),
    "marketCapBelow" / Double(9, "the greatest market capitalisation, as marketCapAbove"),
    "moodyRatingAbove" / String(10, "the least rating by Moody's"),
    "moodyRatingBelow" / String(11, "the greatest rating by Moody's"),
    "spRatingAbove" / String(12, "the least rating by S&P"),
    "spRatingBelow" / String(13, "the greatest rating by S&P"),
    "maturityDateAbove" / String(14, "the earliest maturity, YYYYMMDD"),
    "maturityDateBelow" / String(15, "the latest maturity, YYYYMMDD"),
    "couponRateAbove" / Double(16, "the least coupon, in percent"),
    "couponRateBelow" / Double(17, "the greatest coupon, in percent"),
    "excludeConvertible" / Bool(18, "whether convertible bonds are left out"),
    "averageOptionVolumeAbove" / Long(19, "the least average volume of options"),
    "scannerSettingPairs" / String(20, "settings of the scan, as name,value pairs; for what has no field of its own"),
    "stockTypeFilter" / String(21, "ALL, CORP, ADR, ETF, REIT, CEF, ..."),
    "scannerSubscriptionFilterOptions" / Many(TAG_VALUE, 22, "filters of scannerParameters and their values: changePercAbove, ..."),
    "scannerSubscriptionOptions" / Many(TAG_VALUE, 23, "options that have no field of their own; none is public"),
)
SCANNER_SUBSCRIPTION_REQUEST = Record(
    "ScannerSubscriptionRequest",
    "reqId" / Int(1, "the id that answers will carry"),
    "scannerSubscription" / Nested(SUBSCRIPTION, 2, "which list is wanted; what is unset does not filter"),
)

MESSAGES = (
    Message(
        "scannerParameters",
        19,
        TO_CLIENT,
        "What scans can ask for; some megabytes.",
        SCANNER_PARAMETERS,
        text(SCANNER_PARAMETERS, Version(1), "xml"),
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "scannerData",
        20,
        TO_CLIENT,
        "The list of a scan, all of it; comes again when it changes. Clients make one callback for each row, and one for the end.",
        SCANNER_DATA,
        text(
            SCANNER_DATA,
            Version(3),
            "reqId",
            Repeat(
                "scannerDataElement",
                "rank",
                Under("contract", IDENTITY, "exchange currency localSymbol"),
                "marketName contract.tradingClass distance benchmark projection comboKey",
            ),
        ),
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "reqScannerSubscription",
        22,
        TO_SERVER,
        "Asks for scannerData, until it is cancelled.",
        SCANNER_SUBSCRIPTION_REQUEST,
        text(
            SCANNER_SUBSCRIPTION_REQUEST,
            Until(V.SCANNER_GENERIC_OPTS, Version(4)),
            "reqId",
            Under(
                "scannerSubscription",
                "numberOfRows instrument locationCode scanCode abovePrice belowPrice aboveVolume marketCapAbove marketCapBelow",
                "moodyRatingAbove moodyRatingBelow spRatingAbove spRatingBelow maturityDateAbove maturityDateBelow",
                "couponRateAbove couponRateBelow excludeConvertible averageOptionVolumeAbove scannerSettingPairs stockTypeFilter",
                Since(V.SCANNER_GENERIC_OPTS, As("scannerSubscriptionFilterOptions", TagValues())),
                As("scannerSubscriptionOptions", TagValues()),
            ),
        ),
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "cancelScannerSubscription",
        23,
        TO_SERVER,
        "Ends reqScannerSubscription.",
        ANSWERED,
        text(ANSWERED, Version(1), "reqId"),
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
    Message(
        "reqScannerParameters",
        24,
        TO_SERVER,
        "Asks for scannerParameters.",
        EMPTY,
        text(EMPTY, Version(1)),
        protobuf=V.PROTOBUF_SCAN_DATA,
    ),
)
