"""Which fields of which messages say who somebody is: the rules that a capture is redacted by.

A rule is found by a field's name, because the same name means the same in every message, with exceptions for the few that do not. Some
names hold a secret alone (``account``), some hold words in which one may stand (``errorMsg``), and the rest hold the protocol's own
vocabulary (``secType``). Each name of a text field is in exactly one of the tables below; a test fails for one that is in none.

Doubts: a name that somebody chose for something else (a scanner's setting, a display group) may tell who it was, and is free text here.
What TWS numbers by itself (``permId``, ``execId``, ``conId``) is left, although IBKR knows whose it is.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from twsprobe.wire.events import Decoded
from twsprobe.wire.fields import Leaf, String, TagValues
from twsprobe.wire.layout import Conditional, Gate, Node, Presence, Repetition, Slot
from twsprobe.wire.message import PROTOBUF, Message
from twsprobe.wire.protobuf import Many, Nested, Record
from twsprobe.wire.registry import BY_ID, locate
from twsprobe.wire.tokens import LENGTH_DELIMITED, VARINT, Malformed, Token, read_token


class Kind(enum.Enum):
    """What a secret is."""

    ACCOUNT = "account"
    USER = "user"
    """A person or a broker: user names, operators, decision makers, mail addresses."""
    ADVISOR = "advisor"
    """What a financial advisor named: groups, profiles, aliases, models, soft dollar tiers."""
    ADDRESS = "address"
    """Addresses and names of hosts."""
    ORDER_REFERENCE = "order-reference"
    """What somebody called an order, or a group of orders."""
    CREDENTIAL = "credential"
    """Keys, challenges and their answers."""


class Text(enum.Enum):
    """What a text field holds that is no secret as a whole."""

    FREE = "free"
    """Words, in which a secret may stand."""
    HARMLESS = "harmless"
    """The protocol's vocabulary, instruments and times, where only an account could have got in."""
    ALLOCATION = "allocation"
    """Accounts and numbers, separated by commas and slashes."""
    ADVISOR_XML = "advisor XML"
    """Groups, profiles or aliases of a financial advisor, as XML."""


Rule = Kind | Text

NAMES: MappingProxyType[Rule, str] = MappingProxyType(
    {
        Kind.ACCOUNT: """
            account accountId accountName accountsList acctCode acctNumber clearingAccount customerAccount deltaNeutralClearingAccount
            familyCode""",
        Kind.USER: """
            extOperator externalUserId mifid2DecisionAlgo mifid2DecisionMaker mifid2ExecutionAlgo mifid2ExecutionTrader shareholder
            submitter whiteBrandingId""",
        Kind.ADVISOR: "deltaNeutralSettlingFirm displayName faGroup faProfile group modelCode settlingFirm",
        Kind.ADDRESS: "trustedIPs",
        Kind.ORDER_REFERENCE: "algoId ocaGroup orderRef",
        Kind.CREDENTIAL: "apiData opaqueIsvKey xyzChallenge xyzResponse",
        Text.ALLOCATION: "sharesAllocation",
        Text.FREE: """
            advancedErrorOverride advancedOrderRejectJson apiName articleText changedFields chartOptions completedStatus contractInfo data
            dataJson defaultAction descAppend description errorMsg errorText errors extraData filter fundamentalsDataOptions groups headline
            hedgeParam historicalNewsOptions impliedVolatilityOptions key marketDataOptions marketDepthOptions message miscOptions
            newsArticleOptions newsMessage optionPriceOptions optionalCapabilities orderMiscOptions pattern realTimeBarsOptions rejectReason
            scaleTable scannerSettingPairs scannerSubscriptionFilterOptions scannerSubscriptionOptions status tag tags text title value
            warningText whyHeld xml""",
        Text.HARMLESS: """
            action activeStartTime activeStopTime adjustedOrderType algoStrategy apiVersion articleId autoCancelDate autoLogoffPeriod
            autoLogoffTime autoLogoffType barSizeSetting bboExchange benchmark bondAccruedInterest bondNotes bondType category
            clearingIntent comboKey comboLegsDescrip commissionAndFeesCurrency completedTime componentExchSeparator contractMonth
            couponType currency cusip date defaultAlgorithm deltaNeutralClearingIntent deltaNeutralDesignatedLocation
            deltaNeutralOpenClose deltaNeutralOrderType derivativeSecTypes designatedLocation distance duration encodeApiMessages endDate
            endDateStr endDateTime evRule eventContract1 eventContractDescription1 eventContractDescription2 exchange exchangeLetter execId
            expirations faMethod faPercentage formattedBasisPoints fundAssetType fundBackLoad fundBackLoadTimeInterval fundBlueSkyStates
            fundBlueSkyTerritories fundDistributionPolicyIndicator fundFamily fundFrontLoad fundManagementFee fundMinimumInitialPurchase
            fundMinimumSubsequentPurchase fundName fundNotifyAmount fundType futFopExchange futureLastTradeDate genericTickList
            goodAfterTime goodTillDate headTimestamp hedgeType id industry instrument issueDate issuerId lastTradeDate
            lastTradeDateOrContractMonth liquidHours listingExch localSymbol locationCode loggingLevel longName manualOrderCancelTime
            manualOrderTime marginCurrency marketMaker marketName marketRuleIds maturityDateAbove maturityDateBelow moodyRatingAbove
            moodyRatingBelow multiplier name nextOptionDate nextOptionType openClose optionExerciseRequestType orderType orderTypes
            originatingExch primaryExch projection providerCode providerCodes providerName ptOrderType ratings realExpirationDate refDate
            referenceExchangeId reportType right rule80A scanCode secId secIdType secType sendInstrumentTimezone serviceDataType
            settlementMethod side slOrderType spRatingAbove spRatingBelow specialConditions startDate startDateStr startDateTime stockType
            stockTypeFilter subcategory symbol tickType tif time timePeriod timeStamp timeZone timeZoneId tradingClass tradingHours
            underSecType underSymbol underlyingSecType underlyingSymbol validExchanges whatToShow yieldRedemptionDate""",
    }
)
BY_NAME: MappingProxyType[str, Rule] = MappingProxyType({name: rule for rule, names in NAMES.items() for name in names.split()})

EXCEPTIONS: MappingProxyType[str, Rule] = MappingProxyType(
    {
        "softDollarTier.name": Kind.ADVISOR,
        "softDollarTier.value": Kind.ADVISOR,
        "softDollarTiers.name": Kind.ADVISOR,
        "softDollarTiers.value": Kind.ADVISOR,
        "receiveFA.xml": Text.ADVISOR_XML,
        "replaceFA.xml": Text.ADVISOR_XML,
    }
)
"""By the last two names of a path that begins with the message's."""

ACCOUNT_KEYS = frozenset({"AccountCode", "AccountOrGroup"})
"""The keys of an account's values under which the account itself stands."""

VOCABULARY = frozenset({"", "All", "ALL", "all", "Core", "Not an insider or substantial shareholder"})
"""What stands for no account, group, model or shareholder in particular."""

INDEX = re.compile(r"\[\d+\]")
DEEPEST = 8
"""How deep fields that no schema knows are taken apart."""


class StringPiece(NamedTuple):
    """Where text stands in a payload: its path (empty for what no declaration names), its bytes, and the rule for it."""

    path: str
    start: int
    end: int
    rule: Rule


def rule_of(message: str, path: str) -> Rule:
    """The rule for a field by the name of its message and its path; a name that nobody classified is free text."""
    names = [message, *INDEX.sub("", path).split(".")]
    return EXCEPTIONS.get(".".join(names[-2:])) or BY_NAME.get(names[-1], Text.FREE)


def rule_in(message: str, path: str, fields: dict[str, Any]) -> Rule:
    """The rule for a field of a decoded message: what the value of an account is follows from its key."""
    if path == "value" and fields.get("key", fields.get("tag")) in ACCOUNT_KEYS:
        return Kind.ACCOUNT
    return rule_of(message, path)


@functools.cache
def string_fields(message: Message) -> MappingProxyType[str, Rule]:
    """Every field of a message that holds text in either encoding: its path, without indices, and its rule."""
    paths = list(strings_of(message.record, ""))
    if message.text is not None:
        paths += strings_in(message.text.nodes, "")
    return MappingProxyType({path: rule_of(message.name, path) for path in paths})


@functools.cache
def rules_in(message: Message) -> frozenset[Rule]:
    """The rules for the fields of a message that hold text."""
    return frozenset(string_fields(message).values())


def is_text(leaf: Leaf | None) -> bool:
    """Whether a field's value is text."""
    return isinstance(leaf, String | TagValues)


def strings_of(record: Record, prefix: str) -> Iterator[str]:
    """The paths of a record's text fields."""
    for name, leaf in record.fields.items():
        inner = leaf.record if isinstance(leaf, Nested | Many) else None
        if inner is not None:
            yield from strings_of(inner, f"{prefix}{name}.")
        elif is_text(leaf.leaf if isinstance(leaf, Many) else leaf):
            yield prefix + name


def strings_in(nodes: Sequence[Node], prefix: str) -> Iterator[str]:
    """The paths of a text layout's text fields."""
    for node in nodes:
        if isinstance(node, Gate | Conditional | Presence):
            yield from strings_in(node.nodes, prefix)
        elif isinstance(node, Repetition):
            if is_text(node.leaf):
                yield prefix + node.dotted
            yield from strings_in(node.nodes, f"{prefix}{node.dotted}.")
        elif isinstance(node, Slot) and is_text(node.leaf):
            yield prefix + node.dotted


def string_pieces(event: Decoded) -> Iterator[StringPiece]:
    """Where text stands in ``event.raw``: declared fields, text fields behind the last known one, protobuf fields in no schema."""
    message = BY_ID[event.direction, event.id]
    known = string_fields(message)
    end = event.start
    for piece in locate(event):
        end = max(end, piece.end)
        if INDEX.sub("", piece.path) not in known:
            continue
        start = piece.start
        if event.encoding == PROTOBUF:
            start = piece.end - len(read_token(event.raw, piece.start, piece.end, piece.path).value)
        yield StringPiece(piece.path, start, piece.end, rule_in(message.name, piece.path, event.fields))
    if event.encoding == PROTOBUF:
        yield from unknown_pieces(message.record, event.raw, event.start, len(event.raw))
    elif event.extra:
        for found in re.finditer(rb"[^\0]+", event.raw[end:]):
            yield StringPiece("", end + found.start(), end + found.end(), Text.FREE)


def unknown_pieces(record: Record, data: bytes, position: int, end: int) -> Iterator[StringPiece]:
    """The bytes of protobuf fields that a record, or one inside it, does not know. Raises Malformed, for no decoded message."""
    while position < end:
        token = read_token(data, position, end, "")
        position = token.end
        field = record.by_number.get(token.number)
        if field is None or not field.leaf.accepts(token.wire_type):
            yield from strangers(data, token, 0)
        elif isinstance(field.leaf, Nested | Many) and field.leaf.record is not None:
            yield from unknown_pieces(field.leaf.record, data, token.end - len(token.value), token.end)


def strangers(data: bytes, token: Token, depth: int) -> Iterator[StringPiece]:
    """The text that an undeclared field may hold: all of it, or that of the fields inside, as no schema says which."""
    if token.wire_type == VARINT:
        return
    start = token.end - len(token.value)
    inside = tokens_in(data, start, token.end) if token.wire_type == LENGTH_DELIMITED and depth < DEEPEST else []
    if not inside or is_printable(token.value):
        yield StringPiece("", start, token.end, Text.FREE)
    for inner in inside if not is_printable(token.value) else ():
        yield from strangers(data, inner, depth + 1)


def pieces_within(data: bytes) -> Iterator[StringPiece]:
    """The text that the bytes of an undeclared field may hold."""
    return strangers(data, Token(0, LENGTH_DELIMITED, data, 0, len(data)), 0)


def tokens_in(data: bytes, position: int, end: int) -> list[Token]:
    """The protobuf fields between two offsets; none where the bytes are no such thing."""
    found: list[Token] = []
    try:
        while position < end:
            found.append(read_token(data, position, end, ""))
            position = found[-1].end
    except Malformed:
        return []
    return found


def is_printable(data: bytes) -> bool:
    """Whether bytes read as text that somebody would write."""
    try:
        return data.decode().isprintable()
    except UnicodeDecodeError:
        return False
