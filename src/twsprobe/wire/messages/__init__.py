"""The messages, one module a domain. A message that is not in ``MESSAGES`` does not exist for the rest of the program."""

from __future__ import annotations

from twsprobe.wire.message import Message
from twsprobe.wire.messages import account, config, executions, orders, session

MESSAGES: tuple[Message, ...] = (
    *session.MESSAGES,
    *account.MESSAGES,
    *orders.MESSAGES,
    *executions.MESSAGES,
    *config.MESSAGES,
)
