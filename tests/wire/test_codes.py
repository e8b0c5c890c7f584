"""Codes: complete, told apart by origin and severity, and in plain sentences."""

import pytest

from twsprobe.wire.codes import CODES, RANGES, Origin, Severity, code

WIRE_CODES = {
    *(0, 100, 101, 102, 103, 162, 165, 200, 201, 202, 203, 320, 321, 322, 323, 326, 327, 354, 366),
    *(1100, 1101, 1102, 1300, 2100, 2101, 2102, 2103, 2104, 2105, 2106, 2107, 2108, 2109, 2110, 2119, 2137, 2148, 2150, 2152),
    *(2157, 2158, 2168, 2169, 10089, 10090, 10141, 10147, 10148, 10167, 10168, 10182, 10186, 10187, 10189, 10190, 10197),
    *(10225, 10276, 10285, 10299),
    # Those that the simulator sends besides.
    *(300, 309, 310, 387, 420, 430, 10092, 10172, 10282, 10283, 10314, 10358),
}


def test_every_code_of_the_wire_is_listed() -> None:
    assert {number for number, known in CODES.items() if known.origin is Origin.WIRE} == WIRE_CODES


@pytest.mark.parametrize("number", range(501, 594))
def test_codes_from_501_to_593_are_inventions_of_client_libraries(number: int) -> None:
    known = code(number)
    assert known is not None
    assert (known.number, known.origin) == (number, Origin.LOCAL)


def test_a_code_that_is_known_by_itself_wins_over_its_range() -> None:
    assert code(579) is CODES[579]
    series = code(511)
    assert series is not None
    assert series.meaning == RANGES[0].meaning


@pytest.mark.parametrize("number", [-1, 1, 500, 594, 2111, 99999])
def test_an_unlisted_number_is_unknown(number: int) -> None:
    assert code(number) is None


@pytest.mark.parametrize(
    ("severity", "numbers"),
    [
        (Severity.INFORMATION, {1102, 2104, 2106, 2107, 2108, 2119, 2158}),
        (Severity.WARNING, {1101, 2103, 2105, 2157}),
        (Severity.ERROR, {100, 321, 1100, 2110, 10197}),
        (Severity.FATAL, {326, 1300, 10141}),
    ],
)
def test_severities(severity: Severity, numbers: set[int]) -> None:
    assert {CODES[number].severity for number in numbers} == {severity}


def test_only_these_codes_end_the_connection() -> None:
    assert {number for number, known in CODES.items() if known.severity is Severity.FATAL} == {326, 1300, 10141}


def test_texts_are_one_plain_sentence_each() -> None:
    texts = [(known.meaning, known.conclusion) for known in CODES.values()] + [(series.meaning, series.conclusion) for series in RANGES]
    for pair in texts:
        for text in pair:
            assert text[0].isupper(), text
            assert text.endswith("."), text
            assert ". " not in text, text
            assert len(text) <= 160, text


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CODES[1] = CODES[326]  # type: ignore[index]  # the point of the test
