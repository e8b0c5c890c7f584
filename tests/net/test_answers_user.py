import re

import pytest

from tests.net.asking import ACCOUNT, ask, names
from twsprobe.net.answers_user import SCANS
from twsprobe.net.asked import State


@pytest.mark.parametrize(("number", "found"), [(1, ["AAPL"]), (-1, ["AAPL", "MSFT", "VOO"]), (None, ["AAPL", "MSFT", "VOO"])])
def test_a_scan_has_as_many_rows_as_were_asked_for(number: int | None, found: list[str]) -> None:
    [(_, fields)] = ask("reqScannerSubscription", reqId=3, scannerSubscription={"scanCode": "MOST_ACTIVE", "numberOfRows": number})
    rows = fields["scannerDataElement"]
    assert [(each["rank"], each["contract"]["symbol"]) for each in rows] == list(enumerate(found))
    assert names(ask("reqScannerSubscription", reqId=3)) == ["error 321"]


def test_the_parameters_of_scans_name_them() -> None:
    [(_, fields)] = ask("reqScannerParameters")
    assert set(re.findall("<scanCode>(.*?)</scanCode>", fields["xml"])) == SCANS.keys()
    assert len(re.findall(r"<\w+>", fields["xml"])) == len(re.findall(r"</\w+>", fields["xml"]))


def test_a_display_group_is_followed_and_changed() -> None:
    state = State(ACCOUNT)
    assert ask("queryDisplayGroups", reqId=3) == [("displayGroupList", {"reqId": 3, "groups": "1|2|3|4|5|6|7"})]
    assert names(ask("updateDisplayGroup", state=state, reqId=3, contractInfo="8314@SMART")) == ["error 321"]
    for id in (3, 4):
        said = ask("subscribeToGroupEvents", state=state, reqId=id, groupId=1)
        assert said == [("displayGroupUpdated", {"reqId": id, "contractInfo": "none"})]
    changed = ask("updateDisplayGroup", state=state, reqId=3, contractInfo="8314@SMART")
    assert changed == [("displayGroupUpdated", {"reqId": id, "contractInfo": "8314@SMART"}) for id in (3, 4)]
    assert ask("unsubscribeFromGroupEvents", state=state, reqId=4) == []
    assert len(ask("updateDisplayGroup", state=state, reqId=3, contractInfo="none")) == 1
    assert names(ask("subscribeToGroupEvents", state=state, reqId=5, groupId=8)) == ["error 321"]


def test_what_belongs_to_the_user() -> None:
    [(_, tiers)] = ask("reqSoftDollarTiers", reqId=3)
    assert [each["name"] for each in tiers["softDollarTiers"]] == ["Tier 1", "Tier 2"]
    assert ask("reqFamilyCodes") == [("familyCodes", {"familyCodes": [{"accountId": "DU1234567", "familyCode": ""}]})]
    assert ask("reqUserInfo", reqId=3) == [("userInfo", {"reqId": 3, "whiteBrandingId": ""})]


@pytest.mark.parametrize("request_name", ["requestFA", "replaceFA"])
def test_the_account_is_no_adviser_s(request_name: str) -> None:
    assert names(ask(request_name, faDataType=1)) == ["error 321"]


@pytest.mark.parametrize("request_name", ["verifyRequest", "verifyMessage", "verifyAndAuthRequest", "verifyAndAuthMessage"])
def test_no_program_is_verified(request_name: str) -> None:
    [(_, fields)] = ask(request_name)
    assert fields["isSuccessful"] is False
