import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.generate import VERSIONS, examples
from twsprobe.wire.events import Greeted, VersionOffered
from twsprobe.wire.framing import LENGTH, Direction
from twsprobe.wire.handshake import PREFIX, frame, greeting, is_certain, offer, read_greeting, read_offer

TO_CLIENT, TO_SERVER = Direction.TO_CLIENT, Direction.TO_SERVER

# What stands in the frame, and what it offers: minimum, maximum, connect options.
OFFERS = {
    b"v100..226": (100, 226, ""),
    b"v157..178": (157, 178, ""),
    b"v176..176": (176, 176, ""),
    b"v203": (203, 203, ""),
    b"v100..226 +PACEAPI": (100, 226, "+PACEAPI"),
    b"v203 +PACEAPI": (203, 203, "+PACEAPI"),
    b"v100..226 two words": (100, 226, "two words"),
    b"v100..226 ": (100, 226, ""),
    b"v100..226\0": (100, 226, ""),
    b"v203\0": (203, 203, ""),
    b"v100..226 +PACEAPI\0": (100, 226, "+PACEAPI"),
    b"v100..226 a\nb": (100, 226, "a\nb"),
    b"v100..226 \xff": (100, 226, "\xff"),
    b"v100..999": (100, 999, ""),
    b"v226..100": (226, 100, ""),
    b"v0..0": (0, 0, ""),
}
NO_OFFERS = [
    b"",
    b"\0",
    b"v",
    b"V100..226",
    b"100..226",
    b"v100.200",
    b"v100..",
    b"v..226",
    b"v-1..226",
    b"v100..226\0\0",
    b"v100..226+PACEAPI",
    b"v1234567890",
    b"v100..1234567890",
    "v\u0661\u0660\u0660".encode(),
    b"66\0",
    b"71\x002\x000\0\0",
]
# The second field of an answer, and what it says: time, time zone.
TIMES = {
    b"20230228 17:24:14 EST": ("20230228 17:24:14", "EST"),
    b"20240308 13:30:34 Greenwich Mean Time": ("20240308 13:30:34", "Greenwich Mean Time"),
    b"20240308 13:30:34 " + "中国标准时间".encode("gbk"): ("20240308 13:30:34", "中国标准时间".encode("gbk").decode("latin-1")),
    b"20240308 13:30:34 " + "中国标准时间".encode(): ("20240308 13:30:34", "中国标准时间"),
    b"20240308 13:30:34 Ora standard dell\x92Europa centrale": ("20240308 13:30:34", "Ora standard dell\x92Europa centrale"),
    b"20240308 13:30:34 " + "Χειμερινή ώρα".encode("cp1253"): ("20240308 13:30:34", "Χειμερινή ώρα".encode("cp1253").decode("latin-1")),
    b"20240308 13:30:34": ("20240308 13:30:34", ""),
    b"20240308 13:30:34 ": ("20240308 13:30:34", ""),
    b"20240308 13:30:34EST": ("20240308 13:30:34", "EST"),
    b"20240308 13:30:34  EST": ("20240308 13:30:34", " EST"),
    b"20240308 13:30:34 [/x]\x1b[2J\n": ("20240308 13:30:34", "[/x]\x1b[2J\n"),
    b"2024-03-08T13:30:34Z": ("2024-03-08T13:30:34Z", ""),
    b"nonsense": ("nonsense", ""),
    b"": ("", ""),
}
NO_GREETINGS = [
    b"",
    b"\0",
    b"\0\0",
    b"176",
    b"176\0",
    b"176\x0020240308 13:30:34 EST",
    b"176\x0020240308 13:30:34 EST\0x",
    b"176\x0020240308 13:30:34 EST\0\0",
    b"x\x0020240308 13:30:34 EST\0",
    b"+176\x0020240308\0",
    b" 176\x0020240308\0",
    b"1_76\x0020240308\0",
    b"1234567890\x0020240308\0",
    "\u0661\u0667\u0666\0x\0".encode(),
    b"4\x002\x00-1\x002104\x00Market data farm connection is OK:usfarm\0",
]


@pytest.mark.parametrize(
    ("arguments", "data"),
    [
        ((100, 226), "41504900 00000009 763130302e2e323236"),
        ((100, 226, "+PACEAPI"), "41504900 00000012 763130302e2e323236202b50414345415049"),
        ((203, None), "41504900 00000004 76323033"),
        ((203, None, "+PACEAPI"), "41504900 0000000d 76323033202b50414345415049"),
    ],
)
def test_the_opening_is_written_as_clients_write_it(arguments: tuple[int, int | None], data: str) -> None:
    assert offer(*arguments) == bytes.fromhex(data)


@pytest.mark.parametrize("options", ["a\0b", "é", "a\nb", "\x7f", "\ud800"])
def test_connect_options_that_no_client_may_send_are_refused(options: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII"):
        offer(100, 226, options)


@pytest.mark.parametrize("payload", OFFERS)
def test_every_form_of_an_offer_is_read(payload: bytes) -> None:
    assert read_offer(payload, 0) == VersionOffered(TO_SERVER, *OFFERS[payload], PREFIX + frame(payload), 0)


@pytest.mark.parametrize("payload", NO_OFFERS)
def test_what_is_no_offer_is_not_read_as_one(payload: bytes) -> None:
    assert read_offer(payload, 0) is None


versions = st.integers(0, 999_999_999)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126)).map(str.strip)


@examples(2)
@given(versions, st.none() | versions, printable)
def test_offers_are_read_as_they_were_written(minimum: int, maximum: int | None, options: str) -> None:
    data = offer(minimum, maximum, options)
    read = read_offer(data[len(PREFIX) + LENGTH.size :], 0)
    assert read == VersionOffered(TO_SERVER, minimum, minimum if maximum is None else maximum, options, data, 0)


@pytest.mark.parametrize(
    ("version", "time", "data"),
    [
        (176, b"20230228 17:24:14 EST", "0000001a 31373600 3230323330323238 2031373a32343a3134 20455354 00"),
        (-1, b"10.0.0.1:7496", "00000011 2d3100 31302e302e302e313a37343936 00"),
    ],
)
def test_the_answer_is_written_as_servers_write_it(version: int, time: bytes, data: str) -> None:
    assert greeting(version, time) == bytes.fromhex(data)


@pytest.mark.parametrize("second", TIMES)
def test_every_time_and_zone_is_read(second: bytes) -> None:
    payload = b"176\0" + second + b"\0"
    assert read_greeting(payload, 7) == Greeted(TO_CLIENT, 176, *TIMES[second], "", payload, 7)


@pytest.mark.parametrize("version", [*VERSIONS, 0, 76, 227, 999_999_999])
def test_every_version_is_read(version: int) -> None:
    read = read_greeting(greeting(version, b"20230228 17:24:14 EST")[LENGTH.size :], 0)
    assert read is not None
    assert read.server_version == version


@pytest.mark.parametrize("address", [b"10.0.0.1", b"10.0.0.1:7496", b"[::1]:4001", b"", b"-oProxy=x\r\n", b"h" * 10_000, b"\xff:0"])
def test_a_negative_version_is_a_redirect(address: bytes) -> None:
    payload = b"-1\0" + address + b"\0"
    assert read_greeting(payload, 0) == Greeted(TO_CLIENT, -1, "", "", address.decode("latin-1"), payload, 0)


@pytest.mark.parametrize("second", TIMES)
def test_only_an_answer_with_a_time_cannot_be_a_message(second: bytes) -> None:
    timed, redirect, end = (read_greeting(payload, 0) for payload in (b"176\0" + second + b"\0", b"-1\x0010.0.0.1\0", b"62\x001\0"))
    assert timed is not None
    assert redirect is not None
    assert end is not None
    assert is_certain(timed) == (second not in (b"2024-03-08T13:30:34Z", b"nonsense", b""))
    assert is_certain(redirect)
    assert not is_certain(end)


@pytest.mark.parametrize("payload", NO_GREETINGS)
def test_what_is_no_answer_is_not_read_as_one(payload: bytes) -> None:
    assert read_greeting(payload, 0) is None


@examples(5)
@given(st.binary() | st.sampled_from([*OFFERS, *NO_OFFERS, *NO_GREETINGS]))
def test_reading_never_raises(payload: bytes) -> None:
    for read in (read_offer(payload, 0), read_greeting(payload, 0)):
        assert read is None or payload in read.raw
