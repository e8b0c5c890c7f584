"""Bytes of a peer to text."""


def text_of(data: bytes) -> str:
    """Decode text whose code page nobody announced: UTF-8 where it is that, otherwise Latin-1, one character a byte. Never fails."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
