"""A new capture, in the format that its file's suffix names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from twsprobe.capture.model import CaptureError

if TYPE_CHECKING:
    from collections.abc import Callable

    from twsprobe.capture.files import Packer, Writer

FORMATS = (".pcapng", ".jsonl", ".pcap")
PACKED = (".gz", ".zst")
"""Suffixes that may follow, for a file that is compressed."""


def open_writer(
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, str] | None = None,
    created_ns: int | None = None,
    overwrite: bool = False,
) -> Writer:
    """A new capture: .jsonl, .pcapng, or .pcap (which loses what packets cannot say), compressed if .gz or .zst follows.

    Raises CaptureError if the suffix is none of these, if zstd is wanted and not installed, and as ``files.Writer`` does; OSError.
    """
    name = os.fspath(path)
    plain, packing = name, ""
    for suffix in PACKED:
        if name.lower().endswith(suffix):
            plain, packing = name[: -len(suffix)], suffix
    for suffix in FORMATS:
        if plain.lower().endswith(suffix):
            new = _writer(suffix)
            return new(name, metadata=metadata, created_ns=created_ns, overwrite=overwrite, packer=_packer(packing, name))
    raise CaptureError(name, 0, f"a capture's name ends with {', '.join(FORMATS)}, and may then have {' or '.join(PACKED)}")


def _writer(suffix: str) -> Callable[..., Writer]:
    if suffix == ".jsonl":
        from twsprobe.capture import jsonl

        return jsonl.Writer
    if suffix == ".pcap":
        from twsprobe.capture import pcap_writing

        return pcap_writing.Writer
    from twsprobe.capture import pcapng_writing

    return pcapng_writing.Writer


def _packer(suffix: str, path: str) -> Packer | None:
    if not suffix:
        return None
    from twsprobe.capture import packing

    if suffix == ".gz":
        return packing.Gzip()
    try:
        return packing.Zstandard()
    except ImportError:
        raise CaptureError(path, 0, "this installation cannot compress with zstd: install twsprobe[zstd], or choose .gz") from None
