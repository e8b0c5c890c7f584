"""Texts that the logs of IBC and of the launcher are known to hold, and what each says about a target.

Of one log only the mark that stands last counts: a dialog that was answered is followed by the completed login. The texts are those that
IBC 3.24 and the launchers of 10.x write, as public logs show them; a log in another language than English bears none.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Mark(NamedTuple):
    """A known text of a log."""

    text: bytes
    sentence: str
    """What it says, in words of ours; the log's own text is never shown."""
    raises: tuple[str, ...] = ()
    lowers: tuple[str, ...] = ()


MARKS: Mapping[str, Mapping[str, Mark]] = MappingProxyType(
    {
        "ibc": MappingProxyType(
            {
                "login-completed": Mark(
                    b"IBC: Login has completed",
                    "IBC logged last that the login has completed.",
                    lowers=("login-unfinished", "relogin-required"),
                ),
                "existing-session": Mark(
                    b"entitled: Existing session detected",
                    "IBC logged last that the dialog about an existing session came up.",
                    raises=("competing-session", "login-unfinished"),
                ),
                "second-factor": Mark(
                    b"entitled: Second Factor Authentication",
                    "IBC logged last that the second factor was asked for.",
                    raises=("login-unfinished", "relogin-required"),
                ),
                "re-login": Mark(
                    b"entitled: Re-login is required",
                    "IBC logged last that a new login is required.",
                    raises=("relogin-required", "login-unfinished"),
                ),
                "login-error": Mark(b"entitled: Login Error", "IBC logged last that the login failed.", raises=("login-unfinished",)),
                "paper-warning": Mark(
                    b"This is not a brokerage account",
                    "IBC logged last the warning that the account is a paper one.",
                    raises=("paper-disclaimer",),
                ),
            }
        ),
        "launcher": MappingProxyType(
            {
                "authenticating": Mark(
                    b"Authenticating", "launcher.log ends while the login is being checked.", raises=("login-unfinished",)
                ),
                "authenticated": Mark(
                    b"Received NS_AUTH_START",
                    "launcher.log ends after the login was taken.",
                    lowers=("login-unfinished", "relogin-required"),
                ),
                "login-timeout": Mark(
                    b"AuthTimeoutMonitor-CCP: Timeout!",
                    "launcher.log ends with a login that IBKR did not answer: a lock-out, or a session elsewhere.",
                    raises=("login-unfinished", "competing-session"),
                ),
            }
        ),
    }
)
"""Marks by log and name."""

IBC_MARKS = MappingProxyType({name: mark.text for name, mark in MARKS["ibc"].items()})
LAUNCHER_MARKS = MappingProxyType({name: mark.text for name, mark in MARKS["launcher"].items()})
