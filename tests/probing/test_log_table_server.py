"""Lines of TWS, IBC and forwarders."""

from __future__ import annotations

from twsprobe.probing.log_table_server import SERVER_LINES


def test_every_one_names_what_may_be_behind_it() -> None:
    assert all(known.signatures for known in SERVER_LINES)
