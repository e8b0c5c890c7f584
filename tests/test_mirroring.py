"""Every module has its test file, in the same place below tests/, and every such test file has its module."""

from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "twsprobe"
TESTS = ROOT / "tests"

# Folders of declarations, whose tests stand beside those of the code that reads them; records alone are tested by the messages they are in.
BESIDE = {"wire/messages": "wire/test_messages_"}
# Test files of no one module.
ACROSS = {"wire/test_real_sessions.py", "wire/test_ib_async.py", "wire/test_mutation.py"}


def rooms() -> list[str]:
    return sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__")


def modules() -> list[str]:
    found = [path for room in rooms() for path in PACKAGE.joinpath(room).rglob("*.py") if path.name != "__init__.py"]
    names = {path.relative_to(PACKAGE).as_posix(): path for path in found}
    return sorted(name for name, path in names.items() if not name.startswith(tuple(BESIDE)) or "\nMESSAGES = " in path.read_text("utf-8"))


def files() -> list[str]:
    return sorted(path.relative_to(TESTS).as_posix() for room in rooms() for path in TESTS.joinpath(room).rglob("test_*.py"))


def mirror_of(module: str) -> str:
    folder, _, name = module.rpartition("/")
    return BESIDE.get(folder, f"{folder}/test_") + name


def test_every_module_has_its_tests() -> None:
    missing = [f"create tests/{mirror_of(module)} for src/twsprobe/{module}" for module in modules() if mirror_of(module) not in files()]
    assert not missing, "\n" + "\n".join(missing)


def test_every_test_file_has_its_module() -> None:
    stray = sorted({*files()} - {mirror_of(module) for module in modules()} - ACROSS)
    assert not stray, "".join(f"\ntests/{test} tests no module of its name: rename it, or move it to tests/" for test in stray)
