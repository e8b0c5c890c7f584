"""What faults do to one message: the steps that are taken instead of passing it on.

A message that several faults name suffers them in the order in which they make sense: an end or a stall before it; then its fields, its
bytes, the cut, the copy, the slices; the end or the stall after it. One that was dropped is not changed as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from twsprobe.capture.model import Close
from twsprobe.net.corruption import Impossible, corrupted, read_again
from twsprobe.net.fault_forms import GREETING, OFFER, Corrupt, CorruptByte, Delay, Drop, Duplicate, Fault, Slice, Truncate
from twsprobe.net.fault_forms import End as EndFault
from twsprobe.net.fault_forms import Stall as StallFault
from twsprobe.wire.events import Decoded, Event, Greeted, Undecodable, VersionOffered
from twsprobe.wire.framing import Direction

SHOWN = 1024
"""How many bytes of what changed or vanished are told in hex."""
UNKNOWN = "unknown"


class Applied(NamedTuple):
    """A fault was applied to what follows, or to what would have come here: in words, with the bytes that changed or vanished."""

    direction: Direction
    text: str


class Send(NamedTuple):
    """Pass bytes on, in one write."""

    direction: Direction
    data: bytes


class Wait(NamedTuple):
    """Let time pass before the next step of this direction."""

    direction: Direction
    seconds: float


class Stall(NamedTuple):
    """Nothing more is passed on in this direction, on account of a fault: the injector keeps it back."""

    direction: Direction
    fault: str


class End(NamedTuple):
    """End the connection as if the sender of this direction had: with a FIN, what comes the other way may still pass."""

    direction: Direction
    how: Close


Step = Applied | Send | Wait | Stall | End


def performed(faults: Sequence[Fault], event: Event, whole: bytes) -> list[Step]:
    """What faults do to one message, but for the place that it gets."""
    direction, kind = event.direction, kind_of(event)
    ends = [fault for fault in faults if isinstance(fault, StallFault | EndFault)]
    for end in ends:
        if end.before:
            return [Applied(direction, f"{ending(end)} before {kind}{because(end)}, {in_hex(whole)}"), last(direction, end)]
    steps: list[Step] = []
    for fault in faults:
        if isinstance(fault, Delay):
            steps.append(Applied(direction, f"delayed {kind} by {fault.seconds:g} s{because(fault)}"))
            steps.append(Wait(direction, fault.seconds))
    drop = next((fault for fault in faults if isinstance(fault, Drop)), None)
    if drop is not None:
        steps.append(Applied(direction, f"dropped {kind}{because(drop)}, {in_hex(whole)}"))
    else:
        steps += sent(faults, event, whole)
    for end in ends[:1]:
        steps += [Applied(direction, f"{ending(end)} after {kind}{because(end)}"), last(direction, end)]
    return steps


def sent(faults: Sequence[Fault], event: Event, whole: bytes) -> list[Step]:
    """A message as it is sent, changed or in pieces, behind what is told of that."""
    direction, kind = event.direction, kind_of(event)
    told, data = changed(faults, event, whole)
    for fault in faults:
        if isinstance(fault, Truncate) and fault.size < len(data):
            told.append(f"truncated {kind} to {counted(fault.size)} of {len(data)}{because(fault)}, {in_hex(data)}")
            data = data[: fault.size]
    pieces = [data] if data else []
    for fault in faults:
        if isinstance(fault, Duplicate):
            told.append(f"duplicated {kind}{because(fault)}")
            pieces *= 2
    for fault in faults:
        if isinstance(fault, Slice):
            told.append(f"sliced {kind} into writes of {counted(fault.size)}{because(fault)}")
            pieces = [part for piece in pieces for part in cut(piece, fault.size)]
    return [*(Applied(direction, text) for text in told), *(Send(direction, piece) for piece in pieces)]


def changed(faults: Sequence[Fault], event: Event, whole: bytes) -> tuple[list[str], bytes]:
    """A message with other fields and other bytes, and what is told of that."""
    told, data, kind = [], whole, kind_of(event)
    now: Event | None = event
    for fault in faults:
        if isinstance(fault, Corrupt):
            field = path_text(fault.path)
            try:
                if now is None:
                    raise Impossible("its fields cannot be read any more")
                after = corrupted(now, fault.path, fault.value)
            except Impossible as reason:
                told.append(f"could not corrupt {field} of {kind}: {reason}{because(fault)}")
                continue
            told.append(f"corrupted {field} of {kind}{because(fault)}, {in_hex(data)}")
            now, data = read_again(after, now), after
    for fault in faults:
        if isinstance(fault, CorruptByte) and fault.position > len(data):
            told.append(f"could not corrupt byte {fault.position} of {kind}: it has {counted(len(data))}{because(fault)}")
        elif isinstance(fault, CorruptByte):
            told.append(f"corrupted byte {fault.position} of {kind}{because(fault)}, {in_hex(data)}")
            data = data[: fault.position - 1] + bytes((fault.byte,)) + data[fault.position :]
    return told, data


def kind_of(event: Event) -> str:
    """What a target calls a message."""
    if isinstance(event, VersionOffered):
        return OFFER
    if isinstance(event, Greeted):
        return GREETING
    return (event.name or UNKNOWN) if isinstance(event, Decoded | Undecodable) else UNKNOWN


def ending(fault: StallFault | EndFault) -> str:
    """What a fault that lets nothing through does."""
    return "stalled" if isinstance(fault, StallFault) else f"ended with {fault.how.name}"


def last(direction: Direction, fault: StallFault | EndFault) -> Step:
    """The step behind which nothing comes."""
    return Stall(direction, fault.text) if isinstance(fault, StallFault) else End(direction, fault.how)


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Bytes in pieces of a size."""
    return (data[start : start + size] for start in range(0, len(data), size))


def because(fault: Fault) -> str:
    """Which fault it was."""
    return f" (fault: {fault.text})"


def path_text(path: Sequence[str | int]) -> str:
    """The path of a field, as it is written."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)[1:]


def counted(size: int) -> str:
    """A number of bytes, in words."""
    return f"{size} byte{'' if size == 1 else 's'}"


def in_hex(data: bytes) -> str:
    """Bytes in hex; of many, the first."""
    more = f"... ({SHOWN} of {len(data)})" if len(data) > SHOWN else ""
    return f"bytes {data[:SHOWN].hex()}{more}"
