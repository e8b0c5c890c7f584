"""Tick types: what the number in a market data message says about its value.

The numbers and names are IBKR's. Which message brings a type, and which generic tick has to be asked for, is what IBKR's documentation
and public clients say, so it is likely; the odd-lot types are newer than that, and are put beside the ordinary quotes they resemble.
A delayed subscription has types of its own, so a client that asks for delayed data has to look for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from twsprobe.wire.versions import ServerVersion

PRICE, SIZE, OPTION, GENERIC, STRING, EFP = "tickPrice", "tickSize", "tickOptionComputation", "tickGeneric", "tickString", "tickEFP"


class TickType(NamedTuple):
    """One type: its number, IBKR's name, the message that brings it, and what the value is.

    ``asked`` is the number of the generic tick that reqMktData has to list, None for a type that comes unasked.
    """

    number: int
    name: str
    message: str
    meaning: str
    asked: int | None = None
    since: ServerVersion = ServerVersion.V100_PLUS


_ROWS: tuple[TickType, ...] = (
    TickType(0, "BID_SIZE", SIZE, "how much is bid for at BID"),
    TickType(1, "BID", PRICE, "the highest bid"),
    TickType(2, "ASK", PRICE, "the lowest offer"),
    TickType(3, "ASK_SIZE", SIZE, "how much is offered at ASK"),
    TickType(4, "LAST", PRICE, "the price of the last trade"),
    TickType(5, "LAST_SIZE", SIZE, "the size of the last trade; a fraction may come since FRACTIONAL_LAST_SIZE"),
    TickType(6, "HIGH", PRICE, "the day's highest price"),
    TickType(7, "LOW", PRICE, "the day's lowest price"),
    TickType(8, "VOLUME", SIZE, "the day's volume"),
    TickType(9, "CLOSE", PRICE, "the closing price of the day before"),
    TickType(10, "BID_OPTION_COMPUTATION", OPTION, "volatility and greeks at the option's bid"),
    TickType(11, "ASK_OPTION_COMPUTATION", OPTION, "volatility and greeks at the option's offer"),
    TickType(12, "LAST_OPTION_COMPUTATION", OPTION, "volatility and greeks at the option's last price"),
    TickType(13, "MODEL_OPTION", OPTION, "volatility and greeks at the price of IBKR's model"),
    TickType(14, "OPEN", PRICE, "the day's opening price"),
    TickType(15, "LOW_13_WEEK", PRICE, "the lowest price in 13 weeks", 165),
    TickType(16, "HIGH_13_WEEK", PRICE, "the highest price in 13 weeks", 165),
    TickType(17, "LOW_26_WEEK", PRICE, "the lowest price in 26 weeks", 165),
    TickType(18, "HIGH_26_WEEK", PRICE, "the highest price in 26 weeks", 165),
    TickType(19, "LOW_52_WEEK", PRICE, "the lowest price in 52 weeks", 165),
    TickType(20, "HIGH_52_WEEK", PRICE, "the highest price in 52 weeks", 165),
    TickType(21, "AVG_VOLUME", SIZE, "the average volume of a day, over 90 days", 165),
    TickType(22, "OPEN_INTEREST", SIZE, "given up; the number of open contracts"),
    TickType(23, "OPTION_HISTORICAL_VOL", GENERIC, "the historical volatility over 30 days, as a fraction", 104),
    TickType(24, "OPTION_IMPLIED_VOL", GENERIC, "the volatility of the next 30 days that option prices imply, as a fraction", 106),
    TickType(25, "OPTION_BID_EXCH", STRING, "given up; the exchange of the option's bid"),
    TickType(26, "OPTION_ASK_EXCH", STRING, "given up; the exchange of the option's offer"),
    TickType(27, "OPTION_CALL_OPEN_INTEREST", SIZE, "the number of open call options", 101),
    TickType(28, "OPTION_PUT_OPEN_INTEREST", SIZE, "the number of open put options", 101),
    TickType(29, "OPTION_CALL_VOLUME", SIZE, "the day's volume of call options", 100),
    TickType(30, "OPTION_PUT_VOLUME", SIZE, "the day's volume of put options", 100),
    TickType(31, "INDEX_FUTURE_PREMIUM", GENERIC, "how many points an index's future is above the index", 162),
    TickType(32, "BID_EXCH", STRING, "the exchanges of BID, a letter each; reqSmartComponents names them"),
    TickType(33, "ASK_EXCH", STRING, "the exchanges of ASK, a letter each; reqSmartComponents names them"),
    TickType(34, "AUCTION_VOLUME", SIZE, "how much the auction would trade if it were held now", 225),
    TickType(35, "AUCTION_PRICE", PRICE, "the auction's price if it were held now", 225),
    TickType(36, "AUCTION_IMBALANCE", SIZE, "how much of one side the auction would leave over", 225),
    TickType(37, "MARK_PRICE", PRICE, "the price at which TWS values positions", 221),
    TickType(38, "BID_EFP_COMPUTATION", EFP, "exchange for physical: the bid"),
    TickType(39, "ASK_EFP_COMPUTATION", EFP, "exchange for physical: the offer"),
    TickType(40, "LAST_EFP_COMPUTATION", EFP, "exchange for physical: the last price"),
    TickType(41, "OPEN_EFP_COMPUTATION", EFP, "exchange for physical: the opening price"),
    TickType(42, "HIGH_EFP_COMPUTATION", EFP, "exchange for physical: the day's highest price"),
    TickType(43, "LOW_EFP_COMPUTATION", EFP, "exchange for physical: the day's lowest price"),
    TickType(44, "CLOSE_EFP_COMPUTATION", EFP, "exchange for physical: the closing price of the day before"),
    TickType(45, "LAST_TIMESTAMP", STRING, "when the last trade was, in seconds since the epoch"),
    TickType(46, "SHORTABLE", GENERIC, "above 2.5: easy to sell short; above 1.5: if shares are found; else not", 236),
    TickType(47, "NOT_USED", STRING, "given up; fundamental ratios came as this type", 258),
    TickType(48, "RT_VOLUME", STRING, "a trade: price;size;milliseconds since the epoch;day's volume;VWAP;by one market maker", 233),
    TickType(49, "HALTED", GENERIC, "trading is halted: 0 no, 1 yes, 2 for volatility; -1 unknown"),
    TickType(50, "BID_YIELD", PRICE, "the yield of a bond at its bid"),
    TickType(51, "ASK_YIELD", PRICE, "the yield of a bond at its offer"),
    TickType(52, "LAST_YIELD", PRICE, "the yield of a bond at its last price"),
    TickType(53, "CUST_OPTION_COMPUTATION", OPTION, "volatility and greeks at a price that the client gave"),
    TickType(54, "TRADE_COUNT", GENERIC, "the number of the day's trades", 293),
    TickType(55, "TRADE_RATE", GENERIC, "trades a minute", 294),
    TickType(56, "VOLUME_RATE", GENERIC, "volume a minute", 295),
    TickType(57, "LAST_RTH_TRADE", PRICE, "the last price inside regular trading hours", 318),
    TickType(58, "RT_HISTORICAL_VOL", GENERIC, "the historical volatility over 30 days, kept up to date, as a fraction", 411),
    TickType(59, "IB_DIVIDENDS", STRING, "dividends: past 12 months,next 12 months,date of the next,amount of the next", 456),
    TickType(60, "BOND_FACTOR_MULTIPLIER", GENERIC, "the part of a bond's principal that is still outstanding", 460),
    TickType(61, "REGULATORY_IMBALANCE", SIZE, "the published imbalance, which decides what orders an auction still takes", 225),
    TickType(62, "NEWS_TICK", STRING, "a headline about the contract", 292),
    TickType(63, "SHORT_TERM_VOLUME_3_MIN", SIZE, "the volume of the last 3 minutes", 595),
    TickType(64, "SHORT_TERM_VOLUME_5_MIN", SIZE, "the volume of the last 5 minutes", 595),
    TickType(65, "SHORT_TERM_VOLUME_10_MIN", SIZE, "the volume of the last 10 minutes", 595),
    TickType(66, "DELAYED_BID", PRICE, "BID, delayed"),
    TickType(67, "DELAYED_ASK", PRICE, "ASK, delayed"),
    TickType(68, "DELAYED_LAST", PRICE, "LAST, delayed"),
    TickType(69, "DELAYED_BID_SIZE", SIZE, "BID_SIZE, delayed"),
    TickType(70, "DELAYED_ASK_SIZE", SIZE, "ASK_SIZE, delayed"),
    TickType(71, "DELAYED_LAST_SIZE", SIZE, "LAST_SIZE, delayed"),
    TickType(72, "DELAYED_HIGH", PRICE, "HIGH, delayed"),
    TickType(73, "DELAYED_LOW", PRICE, "LOW, delayed"),
    TickType(74, "DELAYED_VOLUME", SIZE, "VOLUME, delayed"),
    TickType(75, "DELAYED_CLOSE", PRICE, "CLOSE, of a delayed subscription"),
    TickType(76, "DELAYED_OPEN", PRICE, "OPEN, of a delayed subscription"),
    TickType(77, "RT_TRD_VOLUME", STRING, "RT_VOLUME without the trades that are not reported", 375),
    TickType(78, "CREDITMAN_MARK_PRICE", PRICE, "given up; the mark price of IBKR's credit manager"),
    TickType(79, "CREDITMAN_SLOW_MARK_PRICE", PRICE, "the mark price of IBKR's credit manager, updated less often", 619),
    TickType(80, "DELAYED_BID_OPTION", OPTION, "BID_OPTION_COMPUTATION, delayed"),
    TickType(81, "DELAYED_ASK_OPTION", OPTION, "ASK_OPTION_COMPUTATION, delayed"),
    TickType(82, "DELAYED_LAST_OPTION", OPTION, "LAST_OPTION_COMPUTATION, delayed"),
    TickType(83, "DELAYED_MODEL_OPTION", OPTION, "MODEL_OPTION, delayed"),
    TickType(84, "LAST_EXCH", STRING, "the exchanges of LAST, a letter each; reqSmartComponents names them"),
    TickType(85, "LAST_REG_TIME", STRING, "when the last trade of a regulatory snapshot was, in milliseconds since the epoch"),
    TickType(86, "FUTURES_OPEN_INTEREST", SIZE, "the number of open futures contracts", 588),
    TickType(87, "AVG_OPT_VOLUME", SIZE, "the average volume of a day's options", 105),
    TickType(88, "DELAYED_LAST_TIMESTAMP", STRING, "LAST_TIMESTAMP, delayed"),
    TickType(89, "SHORTABLE_SHARES", SIZE, "how many shares can be borrowed to sell them short", 236),
    TickType(90, "DELAYED_HALTED", GENERIC, "HALTED, delayed"),
    TickType(91, "REUTERS_2_MUTUAL_FUNDS", STRING, "facts about a mutual fund, from Reuters; their form is not public"),
    TickType(92, "ETF_NAV_CLOSE", PRICE, "the net asset value of a fund at today's close", 578),
    TickType(93, "ETF_NAV_PRIOR_CLOSE", PRICE, "the net asset value of a fund at the close of the day before", 578),
    TickType(94, "ETF_NAV_BID", PRICE, "the net asset value of a fund at the bids of what it holds", 576),
    TickType(95, "ETF_NAV_ASK", PRICE, "the net asset value of a fund at the offers of what it holds", 576),
    TickType(96, "ETF_NAV_LAST", PRICE, "the net asset value of a fund at the last prices of what it holds", 577),
    TickType(97, "ETF_FROZEN_NAV_LAST", PRICE, "ETF_NAV_LAST of frozen data", 623),
    TickType(98, "ETF_NAV_HIGH", PRICE, "the day's highest net asset value of a fund", 614),
    TickType(99, "ETF_NAV_LOW", PRICE, "the day's lowest net asset value of a fund", 614),
    TickType(100, "SOCIAL_MARKET_ANALYTICS", STRING, "what social media say about the contract; its form is not public"),
    TickType(101, "ESTIMATED_IPO_MIDPOINT", PRICE, "the middle of an offering's price range", 586, ServerVersion.IPO_PRICES),
    TickType(102, "FINAL_IPO_LAST", PRICE, "the final price of an offering", 586, ServerVersion.IPO_PRICES),
    TickType(103, "DELAYED_YIELD_BID", PRICE, "BID_YIELD, delayed"),
    TickType(104, "DELAYED_YIELD_ASK", PRICE, "ASK_YIELD, delayed"),
    TickType(105, "ODD_LOT_BID", PRICE, "the highest bid of less than a round lot", 787, ServerVersion.ODD_LOT_BID_ASK_QUOTES),
    TickType(106, "ODD_LOT_ASK", PRICE, "the lowest offer of less than a round lot", 787, ServerVersion.ODD_LOT_BID_ASK_QUOTES),
    TickType(107, "ODD_LOT_BID_SIZE", SIZE, "how much is bid for at ODD_LOT_BID", 787, ServerVersion.ODD_LOT_BID_ASK_QUOTES),
    TickType(108, "ODD_LOT_ASK_SIZE", SIZE, "how much is offered at ODD_LOT_ASK", 787, ServerVersion.ODD_LOT_BID_ASK_QUOTES),
    TickType(109, "ODD_LOT_BID_EXCH", STRING, "the exchanges of ODD_LOT_BID", 787, ServerVersion.ODD_LOT_BID_ASK_QUOTES),
    TickType(110, "ODD_LOT_ASK_EXCH", STRING, "the exchanges of ODD_LOT_ASK", 787, ServerVersion.ODD_LOT_BID_ASK_QUOTES),
)

TICK_TYPES: Mapping[int, TickType] = MappingProxyType({row.number: row for row in _ROWS})
"""Every tick type by its number. A number that is not here is newer than this package."""
