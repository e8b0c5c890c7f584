from twsprobe.net.script import START, Greet, Script, Usual, notice


def test_a_script_without_wishes_is_a_tws_that_is_well() -> None:
    script = Script()
    assert (script.on_connect, script.on_offer, script.on_start) == ((), (Greet(),), START)
    assert (script.on_request, script.withheld, script.taken) == ({}, frozenset(), frozenset())
    assert script.serves
    assert script.delivery is None


def test_a_start_has_accounts_before_the_order_id() -> None:
    assert START == (Usual.ACCOUNTS, Usual.ORDER_ID, Usual.FARMS)


def test_a_notice_is_about_no_request() -> None:
    assert notice(2104, "fine") == ("error", {"id": -1, "errorCode": 2104, "errorMsg": "fine"})
