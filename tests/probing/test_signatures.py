"""Signatures: the closed list, its stages, exit codes and sentences."""

from twsprobe.probing.signatures import Layer, Signature, Stage

EXPECTED = {
    "ready": (None, 0),
    "name-unresolved": (Stage.RESOLVE, 10),
    "tcp-refused": (Stage.CONNECT, 11),
    "tcp-timeout": (Stage.CONNECT, 12),
    "tcp-unreachable": (Stage.CONNECT, 13),
    "closed-before-prefix": (Stage.HANDSHAKE, 14),
    "closed-after-prefix": (Stage.HANDSHAKE, 15),
    "silent-handshake": (Stage.HANDSHAKE, 16),
    "not-tws": (Stage.HANDSHAKE, 17),
    "frame-invalid": (Stage.HANDSHAKE, 18),
    "frame-incomplete": (Stage.HANDSHAKE, 19),
    "redirected": (Stage.HANDSHAKE, 20),
    "version-unsupported": (Stage.HANDSHAKE, 21),
    "silent-start": (Stage.START, 22),
    "partial-start": (Stage.START, 23),
    "closed-after-start": (Stage.START, 24),
    "client-id-in-use": (Stage.START, 25),
    "paper-disclaimer": (Stage.START, 26),
    "rejected": (Stage.START, 27),
    "malformed-start": (Stage.START, 28),
    "backend-lost": (Stage.READY, 29),
    "sync-stalled": (Stage.SYNC, 30),
    "closed-during-sync": (Stage.SYNC, 31),
}


def test_slugs_stages_and_exit_codes() -> None:
    assert {signature.value: (signature.stage, signature.exit_code) for signature in Signature} == EXPECTED


def test_stages_come_in_the_order_of_a_run() -> None:
    assert [stage.value for stage in Stage] == ["resolve", "connect", "handshake", "start", "ready", "sync", "config"]


def test_layers() -> None:
    assert [layer.value for layer in Layer] == ["tcp", "handshake", "trusted-ip", "session"]
    assert Signature.NAME_UNRESOLVED.layer is Signature.TCP_REFUSED.layer is Layer.TCP
    assert Signature.SILENT_HANDSHAKE.layer is Layer.HANDSHAKE
    assert Signature.REJECTED.layer is Signature.SYNC_STALLED.layer is Layer.SESSION
    assert Signature.READY.layer is None
