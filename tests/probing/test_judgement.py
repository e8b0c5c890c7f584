"""The order of confidence."""

from twsprobe.probing.judgement import Confidence


def test_confidence_runs_from_proven_to_excluded() -> None:
    assert [confidence.value for confidence in Confidence] == ["proven", "likely", "possible", "excluded"]
    assert [confidence.place for confidence in Confidence] == [0, 1, 2, 3]
