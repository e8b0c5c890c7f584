"""Pseudonyms have the form of what they stand for, and tell nothing of it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import examples
from twsprobe.capture.pseudonyms import Draw, Pseudonyms, like

KEY = b"0123456789abcdef"
ADDRESSES = ["192.168.1.7", "10.0.0.1", "8.8.8.8", "172.16.254.3", "fe80::1", "2001:db8:0:1::a", "::ffff:192.168.1.7", "2001:DB8::FF00"]


def forms(text: str) -> list[object]:
    """What each character is, as far as a pseudonym has to keep it."""
    return [
        (character.isupper(), character.islower(), character.isdigit())
        if character.isascii() and character.isalnum()
        else character.isalnum()
        for character in text
    ]


@examples(3)
@given(st.text(max_size=40))
def test_a_pseudonym_has_the_length_and_the_form_of_its_secret(secret: str) -> None:
    pseudonym = Pseudonyms(KEY).of(secret)
    assert len(pseudonym) == len(secret)
    assert len(pseudonym.encode("utf-8", "surrogatepass")) == len(secret.encode("utf-8", "surrogatepass"))
    assert forms(pseudonym) == forms(secret)
    assert all(new == old for new, old in zip(pseudonym, secret, strict=True) if not old.isalnum())


@examples(3)
@given(st.text(min_size=1, max_size=12).filter(lambda text: any(map(str.isalnum, text))))
def test_a_pseudonym_is_never_its_secret(secret: str) -> None:
    assert Pseudonyms(KEY).of(secret) != secret


def test_latin_1_stays_latin_1() -> None:
    assert len(Pseudonyms(KEY).of("Müller & Söhne").encode("latin-1")) == 14


def test_the_same_secret_has_the_same_pseudonym_with_the_same_key_alone() -> None:
    one, other = Pseudonyms(KEY), Pseudonyms(KEY[::-1])
    assert one.of("Retirement") == one.of("Retirement") == Pseudonyms(KEY).of("Retirement")
    assert one.of("Retirement") != other.of("Retirement")


@pytest.mark.parametrize("letters", ["U", "DU", "F", "DF", "I", "DI"])
@pytest.mark.parametrize("digits", ["12345", "1234567", "123456789"])
def test_an_account_keeps_its_letters(letters: str, digits: str) -> None:
    pseudonyms = Pseudonyms(KEY)
    account = letters + digits
    pseudonym = pseudonyms.of_account(account)
    assert pseudonym.startswith(letters)
    assert pseudonym[len(letters) :].isdigit()
    assert len(pseudonym) == len(account)
    assert pseudonym != account
    assert pseudonym == letters + pseudonyms.of(digits)


def test_distinct_accounts_have_distinct_pseudonyms_and_none_is_another_account() -> None:
    pseudonyms = Pseudonyms(KEY)
    accounts = [f"{number:05}" for number in range(0, 100_000, 125)]
    pseudonyms.secrets.update(accounts)
    given_out = [pseudonyms.of(account) for account in accounts]
    assert len(set(given_out)) == len(accounts)
    assert not set(given_out) & set(accounts)


def test_no_pseudonym_begins_with_the_digits_of_an_account() -> None:
    pseudonyms = Pseudonyms(KEY)
    pseudonyms.secrets.update(f"{number:05}" for number in range(0, 100_000, 2))
    assert all(int(pseudonyms.of(str(number))[:5]) % 2 for number in range(1_000_000, 1_000_200))


def test_where_there_is_no_room_pseudonyms_are_shared() -> None:
    pseudonyms = Pseudonyms(KEY)
    pseudonyms.secrets.update(map(str, range(10)))
    given_out = [pseudonyms.of(str(digit)) for digit in range(10)]
    assert all(pseudonym != str(digit) for digit, pseudonym in enumerate(given_out))


def test_what_has_neither_letters_nor_digits_stays() -> None:
    assert Pseudonyms(KEY).of(" -/- ") == " -/- "


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_stays_one_of_its_family_and_length(address: str) -> None:
    pseudonym = Pseudonyms(KEY).of_address(address)
    parsed = ipaddress.ip_address(pseudonym)
    assert parsed.version == ipaddress.ip_address(address).version
    assert len(pseudonym) == len(address)
    assert pseudonym != address
    assert not parsed.is_loopback


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", str(ipaddress.IPv4Address(0)), "::", "::ffff:127.0.0.1"])
def test_loopback_is_no_secret(address: str) -> None:
    assert Pseudonyms(KEY).of_address(address) == address


@given(st.ip_addresses().map(str))
def test_any_address_has_a_pseudonym_that_is_written_as_an_address_is(address: str) -> None:
    pseudonym = Pseudonyms(KEY).of_address(address)
    assert len(pseudonym) == len(address)
    assert str(ipaddress.ip_address(pseudonym)) == pseudonym


def test_the_zone_of_an_address_is_replaced_too() -> None:
    assert Pseudonyms(KEY).of_address("fe80::1%eth0").partition("%")[2] != "eth0"


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="localhost"):
        Pseudonyms(KEY).of_address("localhost")


@given(st.characters())
def test_a_character_becomes_one_of_as_many_bytes(character: str) -> None:
    new = like(character, Draw(KEY, character, 0))
    assert len(new.encode("utf-8", "surrogatepass")) == len(character.encode("utf-8", "surrogatepass"))
