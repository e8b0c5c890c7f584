"""Instruments: the contract that most messages carry, and its parts."""

from __future__ import annotations

from twsprobe.wire.declaration import As, Many, Nested, Record
from twsprobe.wire.fields import Bool, Double, Int, String

COMBO_LEG = Record(
    "ComboLeg",
    "conId" / Int(1, "the leg's contract"),
    "ratio" / Int(2, "how many of the leg for one of the combination"),
    "action" / String(3, "BUY, SELL or SSHORT"),
    "exchange" / String(4, "where the leg is traded"),
    "openClose" / Int(5, "0 same as the order, 1 open, 2 close, 3 unknown"),
    "shortSalesSlot" / Int(6, "1 the broker holds the shares, 2 they come from elsewhere"),
    "designatedLocation" / String(7, "where the shares of slot 2 come from"),
    "exemptCode" / Int(8, "the short-sale exemption, -1 for none"),
    "perLegPrice" / Double(9, "the leg's own price"),
)
DELTA_NEUTRAL_CONTRACT = Record(
    "DeltaNeutralContract",
    "conId" / Int(1, "the contract that hedges the delta"),
    "delta" / Double(2, "the delta that is hedged"),
    "price" / Double(3, "the price of the hedge"),
)
CONTRACT = Record(
    "Contract",
    "conId" / Int(1, "IBKR's number of the contract"),
    "symbol" / String(2, "the symbol, of the underlying for derivatives"),
    "secType" / String(3, "STK, OPT, FUT, CASH, BOND, BAG, ..."),
    "lastTradeDateOrContractMonth" / String(4, "YYYYMMDD or YYYYMM"),
    "strike" / Double(5, "the strike price of an option"),
    "right" / String(6, "C or P"),
    "multiplier" / Double(7, "how much of the underlying one contract stands for"),
    "exchange" / String(8, "where it is traded; SMART for IBKR's routing"),
    "primaryExch" / String(9, "the listing exchange, which makes SMART unambiguous"),
    "currency" / String(10, "the currency it is traded in"),
    "localSymbol" / String(11, "the exchange's own symbol"),
    "tradingClass" / String(12, "the exchange's trading class"),
    "secIdType" / String(13, "CUSIP, SEDOL, ISIN or RIC"),
    "secId" / String(14, "the identifier that secIdType names"),
    "description" / String(15, "a description for people"),
    "issuerId" / String(16, "the issuer of a bond"),
    "deltaNeutralContract" / Nested(DELTA_NEUTRAL_CONTRACT, 17, "the hedge of a delta-neutral order"),
    "includeExpired" / Bool(18, "whether expired contracts are wanted too"),
    "comboLegsDescrip" / String(19, "the legs in words"),
    "comboLegs" / Many(COMBO_LEG, 20, "the legs of a combination"),
    "lastTradeDate" / String(21, "the last day of trading"),
)
IDENTITY = "conId symbol secType lastTradeDateOrContractMonth strike right"
"""How every text message begins a contract; what follows differs."""
HELD = (IDENTITY, As("multiplier", String()), "exchange currency localSymbol")
"""The contract of a position or an execution; tradingClass follows."""
REQUESTED = (IDENTITY, As("multiplier", String()), "exchange primaryExch currency localSymbol tradingClass")
"""The contract of a request for data."""
