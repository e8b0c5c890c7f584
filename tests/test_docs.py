"""The generated documents are those that the source gives now."""

from pathlib import Path

import pytest

from docs.generate import DOCUMENTS, main, stale


def test_every_generated_document_is_up_to_date() -> None:
    assert [f"docs/{name} is stale: run python docs/generate.py" for name in stale()] == []


def test_no_document_has_carriage_returns() -> None:
    assert [name for name, make in DOCUMENTS.items() if "\r" in make()] == []


def test_documents_are_written_and_then_up_to_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err.splitlines() == [f"docs/{name} is stale: run python docs/generate.py" for name in DOCUMENTS]
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    for name, make in DOCUMENTS.items():
        assert (tmp_path / name).read_bytes() == make().encode()


def test_a_document_that_was_edited_is_stale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], tmp_path)
    document = tmp_path / "protocol.md"
    document.write_text(document.read_text("utf-8").replace("startApi", "startAPI", 1), "utf-8", newline="\n")
    assert main(["--check"], tmp_path) == 1
    assert "docs/protocol.md" in capsys.readouterr().err


def test_a_wrong_command_line_says_how_it_is_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chek"], tmp_path) == 2
    assert "python docs/generate.py [--check]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
