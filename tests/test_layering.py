"""The house as the design draws it: which room may import which, who owns a third-party package, and what no module may call.

Modules are read as syntax trees, not imported, so that an import inside a function or under TYPE_CHECKING counts as much
as any other.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "twsprobe"

# A room may import itself and any room after it.
ROOMS = ("cli", "views", "probing", "net", "capture", "wire")

# The rooms, or the module outside of them, that may import a third-party package. Another package needs a line here and in pyproject.toml.
OWNERS = {
    "backports": {"capture"},
    "click": {"cli"},
    "compression": {"capture"},
    "construct": {"wire"},
    "jinja2": {"views"},
    "msgspec": {"wire"},
    "psutil": {"net"},
    "pyarrow": {"capture"},
    "pytest": {"pytest_plugin.py"},
    "rich": {"views", "cli"},
    "trio": {"net", "probing", "cli"},
}
# Imported where it is used: too slow to import for what needs it seldom.
LAZY = {"jinja2", "psutil"}
# The standard library's ways to a socket, by the room that may use them.
OWNERS |= {module: {"net"} for module in ("asyncio", "http", "select", "selectors", "socket", "socketserver", "ssl")}

# What no module may use, the modules that still may, and what to do instead.
BANNED = {
    "eval": ((), "write the decision out, or parse with ast.literal_eval"),
    "exec": (("wire/emit.py",), "let wire/emit.py generate and run code"),
    "os.popen": ((), "give subprocess a list of arguments"),
    "os.system": ((), "give subprocess a list of arguments"),
    "print": (("cli/",), "return the text and let cli/ print it"),
    "time.sleep": ((), "wait for what is to happen: an event, a deadline"),
}


@dataclass(frozen=True)
class Import:
    """One imported dotted name. `lazy`: it does not run when the module is imported."""

    name: str
    line: int
    lazy: bool


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(node: ast.AST, package: str, lazy: bool = False) -> Iterator[Import]:
    """Every import below node, of a module in the given package; importlib.import_module with a constant counts."""
    match node:
        case ast.Import():
            yield from (Import(alias.name, node.lineno, lazy) for alias in node.names)
        case ast.ImportFrom():
            above = package.split(".")[: -node.level + 1 or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Import(f"{base}.{alias.name}", node.lineno, lazy) for alias in node.names)
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]) if ast.unparse(function).endswith(
            ("import_module", "__import__")
        ):
            yield Import(name if not name.startswith(".") else package + name, node.lineno, lazy)
    lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or is_type_checking(node)
    for child in ast.iter_child_nodes(node):
        yield from imports(child, package, lazy)


def import_findings(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """What the imports of the module at path (below the package, with slashes) break, as (line, what to do)."""
    *folders, _ = path.split("/")
    room = folders[0] if folders else ""
    for found in imports(tree, ".".join(["twsprobe", *folders])):
        top, _, rest = found.name.partition(".")
        target = rest.partition(".")[0]
        if top != "twsprobe":
            if top not in sys.stdlib_module_names and top not in OWNERS:
                yield found.line, f"imports {top}, which no room owns: name its owner in OWNERS, and in pyproject.toml"
            elif room and top in OWNERS and room not in OWNERS[top]:
                yield found.line, f"imports {top} in {room}/: only {', '.join(sorted(OWNERS[top]))} may; move this there"
            elif (top in LAZY or not room) and top in OWNERS and path not in OWNERS[top] and not found.lazy:
                yield found.line, f"imports {top} when the module is imported: import it inside the function that uses it"
        elif not room:
            if target in ROOMS and path == "__init__.py" and not found.lazy:
                yield found.line, f"imports {found.name} when twsprobe is imported: import it inside the function that uses it"
        elif target in ROOMS:
            if ROOMS.index(target) < ROOMS.index(room):
                yield found.line, f"{room}/ imports {found.name}: imports go {' -> '.join(ROOMS)}; move what is needed to {room}/ or after"
        elif target != "__version__":
            yield found.line, f"{room}/ imports {found.name}: import it from the room that defines it"


def call_findings(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """Uses of what BANNED lists, under whatever name they were imported, and of a shell."""
    imported: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name | ast.Attribute):
            first, dot, rest = ast.unparse(node).partition(".")
            name = imported.get(first, first) + dot + rest
            exempt, remedy = BANNED.get(name.removeprefix("builtins."), (("",), ""))
            if not path.startswith(exempt):
                yield node.lineno, f"uses {name}: {remedy}"
        elif isinstance(node, ast.keyword) and node.arg == "shell" and ast.unparse(node.value) != "False":
            yield node.value.lineno, "starts a shell: give subprocess a list of arguments"


def findings(source: str, path: str) -> list[str]:
    """All that a module breaks, each as `file:line: what to do`."""
    tree = ast.parse(source)
    found = [*import_findings(tree, path), *call_findings(tree, path)]
    return [f"src/twsprobe/{path}:{line}: {text}" for line, text in sorted(found)]


def test_every_module_keeps_the_house_as_it_is_drawn() -> None:
    modules = sorted(PACKAGE.rglob("*.py"))
    assert modules, f"no module found below {PACKAGE}"
    found = [line for module in modules for line in findings(module.read_text("utf-8"), module.relative_to(PACKAGE).as_posix())]
    assert not found, "\n" + "\n".join(found)


def test_every_folder_of_the_package_is_a_room() -> None:
    folders = {path.parent.relative_to(PACKAGE).parts[0] for path in PACKAGE.glob("*/**/*.py")}
    assert folders <= set(ROOMS), f"add {sorted(folders - set(ROOMS))} to ROOMS, where its imports allow, or move it into a room"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("wire/x.py", "import twsprobe.net.connect"),
        ("wire/x.py", "from twsprobe import net"),
        ("wire/x.py", "from ..capture.chunk import Chunk"),
        ("wire/messages/x.py", "from ...probing import stages"),
        ("net/x.py", "def f():\n    from twsprobe.probing import stages"),
        ("net/x.py", "if TYPE_CHECKING:\n    from twsprobe.views.json import Table"),
        ("net/x.py", "importlib.import_module('twsprobe.cli.main')"),
        ("net/x.py", "from importlib import import_module\nimport_module('twsprobe.cli.main')"),
        ("probing/x.py", "from twsprobe import Conversation"),
        ("cli/x.py", "import construct"),
        ("capture/x.py", "import trio"),
        ("probing/x.py", "from rich.table import Table"),
        ("views/x.py", "import click"),
        ("views/x.py", "def f():\n    import psutil"),
        ("probing/x.py", "import psutil"),
        ("probing/x.py", "import socket"),
        ("wire/x.py", "import requests"),
        ("__init__.py", "import trio"),
        ("pytest_plugin.py", "import trio"),
        ("testing.py", "import pytest"),
        ("net/x.py", "import pytest"),
        ("__init__.py", "from twsprobe.wire.conversation import Conversation"),
        ("wire/x.py", "exec('1')"),
        ("wire/x.py", "eval('1')"),
        ("wire/emit.py", "eval('1')"),
        ("wire/x.py", "import builtins\nbuiltins.exec('1')"),
        ("wire/x.py", "list(map(print, ['a']))"),
        ("net/x.py", "import os as system\nsystem.system('ls')"),
        ("net/x.py", "from time import sleep as wait\nwait(1)"),
        ("net/x.py", "import subprocess\nsubprocess.run('ls', shell=True)"),
    ],
)
def test_what_breaks_the_house_is_found(path: str, source: str) -> None:
    line = source.count("\n") + 1
    assert [found.partition(": ")[0] for found in findings(source, path)] == [f"src/twsprobe/{path}:{line}"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("cli/x.py", "import click, rich.table, trio, twsprobe.wire.codes\nfrom ..views import table\nprint('a')"),
        ("probing/x.py", "import trio\nfrom twsprobe import __version__\nfrom twsprobe.net.connect import connect"),
        ("wire/x.py", "import construct, struct, os.path\nfrom . import fields\nfrom .fields import Text"),
        ("wire/emit.py", "exec(compile('1', '', 'exec'))"),
        ("net/x.py", "def f():\n    import psutil"),
        ("net/x.py", "import socket, ssl, subprocess\nsubprocess.run(['ls'], shell=False)\nconsole.print('a')"),
        ("__init__.py", "def probe():\n    from .probing.run import probe\n    import trio"),
        ("__init__.py", "if TYPE_CHECKING:\n    from .wire.conversation import Conversation"),
        ("__main__.py", "from twsprobe.cli.main import main"),
        ("pytest_plugin.py", "import pytest"),
    ],
)
def test_what_keeps_the_house_is_not_found(path: str, source: str) -> None:
    assert findings(source, path) == []
