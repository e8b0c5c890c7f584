"""What the simulator answers about the user and the windows of TWS: scans, display groups, tiers, families, advisers, verification."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from twsprobe.net.asked import Answer, Asked, Said, ending, invalid
from twsprobe.net.instruments import INSTRUMENTS

GROUPS = 7
EMPTY_GROUP = "none"
TIERS = (("Tier 1", "1", "Commission tier 1"), ("Tier 2", "2", "Commission tier 2"))
"""Soft dollar tiers: name, value, what TWS shows."""
SCANS: Mapping[str, str] = MappingProxyType(
    {"TOP_PERC_GAIN": "Top % Gainers", "MOST_ACTIVE": "Most Active", "HOT_BY_VOLUME": "Hot by Volume"}
)
PARAMETERS = (
    '<?xml version="1.0" encoding="UTF-8"?><ScanParameterResponse><InstrumentList><Instrument><name>US Stocks</name><type>STK</type>'
    "</Instrument></InstrumentList><LocationTree><Location><displayName>Listed/NASDAQ</displayName>"
    "<locationCode>STK.US.MAJOR</locationCode></Location></LocationTree><ScanTypeList>"
    + "".join(f"<ScanType><displayName>{name}</displayName><scanCode>{code}</scanCode></ScanType>" for code, name in SCANS.items())
    + "</ScanTypeList></ScanParameterResponse>"
)
UNVERIFIED = "Verification of client programs is not available"


def scanner_parameters(asked: Asked) -> Iterator[Said]:
    yield "scannerParameters", {"xml": PARAMETERS}


def scan(asked: Asked) -> Iterator[Said]:
    """The stocks that there are, as many as were asked for; the list never changes."""
    wanted = asked.fields.get("scannerSubscription") or {}
    if not wanted.get("scanCode"):
        yield invalid(asked, "Scan code is not set")
        return
    asked.subscribe("reqScannerSubscription")
    stocks = [each for each in INSTRUMENTS if each.contract["secType"] == "STK"]
    rows = wanted.get("numberOfRows") or -1
    unsaid = {"distance": "", "benchmark": "", "projection": "", "comboKey": ""}
    found = [
        {"rank": rank, "contract": each.contract, "marketName": each.details["marketName"]} | unsaid
        for rank, each in enumerate(stocks[:rows] if rows > 0 else stocks)
    ]
    yield "scannerData", {"reqId": asked.id, "scannerDataElement": found}


def display_groups(asked: Asked) -> Iterator[Said]:
    yield "displayGroupList", {"reqId": asked.id, "groups": "|".join(str(number) for number in range(1, GROUPS + 1))}


def follow_group(asked: Asked) -> Iterator[Said]:
    group = asked.number("groupId")
    if not 1 <= group <= GROUPS:
        yield invalid(asked, f"Display group {group} is not found")
        return
    asked.state.followed[asked.client_id, asked.id] = group
    yield shown(asked.id, asked.state.groups.get(group, EMPTY_GROUP))


def update_group(asked: Asked) -> Iterator[Said]:
    """Change what a group shows, and tell all of the client's requests that follow it."""
    group = asked.state.followed.get((asked.client_id, asked.id))
    if group is None:
        yield invalid(asked, "Display group is not subscribed to")
        return
    asked.state.groups[group] = asked.text("contractInfo") or EMPTY_GROUP
    for (client_id, id), followed in asked.state.followed.items():
        if (client_id, followed) == (asked.client_id, group):
            yield shown(id, asked.state.groups[group])


def unfollow_group(asked: Asked) -> Iterator[Said]:
    asked.state.followed.pop((asked.client_id, asked.id), None)
    yield from ()


def shown(id: int | None, contract: str) -> Said:
    """What a group shows."""
    return "displayGroupUpdated", {"reqId": id, "contractInfo": contract}


def tiers(asked: Asked) -> Iterator[Said]:
    rows = [{"name": name, "value": value, "displayName": shown_as} for name, value, shown_as in TIERS]
    yield "softDollarTiers", {"reqId": asked.id, "softDollarTiers": rows}


def families(asked: Asked) -> Iterator[Said]:
    yield "familyCodes", {"familyCodes": [{"accountId": asked.account.code, "familyCode": ""}]}


def user_info(asked: Asked) -> Iterator[Said]:
    yield "userInfo", {"reqId": asked.id, "whiteBrandingId": ""}


def no_adviser(asked: Asked) -> Iterator[Said]:
    """The account is no adviser's, so TWS refuses, likely in these words."""
    yield invalid(asked, "FA data operations ignored for non FA customers.")


def unverified(asked: Asked) -> Iterator[Said]:
    yield "verifyCompleted", {"isSuccessful": False, "errorText": UNVERIFIED}


def unverified_with_key(asked: Asked) -> Iterator[Said]:
    yield "verifyAndAuthCompleted", {"isSuccessful": False, "errorText": UNVERIFIED}


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqScannerParameters": scanner_parameters,
        "reqScannerSubscription": scan,
        "cancelScannerSubscription": ending("reqScannerSubscription"),
        "queryDisplayGroups": display_groups,
        "subscribeToGroupEvents": follow_group,
        "updateDisplayGroup": update_group,
        "unsubscribeFromGroupEvents": unfollow_group,
        "reqSoftDollarTiers": tiers,
        "reqFamilyCodes": families,
        "reqUserInfo": user_info,
        "requestFA": no_adviser,
        "replaceFA": no_adviser,
        "verifyRequest": unverified,
        "verifyMessage": unverified,
        "verifyAndAuthRequest": unverified_with_key,
        "verifyAndAuthMessage": unverified_with_key,
    }
)
"""The answers about the user and the windows of TWS, by the name of the request."""
