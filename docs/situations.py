"""Run the situations of the lab and write docs/situations.md from what the probe made of them, or with --check say what is stale.

    python -m docs.situations [--check]

Run it where the repository begins, in an environment with the tests' dependencies, on a Linux that gives this user network namespaces. It
takes about half a minute. The exit code is 1 when the document is stale, 2 for a wrong command line, 3 where a situation could not be run.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab.running import BY_NAME, Outcome, outcomes
from tests.lab.situations import SITUATIONS, Situation

FILE = Path(__file__).with_name("situations.md")
INTRODUCTION = """\
# Situations

What `twsprobe probe` makes of situations whose cause is known. Written by `python -m docs.situations`, which builds each of them
in a network of its own (tests/lab) and probes it as the command line does; the tests do the same, and fail when a line here is another
one. A TWS is the simulator, which does what real ones were reported to do; socat, sockets, queues, routes and networks are real;
docker-proxy and the processes of IB Gateway are stand-ins that go by their names.

What is really the matter is ranked first in {first} of {failing} situations, and excluded in none. In each the probe opened as many
connections as it said, by the count of the peer, and none of them was left in CLOSE_WAIT.

| situation | what is set up | verdict | ranked first | is it so |
|---|---|---|---|---|
"""


def line(situation: Situation, outcome: Outcome) -> str:
    """The row of a situation."""
    named = f"`{outcome.causes[0][0]}` ({outcome.causes[0][1]})" if outcome.causes else "nothing"
    so = "yes" if outcome.first == situation.cause else f"no, `{situation.cause}`: {situation.missed}"
    return f"| `{situation.name}` | {situation.setting} | {outcome.sentence} | {named} | {so} |"


def document(found: Sequence[Outcome]) -> str:
    """The whole text."""
    failing = [outcome for outcome in found if BY_NAME[outcome.name].cause is not None]
    first = sum(outcome.first == BY_NAME[outcome.name].cause for outcome in failing)
    rows = [line(BY_NAME[outcome.name], outcome) for outcome in found]
    return INTRODUCTION.format(first=first, failing=len(failing)) + "\n".join(rows) + "\n"


def stale(found: Sequence[Outcome], text: str) -> list[str]:
    """The rows that the document does not have, of situations that had a network of their own, and its other lines that are stale.

    Where other programs of the machine took part, a verdict may be another one, and says nothing of the document.
    """
    have = text.splitlines()
    rows = [line(BY_NAME[outcome.name], outcome) for outcome in found if outcome.isolated and not outcome.skipped]
    missing = [row for row in rows if row not in have]
    known = {f"| `{situation.name}` " for situation in SITUATIONS}
    gone = [row for row in have if row.startswith("| `") and not row.startswith(tuple(known))]
    return [*missing, *gone]


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    found = outcomes()
    if arguments:
        rows = stale(found, FILE.read_text("utf-8"))
        sys.stderr.write("".join(f"docs/{FILE.name} says otherwise: {row}\n" for row in rows))
        return 1 if rows else 0
    if skipped := [outcome for outcome in found if outcome.skipped or not outcome.isolated]:
        sys.stderr.write("".join(f"{outcome.name}: {outcome.skipped or 'it had no network of its own'}\n" for outcome in skipped))
        return 3
    FILE.write_text(document(found), "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
