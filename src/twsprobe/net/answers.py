"""What the simulator answers to each request.

Every answer is a series of messages that ends as IBKR's ends, with the end marker of the request. A request that TWS would find invalid
gets error 321, or the code that TWS has for it, in place of an answer, and no end marker. Which answers there are stands in the modules
of each domain; here is what belongs to the session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from twsprobe.net import (
    answers_account,
    answers_contracts,
    answers_depth,
    answers_history,
    answers_market_data,
    answers_news,
    answers_orders,
    answers_user,
)
from twsprobe.net.asked import Answer, Asked, Said, nothing


def ids(asked: Asked) -> Iterator[Said]:
    yield "nextValidId", {"orderId": asked.state.book.next_order_id}


def managed_accounts(asked: Asked) -> Iterator[Said]:
    yield "managedAccounts", {"accountsList": asked.account.code}


def current_time(asked: Asked) -> Iterator[Said]:
    yield "currentTime", {"currentTime": asked.now}


def current_time_in_millis(asked: Asked) -> Iterator[Said]:
    yield "currentTimeInMillis", {"currentTimeInMillis": asked.now_ns // 10**6}


def config(asked: Asked) -> Iterator[Said]:
    yield "configResponse", {"reqId": asked.id} | asked.account.config


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "reqIds": ids,
        "reqManagedAccts": managed_accounts,
        "reqCurrentTime": current_time,
        "reqCurrentTimeInMillis": current_time_in_millis,
        "setServerLogLevel": nothing,
        "reqConfig": config,
        **answers_account.ANSWERS,
        **answers_orders.ANSWERS,
        **answers_contracts.ANSWERS,
        **answers_market_data.ANSWERS,
        **answers_depth.ANSWERS,
        **answers_history.ANSWERS,
        **answers_news.ANSWERS,
        **answers_user.ANSWERS,
    }
)
"""The answers, by the name of the request."""
