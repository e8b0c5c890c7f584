"""What a report says of the machine that made it: versions, and the kind of system. Nothing that names a person or a host."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from twsprobe import __version__

PACKAGES = ("trio", "construct", "click")
"""Packages whose version may matter to a probe."""


def environment() -> dict[str, str]:
    """Names and values, in the order in which they are shown."""
    found = {
        "twsprobe": __version__,
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}".strip(),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a program made of it all carries no metadata
            continue
    return found
