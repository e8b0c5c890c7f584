"""TWS, IB Gateway and forwarders among the processes of this machine.

The problem: IBC starts TWS with the user's name and password as arguments behind the main class. The rule: a command line is read inside
one function, which keeps a few named facts of what stands before the main class, empties the list, and stops there. Nothing else of it
is kept: not the list, not an argument that is not understood, not in an exception. A process is recognised by its main class, never by
the bare word "ibgateway", which folders and scripts hold too; the launchers of Windows and macOS, which hide the Java machine inside, by
the program's name and path.
Known doubt: older releases of IBC and of the installers use other main classes; such a process counts as another Java program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Literal, NamedTuple

from twsprobe.net.address import Address
from twsprobe.net.local_system import Process, System, Unseen

Product = Literal["tws", "gateway", "client-portal", "other"]

MAIN_CLASSES: Mapping[str, tuple[Product, bool]] = MappingProxyType(
    {
        "install4j.ibgateway.GWClient": ("gateway", False),
        "ibgateway.GWClient": ("gateway", False),
        "install4j.jclient.LoginFrame": ("tws", False),
        "jclient.LoginFrame": ("tws", False),
        "ibcalpha.ibc.IbcGateway": ("gateway", True),
        "ibcalpha.ibc.IbcTws": ("tws", True),
        "ibgroup.web.core.clientportal.gw.GatewayStart": ("client-portal", False),
    }
)
"""Main classes, what they start, and whether IBC started it."""

JAVA = frozenset({"java", "javaw", "javaapplicationstub"})
LAUNCHERS: Mapping[str, Product] = MappingProxyType({"tws": "tws", "tws1": "tws", "ibgateway": "gateway", "ibgateway1": "gateway"})
"""Programs of Windows that hold the Java machine; IBC renames them with a 1."""
APPLICATIONS: Mapping[str, Product] = MappingProxyType({"Trader Workstation": "tws", "IB Gateway": "gateway"})
"""Folders of macOS that the launcher lies in."""

FORWARDERS = frozenset(
    (
        *("socat", "docker-proxy", "com.docker.backend", "ssh", "sshd", "sshd-session", "autossh", "wslrelay", "rootlessport"),
        *("haproxy", "kubectl", "limactl", "gvproxy"),
    )
)
"""Programs that accept a connection and pass it on, by name."""

_WITH_VALUE = frozenset(
    (
        *("-cp", "-classpath", "--class-path", "-p", "--module-path", "--upgrade-module-path"),
        *("--add-modules", "--limit-modules", "--add-exports", "--add-opens", "--add-reads", "--patch-module", "--enable-native-access"),
    )
)
_MAIN_FOLLOWS = frozenset({"-jar", "-m", "--module"})
_JAR = re.compile(r"(?:twslaunch|jts4launch)-(\d{3,5})\.jar")
_HEAP = re.compile(r"-Xmx(\d{1,9})([kKmMgG]?)")
_FOLDER = "-DjtsConfigDir="
_LONGEST_PATH = 4096
_MEBI = {"": 1 / 2**20, "k": 1 / 1024, "m": 1, "g": 1024}


class JavaFacts(NamedTuple):
    """What is kept of the command line of a Java program."""

    product: Product
    by_ibc: bool = False
    settings_folder: str | None = None
    heap_mib: int | None = None
    version: str | None = None


class App(NamedTuple):
    """A TWS, an IB Gateway or a Client Portal Gateway that runs."""

    pid: int
    product: Product
    by_ibc: bool
    version: str | None
    """Such as "10.30", from the name of a jar."""
    settings_folder: str | None
    heap_mib: int | None
    started: float

    @property
    def label(self) -> str:
        """The program's name and version."""
        name = {"tws": "TWS", "gateway": "IB Gateway", "client-portal": "The Client Portal Gateway"}.get(self.product, "A Java program")
        return f"{name} {self.version}" if self.version else name


class Forwarder(NamedTuple):
    """A program that passes connections on. Port and target are those of its command line, where it names them."""

    pid: int
    name: str
    port: int | None = None
    target: Address | None = None


class Running(NamedTuple):
    """The processes that matter here, and how many Java programs could not be looked into."""

    apps: tuple[App, ...]
    forwarders: tuple[Forwarder, ...]
    names: Mapping[int, str]
    """The program's name of every process, without ``.exe``."""
    hidden: int


def running(system: System) -> Running:
    """Look through the processes. Raises Unseen where there is no list of them."""
    listed = system.processes()
    apps: list[App] = []
    forwarders: list[Forwarder] = []
    hidden = 0
    for process in listed:
        name = plain_name(process.name)
        if name in JAVA or name in LAUNCHERS:
            try:
                apps.append(app_of(process, name, system))
            except Unseen:
                hidden += 1
        elif name in FORWARDERS:
            forwarders.append(forwarder_of(process, name, system))
    return Running(tuple(apps), tuple(forwarders), {process.pid: plain_name(process.name) for process in listed}, hidden)


def plain_name(name: str) -> str:
    """A program's name in lower case, without ``.exe``."""
    return name.lower().removesuffix(".exe")


def app_of(process: Process, name: str, system: System) -> App:
    """A Java program or a launcher. Raises Unseen."""
    if name in LAUNCHERS or name == "javaapplicationstub":
        program = PurePath(system.executable(process.pid))
        product: Product = LAUNCHERS.get(name, "other")
        for word in APPLICATIONS:
            product = APPLICATIONS[word] if f"{word} " in str(program) else product
        return App(process.pid, product, name.endswith("1"), version_beside(program), None, None, process.started)
    facts = java_facts(lambda: system.command_line(process.pid))
    return App(process.pid, facts.product, facts.by_ibc, facts.version, facts.settings_folder, facts.heap_mib, process.started)


def java_facts(read: Callable[[], list[str]]) -> JavaFacts:
    """The facts of a Java command line, up to its main class. The list is emptied, whatever happens. Raises what ``read`` raises."""
    arguments = read()
    argument, facts, expected = "", JavaFacts("other"), ""
    try:
        for argument in arguments[1:]:
            if expected == "main" or (not expected and not argument.startswith(("-", "@"))):
                product, by_ibc = MAIN_CLASSES.get(argument.rpartition("/")[2], ("other", False))
                return facts._replace(product=product, by_ibc=by_ibc)
            if expected == "value":
                facts, expected = with_version(facts, argument), ""
            elif argument in _WITH_VALUE:
                expected = "value"
            elif argument in _MAIN_FOLLOWS:
                expected = "main"
            elif argument.startswith(_FOLDER) and len(argument) < _LONGEST_PATH:
                folder = argument[len(_FOLDER) :]
                facts = facts._replace(settings_folder=None if "${" in folder else folder or None)  # "${installer:...}" is no path
            elif heap := _HEAP.fullmatch(argument):
                facts = facts._replace(heap_mib=int(int(heap[1]) * _MEBI[heap[2].lower()]))
        return facts
    finally:
        arguments.clear()
        argument = ""


def with_version(facts: JavaFacts, classpath: str) -> JavaFacts:
    """The facts with the version that a jar of the class path names."""
    found = _JAR.search(classpath)
    return facts._replace(version=dotted(found[1])) if found else facts


def dotted(digits: str) -> str:
    """A major version as people write it: "1030" is 10.30, "981" is 9.81."""
    return f"{digits[:-2]}.{digits[-2:]}"


def version_beside(program: PurePath) -> str | None:
    """The version by the jars that lie in the folder of a program, or above it as in a bundle of macOS."""
    for folder in program.parents[:5]:
        try:
            names = sorted(path.name for path in (Path(folder) / "jars").iterdir())
        except OSError:
            continue
        return newest(names)
    return None


def newest(names: Iterable[str]) -> str | None:
    """The highest version among the names of jars."""
    found = [int(match[1]) for name in names if (match := _JAR.fullmatch(name))]
    return dotted(str(max(found))) if found else None


_SOCAT_LISTEN = re.compile(r"(?i)TCP[46]?-L(?:ISTEN)?:(\d{1,5})(?:,.*)?")
_SOCAT_TARGET = re.compile(r"(?i)TCP[46]?(?:-CONNECT)?:\[?([\w.:-]{1,253}?)\]?:(\d{1,5})(?:,.*)?")
_SSH_FORWARD = re.compile(r"(?:-L)?(?:\[?[\w.:*-]*\]?:)??(\d{1,5}):\[?([\w.:-]{1,253}?)\]?:(\d{1,5})")


def forwarder_of(process: Process, name: str, system: System) -> Forwarder:
    """A forwarder, with what its command line says of where to, if that is shown."""
    try:
        port, target = forwarding(name, lambda: system.command_line(process.pid))
    except Unseen:
        port, target = None, None
    return Forwarder(process.pid, name, port, target)


def forwarding(name: str, read: Callable[[], list[str]]) -> tuple[int | None, Address | None]:
    """From which port to which target a forwarder's command line says that it passes on. The list is emptied, whatever happens."""
    arguments = read()
    argument, before = "", ""
    port: int | None = None
    host: str | None = None
    target_port: int | None = None
    try:
        for argument in arguments[1:]:
            if name == "socat" and (found := _SOCAT_LISTEN.fullmatch(argument)):
                port = int(found[1])
            elif name == "socat" and (found := _SOCAT_TARGET.fullmatch(argument)):
                host, target_port = found[1], int(found[2])
            elif name == "docker-proxy" and before == "-host-port" and argument.isdecimal():
                port = int(argument[:5])
            elif name == "docker-proxy" and before == "-container-ip":
                host = argument[:45]
            elif name == "docker-proxy" and before == "-container-port" and argument.isdecimal():
                target_port = int(argument[:5])
            elif (
                name in ("ssh", "autossh") and (before == "-L" or argument.startswith("-L")) and (found := _SSH_FORWARD.fullmatch(argument))
            ):
                port, host, target_port = int(found[1]), found[2], int(found[3])
            before = argument
        return port, (host, target_port) if host is not None and target_port is not None else None
    finally:
        arguments.clear()
        argument = before = ""
