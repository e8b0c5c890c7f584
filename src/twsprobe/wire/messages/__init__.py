"""The messages, one module a domain. A message that is not in ``MESSAGES`` does not exist for the rest of the program."""

from __future__ import annotations

from twsprobe.wire.message import Message
from twsprobe.wire.messages import (
    account,
    advisors,
    config,
    contract_details,
    depth,
    display_groups,
    executions,
    fundamentals,
    history,
    market_data,
    news,
    options,
    order_requests,
    orders,
    profit_and_loss,
    reference,
    scanner,
    session,
    ticks,
    verification,
    wall_street_horizon,
)

MESSAGES: tuple[Message, ...] = (
    *session.MESSAGES,
    *account.MESSAGES,
    *orders.MESSAGES,
    *order_requests.MESSAGES,
    *executions.MESSAGES,
    *contract_details.MESSAGES,
    *options.MESSAGES,
    *reference.MESSAGES,
    *profit_and_loss.MESSAGES,
    *market_data.MESSAGES,
    *depth.MESSAGES,
    *history.MESSAGES,
    *ticks.MESSAGES,
    *news.MESSAGES,
    *scanner.MESSAGES,
    *fundamentals.MESSAGES,
    *wall_street_horizon.MESSAGES,
    *advisors.MESSAGES,
    *display_groups.MESSAGES,
    *verification.MESSAGES,
    *config.MESSAGES,
)
