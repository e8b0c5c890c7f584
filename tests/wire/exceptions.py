"""Where other clients differ from what TWS means: their mistakes, and the values that they drop. Each is shown by a test of its own.

The proofs stay clear of these, or allow for them. A test that fails because a client is right by now takes its entry with it.
"""

from typing import NamedTuple


class Difference(NamedTuple):
    """What a client does differently, of which messages, and the test that shows it."""

    messages: str
    what: str
    shown_by: str


OFFICIAL = (
    Difference(
        "answers whose callback is found by its signature",
        "a number that is empty is not taken: the message is dropped with a ValueError",
        "test_the_official_client_drops_an_empty_number",
    ),
    Difference("updateNewsBulletin", "dropped when its number is empty", "test_the_official_client_drops_a_bulletin_without_a_number"),
    Difference(
        "error and others whose text is escaped",
        r"un-escaping is that of Python: `\n`, `\x41` and the like in text of TWS lose their meaning",
        "test_the_official_client_reads_escapes_that_tws_does_not_write",
    ),
    Difference(
        "error and others whose text is escaped",
        r"a character beyond U+FFFF, which TWS writes as two `\uXXXX`, stays two surrogates",
        "test_the_official_client_leaves_pairs_apart",
    ),
    Difference(
        "historicalNews",
        "escapes in a headline stay; whether TWS writes them there nobody has seen",
        "test_the_official_client_leaves_escapes_in_headlines",
    ),
    Difference(
        "commissionAndFeesReport",
        "in protobuf, a yieldRedemptionDate that is no number raises ValueError, though the field is a string",
        "test_the_official_client_wants_a_number_for_a_date",
    ),
    Difference(
        "contractDetails, bondContractDetails",
        "in text, a fractional evMultiplier drops the message",
        "test_the_official_client_drops_a_fractional_multiplier",
    ),
    Difference(
        "contractDetails, bondContractDetails",
        "in protobuf, a message with the contract or the details alone makes no call",
        "test_the_official_client_drops_a_message_with_one_half_alone",
    ),
    Difference(
        "contractDetails", "an asset type of a fund that it does not list is lost", "test_the_official_client_does_not_know_other_funds"
    ),
    Difference("bondContractDetails", "longName is not un-escaped", "test_the_official_client_leaves_escapes_in_the_name_of_a_bond"),
    Difference(
        "contractDetails, bondContractDetails",
        "the date of a contract is cut into day, time and zone",
        "test_a_date_that_the_official_client_cuts",
    ),
    Difference(
        "updateMktDepth, updateMktDepthL2",
        "in protobuf, a message without a row makes no call",
        "test_the_official_client_says_nothing_of_a_row_without_values",
    ),
    Difference("mktDepthExchanges", "isL2 is read over", "test_the_official_client_reads_over_the_kind_of_book"),
    Difference(
        "tickSize, tickGeneric, tickString",
        "a tick of type 111, its mark for none, makes no call",
        "test_the_official_client_drops_ticks_of_its_own_unset_type",
    ),
    Difference(
        "tickByTick", "a tick of another kind than 1 to 4 makes no call", "test_the_official_client_says_nothing_of_a_tick_without_a_kind"
    ),
    Difference(
        "reqTickByTickData",
        "refused before server version 140, though TWS has it from 137 on: there it is held by round trips",
        "test_the_official_client_refuses_tick_by_tick_before_sizes_could_be_ignored",
    ),
    Difference(
        "historicalDataUpdate",
        "empty prices become 0",
        "test_a_bar_whose_prices_are_empty_reaches_the_official_client_as_zeros",
    ),
    Difference(
        "scannerData",
        "in protobuf, marketName is lost where a row has no contract",
        "test_the_official_client_forgets_the_market_of_a_row_without_a_contract",
    ),
    Difference(
        "openOrder, completedOrder",
        "in text, an empty value of a condition drops the message",
        "test_the_official_client_fails_at_an_empty_value_of_a_condition",
    ),
    Difference(
        "openOrder, completedOrder",
        "in protobuf, a condition of an unknown type becomes a second copy of the one before it",
        "test_the_official_client_repeats_a_condition_in_place_of_an_unknown_one",
    ),
    Difference("openOrder", "empty prices and flags become 0 and false", "test_the_official_client_fills_in_what_is_unset"),
    Difference(
        "placeOrder",
        "before server version 111 all orders are refused whose cashQty is its mark for none",
        "test_the_official_client_refuses_all_orders_without_an_amount_of_money_before_there_was_one",
    ),
    Difference(
        "placeOrder",
        "where no quantity is given, a mark of 39 digits is written; other clients leave it empty",
        "test_the_official_client_writes_a_mark_of_its_own_where_no_quantity_is_given",
    ),
    Difference(
        "requestFA, replaceFA",
        "profiles are refused when they are given up, and sent again in protobuf",
        "test_the_official_client_refuses_profiles_when_they_are_given_up",
    ),
)

IB_ASYNC = (
    Difference("placeOrder", "an infinite number is written as `Infinite`, which no number is", "test_ib_async_misspells_what_is_infinite"),
    Difference(
        "calculateImpliedVolatility, calculateOptionPrice",
        "a count stands before the options, which is a field too many; we keep both, and write them back",
        "test_ib_async_counts_options_of_a_calculation",
    ),
    Difference("answers with numbers", "many are dropped when a number is empty", "test_ib_async_drops_what_has_empty_numbers"),
    Difference("error and others whose text is escaped", "escapes stay, but for longName", "test_ib_async_leaves_escapes"),
    Difference(
        "verifyCompleted, verifyAndAuthCompleted", "`true` is no number, and the message is dropped", "test_ib_async_drops_words_for_flags"
    ),
    Difference("bondContractDetails", "a coupon with a fraction drops the message", "test_ib_async_drops_bonds_with_a_coupon"),
    Difference("histogramData", "a size with a fraction or an exponent drops the message", "test_ib_async_drops_fractions_in_a_histogram"),
    Difference(
        "openOrder",
        "at server version 158 duration is left unread: it is expected from 159 on",
        "test_ib_async_knows_duration_a_version_late",
    ),
    Difference(
        "openOrder, completedOrder",
        "a scalePriceIncrement of 0 is none, and of an infinite one no scale is expected",
        "test_ib_async_reads_an_increment_of_zero_as_none",
    ),
    Difference(
        "tickPrice", "a price of nothing makes no call, and the mask is not handed on", "test_ib_async_says_nothing_of_an_empty_price"
    ),
)
