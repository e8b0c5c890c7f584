"""The table of causes as data: whole, plain, and proven only by the wire's own word."""

import re
from collections import Counter

import pytest

from twsprobe.probing.cause_table import CAUSES
from twsprobe.probing.clues import Clue
from twsprobe.probing.judgement import Cause, Confidence
from twsprobe.probing.signatures import Layer

THE_WIRE_ITSELF = {
    *(Clue.SERVICE_HTTP, Clue.SERVICE_TLS, Clue.SERVICE_SSH, Clue.SERVICE_OTHER, Clue.VNC_BANNER),
    *(Clue.REDIRECT_NAMED, Clue.SERVER_BELOW_OFFER, Clue.SERVER_ABOVE_OFFER, Clue.RETRY_READY),
    *(Clue.CODE_100, Clue.CODE_1100, Clue.CODE_1300, Clue.CODE_2110, Clue.CODE_10141, Clue.CODE_10197),
    *(Clue.FARM_BROKEN, Clue.READ_ONLY_TEXT),
}


@pytest.fixture(params=list(CAUSES.values()), ids=list(CAUSES))
def cause(request: pytest.FixtureRequest) -> Cause:
    assert isinstance(request.param, Cause)
    return request.param


def test_ids_are_slugs_and_keys(cause: Cause) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cause.id)
    assert CAUSES[cause.id] is cause


def test_no_two_causes_say_the_same() -> None:
    assert max(Counter(cause.title for cause in CAUSES.values()).values()) == 1


def test_titles_are_one_plain_sentence(cause: Cause) -> None:
    assert cause.title.endswith(".")
    assert ". " not in cause.title
    assert len(cause.title) <= 120


def test_texts_have_no_placeholders_and_short_sentences(cause: Cause) -> None:
    for text in (cause.title, cause.remedy):
        assert not re.search(r"[{}]|\bTBD\b|\?\?|  ", text), text
        assert text.endswith(".")
        assert all(len(sentence) <= 200 for sentence in re.split(r"(?<=[.?!]) ", text)), text


def test_every_cause_names_its_source(cause: Cause) -> None:
    assert cause.source
    assert "{" not in cause.source


def test_only_what_the_wire_says_proves_a_cause(cause: Cause) -> None:
    proving = {clue for clue, confidence in cause.for_ if confidence is Confidence.PROVEN}
    assert proving <= THE_WIRE_ITSELF


def test_clues_for_do_not_exclude_and_clues_against_do_not_prove(cause: Cause) -> None:
    assert all(confidence is not Confidence.EXCLUDED for _, confidence in cause.for_)
    assert all(confidence is not Confidence.PROVEN for _, confidence in cause.against)


def test_no_clue_speaks_twice_for_one_cause(cause: Cause) -> None:
    counted = Counter(clue for clue, _ in (*cause.for_, *cause.against))
    assert not counted or max(counted.values()) == 1


def test_what_hangs_on_trusted_addresses_is_excluded_from_loopback() -> None:
    for cause in CAUSES.values():
        if cause.layer is Layer.TRUSTED_IP and cause.id != "container-inner-port":  # there TWS sees another source than ours
            assert (Clue.LOOPBACK_SOURCE, Confidence.EXCLUDED) in cause.against, cause.id


def test_a_firewall_is_excluded_from_loopback() -> None:
    assert (Clue.LOOPBACK_PEER, Confidence.EXCLUDED) in CAUSES["firewall"].against
