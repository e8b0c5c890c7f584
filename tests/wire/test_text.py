import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsprobe.wire.text import text_of


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"EST", "EST"),
        ("中国标准时间 😀".encode(), "中国标准时间 😀"),
        ("中国".encode("gbk"), "ÖÐ¹ú"),
        (b"dell\x92Europa", "dell\x92Europa"),
        (b"\xc3", "Ã"),
        (b"\xed\xa0\x80", "í\xa0\x80"),
        (b"\xf4\x90\x80\x80", "ô\x90\x80\x80"),
        (b"\xc0\x80", "À\x80"),
        (b"\xef\xbb\xbfa", "\ufeffa"),
    ],
)
def test_text_is_utf_8_where_it_is_that_and_else_one_character_a_byte(data: bytes, text: str) -> None:
    assert text_of(data) == text


@given(st.binary())
def test_no_byte_is_lost(data: bytes) -> None:
    text = text_of(data)
    assert data in (text.encode("utf-8"), text.encode("latin-1", "ignore"))
    assert not any(0xD800 <= ord(character) <= 0xDFFF for character in text)
