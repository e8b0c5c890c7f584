"""A request, what its answer depends on, and the forms that answers have in common.

An answer is a series of messages. A subscription that goes on leaves a feed behind: an endless series of further messages, of which the
connection takes some every so many seconds until the subscription or the connection ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from twsprobe.net.account import Account, Fields
from twsprobe.net.book import Book
from twsprobe.wire.framing import Direction
from twsprobe.wire.registry import BY_NAME

Said = tuple[str, Fields]
"""A message of the server: its name and its fields."""
Subscription = tuple[int, str, int | None]
"""What a client is subscribed to: its id, the request, and the request's id where it has one."""


class Feed:
    """What a subscription goes on to say: ``messages`` gives some every ``period`` seconds.

    ``due`` is when the next are to be said, on the clock of whoever says them; None until that is known.
    """

    def __init__(self, period: float, messages: Iterator[Iterable[Said]]) -> None:
        self.period, self.messages = period, messages
        self.due: float | None = None


class State:
    """What all clients of a simulator share, and what changes while it runs.

    ``data_types`` are the kinds of market data that clients chose, ``groups`` what display groups show, ``followed`` the groups of which
    requests hear, by client and request id, and ``calendars`` the clients that have asked which corporate events there are.
    """

    def __init__(self, account: Account) -> None:
        self.account = account
        self.book = Book(account)
        self.subscriptions: dict[Subscription, Feed | None] = {}
        self.data_types: dict[int, int] = {}
        self.groups: dict[int, str] = {}
        self.followed: dict[tuple[int, int | None], int] = {}
        self.calendars: set[int] = set()

    def count(self, *requests: str) -> int:
        """How many subscriptions of some requests there are, over all clients."""
        return sum(request in requests for _, request, _ in self.subscriptions)

    def feeds(self, client_id: int) -> list[Feed]:
        """What goes on for a client."""
        return [feed for (owner, _, _), feed in self.subscriptions.items() if owner == client_id and feed is not None]

    def forget(self, client_id: int) -> None:
        """Forget what belongs to a client's connection; its orders stand."""
        self.subscriptions = {key: feed for key, feed in self.subscriptions.items() if key[0] != client_id}
        self.followed = {key: group for key, group in self.followed.items() if key[0] != client_id}
        self.data_types.pop(client_id, None)
        self.calendars.discard(client_id)


class Asked(NamedTuple):
    """A request and what its answer depends on. ``now_ns`` is nanoseconds since the epoch."""

    fields: Mapping[str, Any]
    client_id: int
    server_version: int
    state: State
    now_ns: int

    @property
    def id(self) -> int | None:
        """The id of the request, None for one that has none."""
        return self.fields.get("reqId")

    @property
    def account(self) -> Account:
        """The account of the simulator."""
        return self.state.account

    @property
    def now(self) -> int:
        """Seconds since the epoch."""
        return self.now_ns // 10**9

    @property
    def contract(self) -> Fields:
        """The contract that the request names; empty for none."""
        return self.fields.get("contract") or {}

    def text(self, field: str) -> str:
        """A word of the request; empty for none."""
        return self.fields.get(field) or ""

    def number(self, field: str) -> int:
        """A number of the request; 0 for none."""
        return self.fields.get(field) or 0

    def has(self, message: str) -> bool:
        """Whether the server version of the connection has a message of the server."""
        return self.server_version >= BY_NAME[Direction.TO_CLIENT, message].since

    def names_account(self, field: str) -> bool:
        """Whether the account that the request asks for is ours; empty stands for any."""
        return self.fields.get(field) in (None, "", self.account.code)

    def subscribe(self, request: str, feed: Feed | None = None) -> None:
        """Remember a subscription, and what it goes on to say."""
        self.state.subscriptions[self.client_id, request, self.id] = feed

    def unsubscribe(self, request: str) -> None:
        """Forget a subscription, if there is one."""
        self.state.subscriptions.pop((self.client_id, request, self.id), None)

    def is_subscribed(self, request: str) -> bool:
        """Whether a request of this client under this id goes on already."""
        return (self.client_id, request, self.id) in self.state.subscriptions


Answer = Callable[[Asked], Iterable[Said]]


def error(code: int, text: str, id: int | None = None) -> Said:
    """An error, or a notice; -1 is the id of one that is about no request."""
    return "error", {"id": -1 if id is None else id, "errorCode": code, "errorMsg": text}


def invalid(asked: Asked, cause: str) -> Said:
    """What a client hears of a request that TWS finds invalid."""
    return error(321, f"Error validating request.-'sim' : cause - {cause}", asked.id)


def nothing(asked: Asked) -> Iterable[Said]:
    """A request that is done without a word."""
    return ()


def ending(request: str, code: int | None = None, text: str = "") -> Answer:
    """A cancel: it ends a subscription. One of nothing is met with an error where ``code`` says so, followed by the request's id."""

    def answer(asked: Asked) -> Iterable[Said]:
        if code is not None and not asked.is_subscribed(request):
            yield error(code, f"{text}{asked.id}", asked.id)
        asked.unsubscribe(request)

    return answer
