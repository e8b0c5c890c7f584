import pytest

from twsprobe.wire.declaration import As, Many, Nested, Optional, Part, Record, Repeat, Since, Under, Until, Version, When, text
from twsprobe.wire.fields import Int, String
from twsprobe.wire.layout import IS_SET, Values, one_of
from twsprobe.wire.versions import ServerVersion as V

LEG = Record("Leg", "conId" / Int(1), "action" / String(2))
CONTRACT = Record("Contract", "conId" / Int(1), "symbol" / String(2), "legs" / Many(LEG, 3), "hedge" / Nested(LEG, 4))
MESSAGE = Record(
    "Message", "reqId" / Int(1), "contract" / Nested(CONTRACT, 2), "days" / Many(Int(), 3), "multiplier" / Int(4), "note" / String()
)

# A part, a text that it describes at 176, and the values.
DESCRIBED: list[tuple[Part, bytes, Values]] = [
    ("reqId contract.symbol", b"1|X|", {"reqId": 1, "contract": {"symbol": "X"}}),
    ("", b"", {}),
    ("note", b"x|", {"note": "x"}),
    (Under("contract", "conId symbol"), b"5|X|", {"contract": {"conId": 5, "symbol": "X"}}),
    (Under("contract", Under("hedge", "action")), b"BUY|", {"contract": {"hedge": {"action": "BUY"}}}),
    (Under("contract.hedge", "action conId"), b"BUY|5|", {"contract": {"hedge": {"action": "BUY", "conId": 5}}}),
    (Since(V.BOND_ISSUERID, "reqId"), b"1|", {"reqId": 1}),
    (Since(V.FA_PROFILE_DESUPPORT, "reqId"), b"", {}),
    (Until(V.FA_PROFILE_DESUPPORT, "reqId"), b"1|", {"reqId": 1}),
    (Until(V.BOND_ISSUERID, "reqId"), b"", {}),
    (Under("contract", "symbol", When("symbol", IS_SET, "conId")), b"X|5|", {"contract": {"symbol": "X", "conId": 5}}),
    (Under("contract", "symbol", When("symbol", IS_SET, "conId")), b"|", {"contract": {"symbol": ""}}),
    (Repeat("days"), b"2|20240101|20240102|", {"days": [20240101, 20240102]}),
    (Repeat("contract.legs", "action conId"), b"1|BUY|5|", {"contract": {"legs": [{"action": "BUY", "conId": 5}]}}),
    (
        Under("contract", Repeat("legs", "conId", When("conId", one_of(1), "action"))),
        b"2|1|BUY|2|",
        {"contract": {"legs": [{"conId": 1, "action": "BUY"}, {"conId": 2}]}},
    ),
    (Under("contract", Optional("hedge", "conId")), b"1|5|", {"contract": {"hedge": {"conId": 5}}}),
    (Optional("contract.hedge", "conId"), b"0|", {}),
    (As("multiplier", String()), b"100.0|", {"multiplier": "100.0"}),
    (Under("contract", As("conId", String())), b"x|", {"contract": {"conId": "x"}}),
    (Version(2), b"7|", {"version": 7}),
]


@pytest.mark.parametrize(("part", "data", "values"), DESCRIBED)
def test_a_part_describes_a_text(part: Part, data: bytes, values: Values) -> None:
    layout = text(MESSAGE, part).at(V.BOND_ISSUERID)
    assert layout.parse(data.replace(b"|", b"\0")) == values
    assert layout.build(values) == data.replace(b"|", b"\0")


@pytest.mark.parametrize(
    "part",
    [
        "reqID",
        "contract.Symbol",
        "contract.legs.conId.x",
        Under("contract", "reqId"),
        Under("nothing", "reqId"),
        Since(V.PROTOBUF, "nothing"),
        Until(V.PROTOBUF, "nothing"),
        When("reqId", IS_SET, "nothing"),
        Repeat("nothing"),
        Repeat("reqId"),
        Repeat("contract.legs", "reqId"),
        Optional("contract.hedge", "reqId"),
    ],
)
def test_a_name_that_the_record_lacks_is_an_error_where_it_is_declared(part: Part) -> None:
    with pytest.raises(KeyError):
        text(MESSAGE, part)
