"""The causes of a session that has begun are part of the whole table."""

import pytest

from twsprobe.probing.cause_table import CAUSES
from twsprobe.probing.cause_table_session import SESSION_CAUSES
from twsprobe.probing.clues import Clue
from twsprobe.probing.judgement import Cause, Confidence


def test_the_whole_table_holds_them() -> None:
    assert all(CAUSES[cause.id] is cause for cause in SESSION_CAUSES)


@pytest.mark.parametrize(
    ("cause", "clue"),
    [
        ("client-id-clash", Clue.RETRY_READY),
        ("paper-disclaimer", Clue.CODE_10141),
        ("port-changed", Clue.CODE_1300),
        ("backend-link-lost", Clue.CODE_1100),
        ("backend-link-lost", Clue.CODE_2110),
        ("competing-session", Clue.CODE_10197),
        ("pacing", Clue.CODE_100),
        ("read-only-api", Clue.READ_ONLY_TEXT),
    ],
)
def test_explicit_words_of_the_wire_prove_their_cause(cause: str, clue: Clue) -> None:
    assert (clue, Confidence.PROVEN) in CAUSES[cause].for_


@pytest.mark.parametrize("cause", [cause for cause in SESSION_CAUSES if cause.id.startswith("sync-")], ids=lambda cause: cause.id)
def test_what_threads_report_about_a_sync_request_is_at_most_likely(cause: Cause) -> None:
    assert all(confidence in (Confidence.LIKELY, Confidence.POSSIBLE) for _, confidence in cause.for_)
