"""A forwarder such as docker-proxy or socat, as a program of its own that goes by that name: ``forwarder.py NAME ARGUMENT...``.

It takes the arguments that the real one takes, accepts, connects onward, and closes where that fails, as they do. What it does it says on
standard error in the words of socat, which the lab reads. Its name is put into the process (prctl), where the system shows names from.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import sys

import trio

_SET_NAME = 15  # PR_SET_NAME of prctl(2)


def ends(name: str, arguments: list[str]) -> tuple[int, tuple[str, int]]:
    """The port to listen on, and where to pass on to. Raises LookupError for arguments that do not say."""
    if name == "docker-proxy":
        told = dict(zip(arguments[::2], arguments[1::2], strict=True))
        return int(told["-host-port"]), (told["-container-ip"], int(told["-container-port"]))
    listen, target = (re.search(pattern, " ".join(arguments)) for pattern in (r"TCP-LISTEN:(\d+)", r"TCP:([\d.]+):(\d+)"))
    if listen is None or target is None:
        raise LookupError(f"{arguments} are no arguments of socat")
    return int(listen[1]), (target[1], int(target[2]))


async def passed(source: trio.SocketStream, target: trio.SocketStream) -> None:
    """Pass bytes on, and the end behind them."""
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for data in source:
            await target.send_all(data)
        await target.send_eof()


async def main(name: str, arguments: list[str]) -> None:
    port, onward = ends(name, arguments)

    async def forward(client: trio.SocketStream) -> None:
        sys.stderr.write("accepting connection from a client\n")
        sys.stderr.flush()
        async with client:
            try:
                server = await trio.open_tcp_stream(*onward)
            except OSError:
                return
            async with server, trio.open_nursery() as nursery:
                nursery.start_soon(passed, client, server)
                nursery.start_soon(passed, server, client)

    listeners = await trio.open_tcp_listeners(port, host="0.0.0.0")  # noqa: S104  # as docker-proxy does; the lab's network has no way out
    sys.stderr.write("listening on\n")
    sys.stderr.flush()
    await trio.serve_listeners(forward, listeners)


if __name__ == "__main__":
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_NAME, sys.argv[1].encode(), 0, 0, 0)
    trio.run(main, sys.argv[1], sys.argv[2:])
