"""Which fields identify, over everything that is declared."""

from __future__ import annotations

import re

import pytest

from twsprobe.wire.events import Decoded
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.identity import EXCEPTIONS, NAMES, Identity, field_paths, flattened, identity_fields, pattern_of, replaced
from twsprobe.wire.messages import MESSAGES
from twsprobe.wire.registry import BY_NAME, decode, encode

TO_SERVER, TO_CLIENT = Direction.TO_SERVER, Direction.TO_CLIENT
OTHERS = {
    # Numbers that TWS or an exchange gives, kinds of things, and parts of a setting: none of them says who or which request.
    *("conId", "secId", "issuerId", "permId", "execId", "parentPermId", "underConId", "underlyingConId", "deltaNeutralConId"),
    *("refFuturesConId", "referenceContractId", "referenceExchangeId", "algoId", "externalUserId", "marketRuleId", "whiteBrandingId"),
    *("articleId", "newsMsgId", "messageId", "groupId", "timeZoneId", "id", "letApiAccountRequestsSwitchSubscription"),
    *("bypassFlaggedAccountsWarning", "useAccountGroupsWithAllocationMethods", "roundAccountValuesToNearestWholeNumber"),
}


@pytest.mark.parametrize(
    ("direction", "name", "found"),
    [
        (TO_SERVER, "startApi", {"clientId": Identity.CLIENT_ID}),
        (TO_SERVER, "reqPositions", {}),
        (TO_SERVER, "cancelOrder", {"orderId": Identity.ORDER_ID}),
        (TO_SERVER, "reqAccountUpdates", {"acctCode": Identity.ACCOUNT}),
        (TO_CLIENT, "error", {"id": Identity.EITHER_ID}),
        (TO_CLIENT, "nextValidId", {"orderId": Identity.ORDER_ID}),
        (TO_CLIENT, "tickPrice", {"reqId": Identity.REQUEST_ID}),
        (TO_CLIENT, "familyCodes", {"familyCodes[].accountId": Identity.ACCOUNT}),
        (
            TO_CLIENT,
            "orderStatus",
            {"orderId": Identity.ORDER_ID, "parentId": Identity.ORDER_ID, "clientId": Identity.CLIENT_ID},
        ),
    ],
)
def test_the_fields_of_a_message(direction: Direction, name: str, found: dict[str, Identity]) -> None:
    assert dict(identity_fields(BY_NAME[direction, name])) == found


def test_an_exercise_is_a_request() -> None:
    assert identity_fields(BY_NAME[TO_SERVER, "exerciseOptions"])["orderId"] is Identity.REQUEST_ID


def test_an_order_names_its_accounts_wherever_they_stand() -> None:
    kinds = identity_fields(BY_NAME[TO_CLIENT, "openOrder"])
    accounts = {path for path, kind in kinds.items() if kind is Identity.ACCOUNT}
    assert accounts == {
        "order.account",
        "order.clearingAccount",
        "order.deltaNeutralClearingAccount",
        "order.customerAccount",
        "orderState.orderAllocations[].account",
    }


def test_no_name_and_no_exception_is_idle() -> None:
    last = {path.rpartition(".")[2] for message in MESSAGES for path in field_paths(message.record)}
    assert set(NAMES) <= last
    for direction, name, path in EXCEPTIONS:
        assert path in list(field_paths(BY_NAME[direction, name].record))


def test_every_field_that_sounds_like_one_was_judged() -> None:
    """A new field whose name ends in Id or has an account in it needs a line in NAMES, or here."""
    sounding = re.compile(r"(Id$|^id$|[aA]ccount(?!s?List)|[aA]cct)")
    found = {path.rpartition(".")[2] for message in MESSAGES for path in field_paths(message.record)}
    assert {name for name in found if sounding.search(name)} - set(NAMES) == OTHERS & found


FIELDS = {"a": 1, "b": {"c": "", "d": None, "e": [{"f": 0}, {"f": "x"}]}, "g": [], "h": [5, 6]}


def test_values_by_path() -> None:
    assert dict(flattened(FIELDS)) == {"a": 1, "b.e[0].f": 0, "b.e[1].f": "x", "h[0]": 5, "h[1]": 6}


@pytest.mark.parametrize(
    ("path", "pattern"), [("a", "a"), ("a.b", "a.b"), ("a[0].b", "a[].b"), ("a.b[12].c[3]", "a.b[].c[]"), ("h[1]", "h[]")]
)
def test_patterns(path: str, pattern: str) -> None:
    assert pattern_of(path) == pattern


def test_values_are_replaced_and_nothing_else() -> None:
    changed = replaced(FIELDS, {"b.e[1].f": "y", "h[0]": 7, "nowhere": 1})
    assert changed == {"a": 1, "b": {"c": "", "d": None, "e": [{"f": 0}, {"f": "y"}]}, "g": [], "h": [7, 6]}
    assert FIELDS["b"]["e"][1]["f"] == "x"  # type: ignore[index]  # the dict is one of many types


@pytest.mark.parametrize("version", [178, 226])
def test_flattened_values_are_those_of_a_decoded_message(version: int) -> None:
    whole = encode("reqAccountSummary", TO_SERVER, version, reqId=5, group="All", tags="NetLiquidation")
    event = decode(whole[LENGTH.size :], TO_SERVER, version)
    assert isinstance(event, Decoded)
    assert {"reqId": 5, "group": "All", "tags": "NetLiquidation"}.items() <= dict(flattened(event.fields)).items()
