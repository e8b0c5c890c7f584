"""The program as a whole: what it imports, how it fails, where its output goes."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.program import PATIENCE, PROGRAM, environment, finished, served, started
from tests.views.hostile import HOSTILE, live
from twsprobe import __version__
from twsprobe.capture.jsonl import Writer
from twsprobe.capture.model import Opened
from twsprobe.capture.reading import open_capture
from twsprobe.cli import decode, main, probe
from twsprobe.cli.exits import ExitCode

HELP = [("--help",), ("-h",), *((command, "--help") for command in main.COMMANDS), ("simulate", "--list")]
HEAVY = {"trio", "construct", "rich"}
USELESS = HEAVY | {"msgspec", "json", "asyncio", "psutil", "socket", "ssl"}

IMPORTED = """
import sys
from twsprobe.cli.main import run
code = run(sys.argv[1:])
print("\\n".join(["==", str(code), *sys.modules]))
"""


def imported(*arguments: str) -> tuple[int, set[str]]:
    """The exit code of a command line, and the modules that it took."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments], capture_output=True, env=environment(), timeout=PATIENCE, encoding="utf-8", check=True
    )
    code, *modules = done.stdout.rpartition("==\n")[2].split()
    return int(code), set(modules)


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (("--help",), USELESS),
        (("--version",), USELESS),
        ((), USELESS),
        (("no-such-command",), USELESS),
        (("probe", "--help"), HEAVY | {"json", "psutil"}),
        (("probe", "no target"), HEAVY | {"json", "psutil"}),
        (("simulate", "--help"), HEAVY | {"json", "psutil"}),
        (("decode", "--help"), HEAVY | {"psutil"}),
        (("demo", "--help"), HEAVY | {"psutil"}),
    ],
)
def test_a_command_imports_only_what_it_uses(arguments: tuple[str, ...], unwanted: set[str]) -> None:
    code, modules = imported(*arguments)
    assert "click" in modules
    assert modules.isdisjoint(unwanted), f"{sorted(modules & unwanted)} took part"
    assert code == (ExitCode.OK if {"--help", "--version"} & set(arguments) else ExitCode.USAGE)


def test_decoding_takes_no_trio_and_probing_no_rich(tmp_path: Path) -> None:
    Writer(tmp_path / "empty.jsonl").close()
    code, modules = imported("decode", str(tmp_path / "empty.jsonl"))
    assert code == ExitCode.OK
    assert modules.isdisjoint({"trio", "rich", "psutil"})
    with served() as port:
        code, modules = imported("probe", str(port))
    assert code == ExitCode.OK
    assert "trio" in modules
    assert modules.isdisjoint({"rich", "json", "psutil", "asyncio"})


@pytest.mark.parametrize("arguments", HELP)
def test_help_fits_80_columns(arguments: tuple[str, ...], ran: Run) -> None:
    found = ran(*arguments)
    assert found.code == ExitCode.OK
    assert found.err == ""
    assert found.out.count("\n") > 5
    for line in found.out.splitlines():
        assert len(line) <= 80
        assert line == line.rstrip()


def test_help_names_every_command(ran: Run) -> None:
    out = ran("--help").out
    for name in main.COMMANDS:
        assert f"  {name} " in out


def test_version(ran: Run) -> None:
    assert ran("--version") == (0, f"twsprobe {__version__}\n", "")
    assert finished("--version") == (0, f"twsprobe {__version__}\n", "")


def test_without_a_command_it_shows_its_help(ran: Run) -> None:
    found = ran()
    assert found.code == ExitCode.USAGE
    assert found.out == ""
    assert found.err == ran("--help").out


MISTAKES = [
    (("frobnicate",), "frobnicate"),
    (("--frobnicate",), "--frobnicate"),
    (("probe", "--frobnicate"), "--frobnicate"),
    (("probe", "host"), "'host'"),
    (("probe", "host:"), "'host:'"),
    (("probe", ":7497"), "':7497'"),
    (("probe", "host:port"), "'host:port'"),
    (("probe", "host:0"), "'host:0'"),
    (("probe", "host:65536"), "'host:65536'"),
    (("probe", "host:-1"), "'host:-1'"),
    (("probe", "host:7497:1"), "'host:7497:1'"),
    (("probe", "host:" + "9" * 500), "a port is a number"),
    (("probe", "0"), "'0'"),
    (("probe", "::1:7497"), "[::1]:7497"),
    (("probe", "[::1]"), "'[::1]'"),
    (("probe", ""), "''"),
    (("probe", " :7497"), "' :7497'"),
    (("probe", "http://host:7497"), "'http://host:7497'"),
    (("probe", "user@host:7497"), "'user@host:7497'"),
    (("probe", "x" * 254 + ":7497"), "is no target"),
    (("probe", "7497", "host"), "'host'"),
    (("probe", "host:\u0667\u0664\u0669\u0667"), "no number"),
    (("probe", "--offer", "x", "7497"), "'x'"),
    (("probe", "--offer", "200..100", "7497"), "'200..100'"),
    (("probe", "--offer", "100..", "7497"), "'100..'"),
    (("probe", "--offer", "..100", "7497"), "'..100'"),
    (("probe", "--offer", "100..200..300", "7497"), "'100..200..300'"),
    (("probe", "--offer", "-1", "7497"), "'-1'"),
    (("probe", "--offer", "1e2", "7497"), "'1e2'"),
    (("probe", "--offer", "\u0661\u0660\u0660", "7497"), "is not MIN..MAX"),
    (("probe", "--offer", "9" * 500, "7497"), "is not MIN..MAX"),
    (("probe", "--offer", "", "7497"), "''"),
    (("probe", "--offer", "100..226", "--as", "ib_async", "7497"), "--offer and --as"),
    (("probe", "--as", "nobody", "7497"), "'nobody'"),
    (("probe", "--client-id", "-1", "7497"), "-1"),
    (("probe", "--client-id", str(2**31), "7497"), str(2**31)),
    (("probe", "--client-id", "one", "7497"), "'one'"),
    (("probe", "--timeout", "0", "7497"), "--timeout"),
    (("probe", "--timeout", "-1", "7497"), "--timeout"),
    (("probe", "--timeout", "nan", "7497"), "nan"),
    (("probe", "--timeout", "soon", "7497"), "'soon'"),
    (("probe", "--start-timeout", "0", "7497"), "--start-timeout"),
    (("probe", "--sync-timeout", "nan", "7497"), "nan"),
    (("probe", "--connect-options", "\u00e9", "7497"), "printable ASCII"),
    (("probe", "--connect-options", "a\nb", "7497"), "printable ASCII"),
    (("probe", "--exit-style", "loud", "7497"), "'loud'"),
    (("probe", "--record", ".", "7497"), "'.'"),
    (("simulate", "--scenario", "nothing"), "'nothing'"),
    (("simulate", "--scenario", "refused"), "'refused'"),
    (("simulate", "--server-version", "99"), "99"),
    (("simulate", "--server-version", "227"), "227"),
    (("simulate", "--listen", "nowhere"), "'nowhere'"),
    (("simulate", "--delivery", "slow"), "'slow'"),
    (("simulate", "extra"), "extra"),
    (("decode",), "FILE"),
    (("decode", "no-such-file.jsonl"), "no-such-file.jsonl"),
    (("decode", "."), "'.'"),
    (("decode", "--id", "-1", "x"), "-1"),
    (("decode", "--id", "x", "x"), "'x'"),
    (("decode", "--direction", "up", "x"), "'up'"),
    (("demo", __file__), "test_main.py"),
    (("demo", "a", "b"), "b"),
]


@pytest.mark.parametrize(("arguments", "named"), MISTAKES, ids=[" ".join(arguments)[:40] for arguments, _ in MISTAKES])
def test_a_mistake_is_named_in_one_line(arguments: tuple[str, ...], named: str, ran: Run) -> None:
    found = ran(*arguments)
    assert found.code == ExitCode.USAGE
    assert found.out == ""
    assert found.err.startswith("twsprobe: ")
    assert found.err.count("\n") == 1
    assert named in found.err
    command = arguments[0] if arguments[0] in main.COMMANDS else ""
    assert found.err.endswith(f"See {f'twsprobe {command}'.rstrip()} --help.\n")


def is_argument(text: str) -> bool:
    """Whether a text can be an argument of a process."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def test_hostile_arguments_do_nothing(ran: Run) -> None:
    for text in filter(is_argument, HOSTILE):
        for arguments in ((text, "x"), ("probe", f"{text}:x"), ("probe", f"--{text}"), ("decode", text), ("probe", "--offer", text, "1")):
            found = ran(*arguments)
            assert found.code != ExitCode.BUG, arguments
            assert not live(found.out + found.err), arguments
            assert found.err.count("\n") == 1, arguments


def raising(fault: BaseException) -> object:
    """Something to put in a function's place."""

    def fail(*_: object, **__: object) -> None:
        raise fault

    return fail


@pytest.mark.parametrize(
    ("fault", "code", "line"),
    [
        (
            ZeroDivisionError("1/0 \x1b[2J\nx"),
            ExitCode.BUG,
            r"a bug in twsprobe: ZeroDivisionError: 1/0 \x1b[2J\x0ax. Set TWSPROBE_DEBUG=1 to see where, and please report it.",
        ),
        (OSError(errno.EIO, "Input/output error", "a\x1bb"), ExitCode.IO_FAILED, r"a\x1bb: Input/output error"),
        (OSError(errno.ENOSPC, "No space left on device"), ExitCode.IO_FAILED, "No space left on device"),
        (OSError("no number"), ExitCode.IO_FAILED, "no number"),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, "interrupted"),
    ],
)
def test_whatever_goes_wrong_is_one_line(
    fault: BaseException, code: ExitCode, line: str, ran: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "probe_all", raising(fault))
    found = ran("probe", "7497")
    assert found.code == code
    assert found.out == ""
    assert found.err.lstrip("\n") == f"twsprobe: {line}\n"


def test_a_bug_inside_trio_is_named_by_its_own_name(ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe.Live, "stage_ended", raising(ZeroDivisionError("a stage")))
    with served() as port:
        found = ran("probe", str(port))
    assert found.code == ExitCode.BUG
    assert found.err.startswith("twsprobe: a bug in twsprobe: ZeroDivisionError: a stage. ")
    assert found.err.count("\n") == 1


def test_a_bug_shows_where_on_request(ran: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWSPROBE_DEBUG", "1")
    monkeypatch.setattr(probe, "probe_all", raising(ZeroDivisionError("1/0")))
    with pytest.raises(ZeroDivisionError):
        ran("probe", "7497")


def test_a_fault_of_a_capture_has_its_own_code(ran: Run, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text("nothing")
    assert ran("decode", str(tmp_path / "x.jsonl")).code == ExitCode.CAPTURE_CORRUPT


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_a_file_that_cannot_be_read(ran: Run) -> None:
    found = ran("decode", "/proc/self/mem")
    assert found.code == ExitCode.IO_FAILED
    assert found.err == "twsprobe: Input/output error\n"


def test_a_file_that_may_not_be_read(ran: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.jsonl"
    path.touch()
    monkeypatch.setattr(decode, "open_capture", raising(PermissionError(errno.EACCES, "Permission denied", str(path))))
    found = ran("decode", str(path))
    assert (found.code, found.err) == (ExitCode.IO_FAILED, f"twsprobe: {path}: Permission denied\n")


def test_as_a_module_and_as_a_script() -> None:
    assert PROGRAM[1:] == ("-m", "twsprobe")
    script = Path(sys.executable).with_name("twsprobe")
    assert script.exists()
    done = subprocess.run([script, "probe", "x"], capture_output=True, env=environment(), timeout=PATIENCE, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout, done.stderr) == finished("probe", "x")


class Full(io.StringIO):
    """A stream whose disk is full once all has been written."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("stream", "arguments", "code"),
    [
        (io.StringIO(), ["--version"], ExitCode.OK),
        (io.StringIO(), ["probe", "x"], ExitCode.USAGE),
        (Full(), ["--version"], ExitCode.IO_FAILED),
        (None, ["--version"], ExitCode.OK),
    ],
)
def test_a_process_ends_with_the_code(stream: io.StringIO | None, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(sys, "argv", ["twsprobe", *arguments])
    monkeypatch.setattr(sys, "stdout", stream)
    main.main()
    assert codes == [code]
    sys.stdout.close()


@pytest.mark.skipif(os.name == "nt", reason="has no such pipes")
@pytest.mark.parametrize("arguments", [("-v",), ("--json",), ("-v", "--sync", "--exit-style", "docker"), ("127.0.0.1:1",)])
def test_a_reader_that_has_gone_makes_no_noise(arguments: tuple[str, ...]) -> None:
    with served() as port:
        process = subprocess.Popen(
            [*PROGRAM, "probe", str(port), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        )
        with process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(PATIENCE) == ExitCode.IO_FAILED


@pytest.mark.skipif(os.name == "nt", reason="has no such pipes")
def test_a_reader_of_one_line_makes_no_noise(tmp_path: Path) -> None:
    with Writer(tmp_path / "long.jsonl") as writer:
        for number in range(5000):
            writer.write(Opened(number, 10**18 * 2, "client", "server"))
    with started("decode", str(tmp_path / "long.jsonl")) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().split() == ["seconds", "conn", "id", "message", "what", "it", "says"]
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(PATIENCE) == ExitCode.IO_FAILED


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("arguments", [("--help",), ("probe",), ("probe", "--json"), ("decode",)])
def test_a_full_disk_behind_the_output(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with Writer(tmp_path / "x.jsonl") as writer:
        writer.write(Opened(0, 10**18 * 2, "client", "server"))
    with served() as port, Path("/dev/full").open("wb") as full:
        extra = {"probe": [str(port)], "decode": [str(tmp_path / "x.jsonl")]}.get(arguments[0], [])
        done = subprocess.run(
            [*PROGRAM, *arguments, *extra], stdout=full, stderr=subprocess.PIPE, env=environment(), timeout=PATIENCE, check=False
        )
    assert done.returncode == ExitCode.IO_FAILED
    assert done.stderr in (b"", b"twsprobe: No space left on device\n")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell of POSIX")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_that_were_closed_before_the_start(closed: str) -> None:
    with served() as port:
        for command, code in ((f"probe {port} -v", 0), ("probe x", 2), ("--help", 0)):
            done = subprocess.run(
                ["/bin/sh", "-c", f'"{sys.executable}" -m twsprobe {command} {closed}'],
                capture_output=True,
                env=environment(),
                timeout=PATIENCE,
                check=False,
            )
            assert done.returncode == code, done
            assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_output_in_any_code_page(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    with Writer(path) as writer:
        writer.write(Opened(0, 10**18 * 2, "\u4e2d\u2019\xe9", "\U0001f600\x1b"))
    done = subprocess.run(
        [*PROGRAM, "decode", str(path)], capture_output=True, env=environment(PYTHONIOENCODING=encoding), timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\x1b" in done.stdout
    assert b"\x1b" not in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="has no such signal")
@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_an_interrupt_while_it_waits(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with served("dialog-pending") as port, started("probe", str(port), "--record", str(tmp_path / "x.jsonl"), *arguments) as process:
        path = tmp_path / "x.jsonl"
        while not (path.exists() and b"v100..226" in path.read_bytes()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=1.0)
    assert process.returncode == ExitCode.INTERRUPTED
    assert err.strip() == "twsprobe: interrupted"
    assert ("resolve" in out) != bool(arguments)
    with open_capture(path) as capture:
        kinds = [type(record).__name__ for record in capture]
    assert kinds[:2] == ["Opened", "Chunk"]
    assert "Closed" in kinds
