"""Five hundred accounts, in every place that a message can hold one, in none of what is made to be shown to others."""

from __future__ import annotations

import json
from random import Random

from tests.capture.test_redact import SecretMaker, made_accounts, sessions
from tests.views.reports import scenario_reports
from twsprobe.capture.model import Chunk
from twsprobe.capture.redactor import Redactor
from twsprobe.capture.seen import seen_in
from twsprobe.probing.sharing import shared
from twsprobe.views.conversation import Report
from twsprobe.views.html import page
from twsprobe.wire.versions import HIGHEST, LOWEST

ACCOUNTS = made_accounts(Random(4), 500)
RECORDS = sessions(SecretMaker(Random(4), ACCOUNTS), (LOWEST, 176, 201, HIGHEST))


def left(text: str) -> list[str]:
    return [account for account in ACCOUNTS if account in text or account.encode().hex() in text]


def test_the_records_hold_them_all() -> None:
    said = b"".join(record.data for record in RECORDS if isinstance(record, Chunk))
    assert all(account.encode() in said for account in ACCOUNTS)


def test_a_failed_test_shows_none() -> None:
    lines = Report(RECORDS).conversation(100_000, len(RECORDS))
    assert len(lines) > 500
    assert left("\n".join(lines)) == []


def test_a_report_shows_none() -> None:
    report = scenario_reports()["ready"].to_dict()
    report["server"]["accounts"] = ACCOUNTS
    report["notices"] = [{"code": 2104, "text": f"of {account}: OK"} for account in ACCOUNTS]
    found, records = shared(report, RECORDS, Redactor(b"0123456789abcdef"))
    assert len(found["notices"]) == 500
    assert left(json.dumps(found)) == []
    html = page(found, seen_in(records), environment={}, made="now", redacted=True)
    assert "managedAccounts" in html
    assert left(html) == []
