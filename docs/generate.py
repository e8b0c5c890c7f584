"""Write the documents that are made from the source, or with --check say which of them are stale.

    python docs/generate.py [--check]

Needs an environment in which twsprobe is installed. The exit code is 1 when a document is stale, 2 for a wrong command line.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from twsprobe.views.protocol import protocol_document

FOLDER = Path(__file__).parent
DOCUMENTS: dict[str, Callable[[], str]] = {"protocol.md": protocol_document}
"""Every generated document: its file in this folder, and what makes its text."""


def stale(folder: Path = FOLDER) -> list[str]:
    """The documents whose file is missing or holds another text."""
    return [name for name, make in DOCUMENTS.items() if not (folder / name).is_file() or (folder / name).read_text("utf-8") != make()]


def write(folder: Path = FOLDER) -> None:
    """Write every document."""
    for name, make in DOCUMENTS.items():
        (folder / name).write_text(make(), "utf-8", newline="\n")


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Run one command line and return its exit code."""
    if arguments == ["--check"]:
        found = stale(folder)
        sys.stderr.write("".join(f"docs/{name} is stale: run python docs/generate.py\n" for name in found))
        return 1 if found else 0
    if arguments:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    write(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
