"""The recording relay, measured against socat, which forwards and records nothing.

Relay, socat and the server are processes of their own on loopback, all with TCP_NODELAY; this process is the client. Every ratio is
measured side by side: each round takes each of them in turns, and the row is the median over the rounds of the relay's value by the
other's. ``twsprobe record --quiet`` records into a file on the disk of the temporary directory. Rows whose other program is not installed
are skipped, with a word. Run it with the project's environment: ``python bench/relay.py``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROUNDS = 9
PINGS = 3000
WARM_UP = 200
BULK = 24 << 20
WRITE = 4096
CLIENTS = 64
EXCHANGES = 150
PATIENCE = 20.0
SUFFIX = sys.argv[1] if len(sys.argv) > 1 else ".pcapng"
"""The form of the capture."""
ECHO = """
import socket, sys, threading
def serve(sock):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sock.recv(1) == b"p":
        while data := sock.recv(65536):
            sock.sendall(data)
    else:
        while sock.recv(1 << 20):
            pass
        sock.sendall(b"done")
    sock.close()
listener = socket.create_server(("127.0.0.1", 0), backlog=256)
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


@contextlib.contextmanager
def process(*arguments: str, until: str) -> Iterator[str]:
    """A program that runs while the block does; gives the line with which it says that it is ready."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment) as found:
        try:
            assert found.stdout is not None
            said = next(line for line in found.stdout if until in line)
            # What it says later must not fill the pipe.
            threading.Thread(target=found.stdout.read, daemon=True).start()
            yield said
        finally:
            found.terminate()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def connected(port: int) -> socket.socket:
    """A connection to a port."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def ping(sock: socket.socket, count: int) -> list[float]:
    """Seconds of each of so many round trips of 64 bytes."""
    message, found = bytes(64), []
    for _ in range(count):
        began = time.perf_counter()
        sock.sendall(message)
        left = len(message)
        while left:
            left -= len(sock.recv(left))
        found.append(time.perf_counter() - began)
    return found


def round_trips(port: int) -> tuple[float, float]:
    """The median and the 99th percentile of round trips."""
    with connected(port) as sock:
        sock.sendall(b"p")
        ping(sock, WARM_UP)
        found = sorted(ping(sock, PINGS))
    return found[len(found) // 2], found[len(found) * 99 // 100]


def throughput(port: int) -> float:
    """Bytes a second, in writes of 4 KiB, until the server has them all."""
    with connected(port) as sock:
        message = bytes(range(256)) * (WRITE // 256)
        sock.sendall(b"b")
        began = time.perf_counter()
        for _ in range(BULK // WRITE):
            sock.sendall(message)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(4) == b"done"
        return BULK / (time.perf_counter() - began)


def shares(port: int) -> float:
    """Of many clients at once, the slowest one's rate by the median client's."""
    barrier = threading.Barrier(CLIENTS)
    took: list[float] = []

    def converse() -> None:
        with connected(port) as sock:
            sock.sendall(b"p")
            ping(sock, 1)
            barrier.wait()
            began = time.perf_counter()
            ping(sock, EXCHANGES)
            took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=converse) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(took) == CLIENTS, "a client was starved or cut off"
    return statistics.median(took) / max(took)


def show(what: str, value: float, limit: float, aim: float, *, most: bool = False) -> None:
    """Print one row."""
    held = value <= limit if most else value >= limit
    print(f"{what:<56} {value:>6.2f}  {'at most' if most else 'at least'} {limit:<4} aim {aim:<4} {'held' if held else 'MISSED'}")


def compared(ours: int, theirs: int, name: str, bounds: tuple[tuple[float, float], tuple[float, float] | None]) -> None:
    """Print the rows against one other program: round trips, and throughput where it has a bound."""
    (p50, p50_aim), bulk = bounds
    pairs = [(round_trips(ours), round_trips(theirs)) for _ in range(ROUNDS + 1)][1:]
    show(f"64-byte round trip, p50 / {name}", statistics.median(own[0] / other[0] for own, other in pairs), p50, p50_aim, most=True)
    if bulk is not None:
        show(f"64-byte round trip, p99 / {name}", statistics.median(own[1] / other[1] for own, other in pairs), 2, 1.4, most=True)
        rates = [(throughput(ours), throughput(theirs)) for _ in range(ROUNDS + 1)][1:]
        show(f"throughput of 4 KiB writes / {name}", statistics.median(own / other for own, other in rates), *bulk)


def against(
    name: str,
    arguments: Callable[[int, int], list[str]],
    target: int,
    ours: int,
    bounds: tuple[tuple[float, float], tuple[float, float] | None],
) -> None:
    """Compare with a program, if it is installed."""
    port = free_port()
    command = arguments(port, target)
    if shutil.which(command[0]) is None:
        print(f"{name}: skipped, {command[0]} is not installed")
        return
    with process(*command, until=" listening "):
        compared(ours, port, name, bounds)


def socat(port: int, target: int) -> list[str]:
    """A relay by socat."""
    return ["socat", "-d", "-d", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,nodelay", f"TCP:127.0.0.1:{target},nodelay"]


def mitmproxy(port: int, target: int) -> list[str]:
    """A relay by mitmproxy."""
    return ["mitmdump", "--set", "flow_detail=0", "--mode", f"reverse:tcp://127.0.0.1:{target}@127.0.0.1:{port}"]


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as folder, process(sys.executable, "-c", ECHO, until="") as said:
        target, ours = int(said), free_port()
        capture = str(Path(folder) / f"bench{SUFFIX}")
        command = (sys.executable, "-m", "twsprobe", "record", "--to", str(target), "--listen", str(ours), "-o", capture, "--quiet")
        with process(*command, until=" listens on "):
            print(f"{os.cpu_count()} processors, capture as {SUFFIX}, medians of {ROUNDS} rounds")
            against("socat", socat, target, ours, ((1.15, 1.05), (0.8, 0.95)))
            against("mitmproxy", mitmproxy, target, ours, ((0.3, 0.2), None))
            show(f"{CLIENTS} clients at once, slowest / median", statistics.median(shares(ours) for _ in range(5)), 0.5, 0.8)


if __name__ == "__main__":
    main()
