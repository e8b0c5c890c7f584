"""A machine made up for a test: what a `System` tells, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from twsprobe.net.local_system import LISTEN, Process, Queue, Sockets, TcpSocket, Unseen


@dataclass
class FakeSystem:
    """A system that tells what it is given. What is None is not permitted, and a process without a command line is another user's."""

    all_sockets: tuple[TcpSocket, ...] | None = ()
    whole: bool = True
    all_queues: tuple[Queue, ...] | None = ()
    all_processes: tuple[Process, ...] | None = ()
    command_lines: Mapping[int, list[str]] = field(default_factory=dict)
    executables: Mapping[int, str] = field(default_factory=dict)
    own: frozenset[str] = frozenset({"127.0.0.1", "::1"})
    asked: list[str] = field(default_factory=list)
    """Every question, in order."""

    def sockets(self) -> Sockets:
        self.asked.append("sockets")
        if self.all_sockets is None:
            raise Unseen("The sockets are not shown.")
        return Sockets(self.all_sockets, self.whole)

    def queues(self) -> tuple[Queue, ...]:
        self.asked.append("queues")
        if self.all_queues is None:
            raise Unseen("The queues are not shown.")
        return self.all_queues

    def processes(self) -> tuple[Process, ...]:
        self.asked.append("processes")
        if self.all_processes is None:
            raise Unseen("The processes are not shown.")
        return self.all_processes

    def command_line(self, pid: int) -> list[str]:
        self.asked.append(f"command line of {pid}")
        if pid not in self.command_lines:
            raise Unseen(f"The command line of process {pid} is not shown to this user.")
        return [*self.command_lines[pid]]  # whoever asks empties the list

    def executable(self, pid: int) -> str:
        self.asked.append(f"program of {pid}")
        if pid not in self.executables:
            raise Unseen(f"The program of process {pid} is not shown to this user.")
        return self.executables[pid]

    def addresses(self) -> frozenset[str]:
        return self.own


def listener(port: int, pid: int | None = None, ip: str = "::") -> TcpSocket:
    """A listening socket."""
    return TcpSocket(ip, port, LISTEN, None, pid)


GATEWAY = "ibcalpha.ibc.IbcGateway"
TWS = "install4j.jclient.LoginFrame"


def java(main_class: str = GATEWAY, *behind: str, folder: str = "/srv/jts", heap: str = "-Xmx768m") -> list[str]:
    """The command line of a TWS or Gateway as installers and IBC write it."""
    classpath = "/opt/jts/jars/jts4launch-1030.jar:/opt/jts/jars/twslaunch-1030.jar:/opt/ibc/IBC.jar"
    options = [heap, "-XX:+UseG1GC", f"-DjtsConfigDir={folder}", "-Dinstall4jType=standalone", "-DjxBrowserKey=planted-key"]
    return ["/opt/jre/bin/java", "-cp", classpath, "--add-opens", "java.base/java.util=ALL-UNNAMED", *options, main_class, *behind]
