"""Clues: each holds when its fact is there, and only then, and says so in a plain sentence."""

import re

import pytest

from twsprobe.probing.clues import CLUES, Clue, clues, describe
from twsprobe.probing.observation import Observation

HOME = ("127.0.0.1", 7497)
LAN = ("192.168.1.20", 7497)

WITNESSES: dict[Clue, Observation] = {
    Clue.LOOPBACK_PEER: Observation(address=HOME),
    Clue.REMOTE_PEER: Observation(address=LAN),
    Clue.LOOPBACK_SOURCE: Observation(address=HOME),
    Clue.REMOTE_SOURCE: Observation(address=LAN, local_address=("192.168.1.9", 50000)),
    Clue.IPV6_LOOPBACK: Observation(address=("::1", 7497)),
    Clue.IPV6_PEER: Observation(address=("fe80::1%eth0", 7497)),
    Clue.NAME_RESOLVED_TO_SEVERAL: Observation(target_host="localhost", attempts=(("::1", "refused"), ("127.0.0.1", "refused"))),
    Clue.SINGLE_LABEL_NAME: Observation(target_host="ib-gateway"),
    Clue.DOTTED_NAME: Observation(target_host="tws.example.com"),
    Clue.PLACEHOLDER_ADDRESS: Observation(target_host="0.0.0.127"),
    Clue.CONTAINER_LOOPBACK: Observation(address=HOME, in_container=True),
    Clue.NO_ROUTE: Observation(address=LAN, no_route=True),
    Clue.TWS_PORT: Observation(target_port=7496),
    Clue.GATEWAY_PORT: Observation(target_port=4002),
    Clue.DIRECT_PORT: Observation(target_port=4002),
    Clue.FORWARDED_PORT: Observation(target_port=4004),
    Clue.CLIENT_PORTAL_PORT: Observation(target_port=5000),
    Clue.COMMAND_SERVER_PORT: Observation(target_port=7462),
    Clue.UNKNOWN_PORT: Observation(target_port=7500),
    Clue.LIVE_PORT: Observation(target_port=4001),
    Clue.PAPER_PORT: Observation(target_port=7497),
    Clue.SIBLING_LISTENING: Observation(siblings=((4001, "IB Gateway live"),)),
    Clue.SIBLING_OTHER_MODE: Observation(target_port=7497, siblings=((7496, "TWS live"),)),
    Clue.NO_API_LISTENER: Observation(address=HOME, siblings_checked=True),
    Clue.CLOSED_BEFORE_SENDING: Observation(closed="fin"),
    Clue.CLOSED_WITHIN_50_MS: Observation(closed="fin", elapsed_ms=3.0),
    Clue.CLOSED_WITH_RESET: Observation(closed="rst"),
    Clue.PEER_CLOSED: Observation(closed="fin"),
    Clue.OPEN_BEFORE_SENDING: Observation(prefix_sent=True),
    Clue.SERVICE_HTTP: Observation(service="http"),
    Clue.SERVICE_TLS: Observation(service="tls"),
    Clue.SERVICE_SSH: Observation(service="ssh"),
    Clue.SERVICE_OTHER: Observation(service="other"),
    Clue.SERVICE_UNTOLD: Observation(),
    Clue.VNC_BANNER: Observation(received=b"RFB 003.008\n"),
    Clue.REDIRECT_NAMED: Observation(redirect="10.0.0.1:7497"),
    Clue.ORDINARY_OFFER: Observation(prefix_sent=True, offered=(100, 226)),
    Clue.OLD_OFFER: Observation(offered=(100, 157)),
    Clue.SERVER_BELOW_OFFER: Observation(server_version=100, offered=(157, 178)),
    Clue.SERVER_ABOVE_OFFER: Observation(server_version=226, offered=(157, 178)),
    Clue.PROTOBUF_VERSION: Observation(server_version=201),
    Clue.TIME_ZONE_NOT_ASCII: Observation(time_zone="\u4e2d\u56fd\u6807\u51c6\u65f6\u95f4"),
    Clue.ONLY_ACCOUNTS: Observation(missing=("nextValidId",)),
    Clue.ONLY_ORDER_ID: Observation(missing=("managedAccounts",)),
    Clue.START_SENT: Observation(start_sent=True),
    Clue.CLIENT_ID_ZERO: Observation(client_id=0),
    Clue.CLIENT_ID_CHOSEN: Observation(client_id=7, client_id_chosen=True),
    Clue.CLIENT_ID_RANDOM: Observation(client_id=915_204_377),
    Clue.RETRY_READY: Observation(retry="ready"),
    Clue.RETRY_FAILED: Observation(retry="failed"),
    Clue.PAPER_ACCOUNT: Observation(accounts=("DU1234567",)),
    Clue.MODE_MISMATCH: Observation(target_port=7497, accounts=("U1234567",)),
    Clue.SEVERAL_ACCOUNTS: Observation(accounts=("U1234567", "U7654321")),
    Clue.ERROR_CODE: Observation(notices=((201, "rejected"),)),
    Clue.NO_ERROR_CODE: Observation(closed="fin", notices=((2104, "OK"),)),
    Clue.RATE_WARNING: Observation(notices=((0, "Warning: Approaching max rate of 50 messages per second (44)"),)),
    Clue.CODE_100: Observation(notices=((100, "max rate exceeded"),)),
    Clue.CODE_321: Observation(notices=((321, "must specify an account"),)),
    Clue.READ_ONLY_TEXT: Observation(notices=((321, "The API interface is currently in Read-Only mode."),)),
    Clue.CODE_326: Observation(notices=((326, "in use"),)),
    Clue.BAD_REQUEST_CODE: Observation(notices=((320, "cannot read"),)),
    Clue.CODE_1100: Observation(notices=((1100, "lost"),)),
    Clue.CODE_1300: Observation(notices=((1300, "port 7499"),)),
    Clue.SUBSCRIPTION_CONTENDED: Observation(notices=((2101, "taken"),)),
    Clue.CODE_2110: Observation(notices=((2110, "broken"),)),
    Clue.FARM_BROKEN: Observation(notices=((2105, "broken"),)),
    Clue.CODE_10141: Observation(notices=((10141, "disclaimer"),)),
    Clue.CODE_10197: Observation(notices=((10197, "competing"),)),
    Clue.STALLED_POSITIONS: Observation(stalled_request="reqPositions"),
    Clue.STALLED_OPEN_ORDERS: Observation(missing_end="openOrderEnd"),
    Clue.STALLED_COMPLETED_ORDERS: Observation(missing_end="completedOrdersEnd"),
    Clue.STALLED_ACCOUNT_UPDATES: Observation(stalled_request="reqAccountUpdates", missing_end="accountDownloadEnd"),
    Clue.STALLED_EXECUTIONS: Observation(missing_end="execDetailsEnd"),
    Clue.STALLED_CURRENT_TIME: Observation(stalled_request="reqCurrentTime"),
}
"""For each clue an observation in which it holds."""

NOT_WHEN: list[tuple[Clue, Observation]] = [
    (Clue.LOOPBACK_SOURCE, Observation(address=LAN, local_address=LAN)),
    (Clue.IPV6_LOOPBACK, Observation(address=("::ffff:127.0.0.1", 7497))),
    (Clue.IPV6_PEER, Observation(address=("::1", 7497))),
    (Clue.NAME_RESOLVED_TO_SEVERAL, Observation(attempts=(("127.0.0.1", "refused"), ("127.0.0.1", "refused")))),
    (Clue.SINGLE_LABEL_NAME, Observation(target_host="127.0.0.1")),
    (Clue.SINGLE_LABEL_NAME, Observation(target_host="::1")),
    (Clue.DOTTED_NAME, Observation(target_host="127.0.0.1")),
    (Clue.DOTTED_NAME, Observation(target_host="ib-gateway")),
    (Clue.CONTAINER_LOOPBACK, Observation(address=LAN, in_container=True)),
    (Clue.NO_ROUTE, Observation(address=LAN, attempts=((LAN[0], "unreachable"),))),
    (Clue.DIRECT_PORT, Observation(target_port=4004)),
    (Clue.FORWARDED_PORT, Observation(target_port=4002)),
    (Clue.UNKNOWN_PORT, Observation(target_port=4000)),
    (Clue.SIBLING_LISTENING, Observation(address=LAN, siblings=((4001, "IB Gateway live"),))),
    (Clue.SIBLING_OTHER_MODE, Observation(target_port=4004, siblings=((4001, "IB Gateway live"), (4002, "IB Gateway paper")))),
    (Clue.SIBLING_OTHER_MODE, Observation(target_port=7497, siblings=((4001, "IB Gateway live"), (7499, "TWS paper")))),
    (Clue.NO_API_LISTENER, Observation(address=HOME)),
    (Clue.NO_API_LISTENER, Observation(address=LAN, siblings_checked=True)),
    (Clue.CLOSED_BEFORE_SENDING, Observation(closed="fin", prefix_sent=True)),
    (Clue.CLOSED_WITHIN_50_MS, Observation(closed="fin", elapsed_ms=101.0)),
    (Clue.CLOSED_WITH_RESET, Observation(closed="fin")),
    (Clue.ORDINARY_OFFER, Observation(prefix_sent=True, offered=(226, 100))),
    (Clue.ORDINARY_OFFER, Observation(offered=(100, 226))),
    (Clue.OLD_OFFER, Observation(offered=(157, 178))),
    (Clue.SERVER_BELOW_OFFER, Observation(server_version=-1, offered=(100, 226))),
    (Clue.SERVER_BELOW_OFFER, Observation(server_version=178, offered=(157, 178))),
    (Clue.SERVER_ABOVE_OFFER, Observation(server_version=178, offered=(157, 178))),
    (Clue.PROTOBUF_VERSION, Observation(server_version=200)),
    (Clue.TIME_ZONE_NOT_ASCII, Observation(time_zone="Greenwich Mean Time")),
    (Clue.ONLY_ACCOUNTS, Observation(missing=("managedAccounts", "nextValidId"))),
    (Clue.CLIENT_ID_RANDOM, Observation(client_id=7, client_id_chosen=True)),
    (Clue.MODE_MISMATCH, Observation(target_port=7497, accounts=("DU1234567",))),
    (Clue.MODE_MISMATCH, Observation(target_port=7500, accounts=("U1234567",))),
    (Clue.RATE_WARNING, Observation(notices=((0, "hello"),))),
    (Clue.READ_ONLY_TEXT, Observation(notices=((321, "must specify an account"),))),
    (Clue.ERROR_CODE, Observation(notices=((2104, "OK"),))),
    (Clue.NO_ERROR_CODE, Observation(closed="fin", notices=((326, "in use"),))),
]


def test_every_clue_has_a_test_and_a_witness() -> None:
    assert CLUES.keys() == WITNESSES.keys() == set(Clue)


@pytest.mark.parametrize("clue", Clue)
def test_a_clue_holds_when_its_fact_is_there(clue: Clue) -> None:
    assert clue in clues(WITNESSES[clue])


def test_without_facts_there_are_no_clues() -> None:
    assert clues(Observation()) == {Clue.SERVICE_UNTOLD}


@pytest.mark.parametrize(("clue", "observation"), NOT_WHEN)
def test_a_clue_does_not_hold_without_its_fact(clue: Clue, observation: Observation) -> None:
    assert clue not in clues(observation)


@pytest.mark.parametrize("code", [320, 322, 323])
def test_each_code_for_an_unreadable_request_counts(code: int) -> None:
    assert Clue.BAD_REQUEST_CODE in clues(Observation(notices=((code, ""),)))


def test_escaped_time_zone_bytes_count_as_foreign() -> None:
    assert Clue.TIME_ZONE_NOT_ASCII in clues(Observation(time_zone="Ora standard dell\\x92Europa centrale"))


@pytest.mark.parametrize("clue", Clue)
def test_sentences_are_plain_and_whole(clue: Clue) -> None:
    text = describe(clue, WITNESSES[clue])
    assert text.endswith(".")
    assert not set("{}") & set(text)
    assert "None" not in text.replace("None of the usual", "")
    assert all(len(sentence) <= 200 for sentence in re.split(r"(?<=[.?!]) ", text))


@pytest.mark.parametrize(
    ("clue", "observation", "sentence"),
    [
        (
            Clue.REMOTE_SOURCE,
            Observation(address=LAN, local_address=("192.168.1.9", 50000)),
            "The connection leaves from 192.168.1.9, which is not loopback, so TWS has to trust it.",
        ),
        (
            Clue.SIBLING_LISTENING,
            Observation(siblings=((7496, "TWS live"), (4001, "IB Gateway live"))),
            "Listening on this machine instead: TWS live (port 7496) and IB Gateway live (port 4001).",
        ),
        (Clue.CLOSED_WITHIN_50_MS, Observation(closed="fin", elapsed_ms=3.04), "The close came 3.0 ms after the connection was up."),
        (
            Clue.MODE_MISMATCH,
            Observation(target_port=4001, accounts=("DU1",)),
            "Port 4001 is by convention the live one, but the accounts are paper accounts.",
        ),
        (Clue.ERROR_CODE, Observation(notices=((201, "x"),)), "TWS sent code 201. An order was rejected; the text says why."),
        (Clue.ERROR_CODE, Observation(notices=((4711, "x"),)), "TWS sent code 4711. No source lists what it means."),
    ],
)
def test_sentences_name_the_facts(clue: Clue, observation: Observation, sentence: str) -> None:
    assert describe(clue, observation) == sentence
