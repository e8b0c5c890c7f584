"""Signatures: what was seen on the wire, as a closed list. A signature is a fact; why it happened is a cause (`causes`)."""

from enum import Enum


class Stage(Enum):
    """The steps of one run, in order; the first that fails ends it. `sync` and `config` run on request only."""

    RESOLVE = "resolve"
    CONNECT = "connect"
    HANDSHAKE = "handshake"
    START = "start"
    READY = "ready"
    SYNC = "sync"
    CONFIG = "config"


class Layer(Enum):
    """Where the fault lies: below TWS, before it speaks, in its check of addresses, or in the session."""

    TCP = "tcp"
    HANDSHAKE = "handshake"
    TRUSTED_IP = "trusted-ip"
    SESSION = "session"


class Signature(Enum):
    """How a run ended. Values are the slugs that reports and captures use."""

    READY = "ready"
    NAME_UNRESOLVED = "name-unresolved"
    TCP_REFUSED = "tcp-refused"
    TCP_TIMEOUT = "tcp-timeout"
    TCP_UNREACHABLE = "tcp-unreachable"
    CLOSED_BEFORE_PREFIX = "closed-before-prefix"
    CLOSED_AFTER_PREFIX = "closed-after-prefix"
    SILENT_HANDSHAKE = "silent-handshake"
    NOT_TWS = "not-tws"
    FRAME_INVALID = "frame-invalid"
    FRAME_INCOMPLETE = "frame-incomplete"
    REDIRECTED = "redirected"
    VERSION_UNSUPPORTED = "version-unsupported"
    SILENT_START = "silent-start"
    PARTIAL_START = "partial-start"
    CLOSED_AFTER_START = "closed-after-start"
    CLIENT_ID_IN_USE = "client-id-in-use"
    PAPER_DISCLAIMER = "paper-disclaimer"
    REJECTED = "rejected"
    MALFORMED_START = "malformed-start"
    BACKEND_LOST = "backend-lost"
    SYNC_STALLED = "sync-stalled"
    CLOSED_DURING_SYNC = "closed-during-sync"

    @property
    def stage(self) -> Stage | None:
        """The stage that fails with this signature; None for `ready`."""
        return _FACTS[self][0]

    @property
    def exit_code(self) -> int:
        """What the program returns to the shell: 0 for `ready`, otherwise one code a signature, from 10 up."""
        return _FACTS[self][1]

    @property
    def sentence(self) -> str:
        """One plain sentence for a user; `{host}`, `{port}`, `{elapsed}` and the like are filled in by `Observation.sentence`."""
        return _FACTS[self][2]

    @property
    def layer(self) -> Layer | None:
        """The layer that the stage works on, for causes that do not name another; None for `ready`."""
        return None if self.stage is None else _STAGE_LAYERS[self.stage]


_FACTS: dict[Signature, tuple[Stage | None, int, str]] = {
    Signature.READY: (None, 0, "The API on {host}, port {port}, is ready for clients."),
    Signature.NAME_UNRESOLVED: (Stage.RESOLVE, 10, "This machine finds no address for the name {host}."),
    Signature.TCP_REFUSED: (Stage.CONNECT, 11, "Nothing accepts connections on {host}, port {port}."),
    Signature.TCP_TIMEOUT: (Stage.CONNECT, 12, "The attempt to connect to port {port} got no answer at all."),
    Signature.TCP_UNREACHABLE: (Stage.CONNECT, 13, "This machine has no way to reach {host}."),
    Signature.CLOSED_BEFORE_PREFIX: (Stage.HANDSHAKE, 14, "The connection was accepted, then closed before anything was sent."),
    Signature.CLOSED_AFTER_PREFIX: (Stage.HANDSHAKE, 15, "The connection was accepted, then closed without an answer to the API greeting."),
    Signature.SILENT_HANDSHAKE: (Stage.HANDSHAKE, 16, "The port is open, but nothing answers the API greeting."),
    Signature.NOT_TWS: (Stage.HANDSHAKE, 17, "{service} answers on port {port}, not TWS."),
    Signature.FRAME_INVALID: (Stage.HANDSHAKE, 18, "The answer on port {port} is no TWS message."),
    Signature.FRAME_INCOMPLETE: (Stage.HANDSHAKE, 19, "The answer began, but its first message never became complete."),
    Signature.REDIRECTED: (Stage.HANDSHAKE, 20, "The server told this client to connect to another address instead."),
    Signature.VERSION_UNSUPPORTED: (Stage.HANDSHAKE, 21, "The server answered with {version}, which the range offered does not cover."),
    Signature.SILENT_START: (Stage.START, 22, "The server greeted this client, then ignored its request to start."),
    Signature.PARTIAL_START: (Stage.START, 23, "The session started only in part: {missing} never came."),
    Signature.CLOSED_AFTER_START: (Stage.START, 24, "The server closed the connection when the session started, and gave no reason."),
    Signature.CLIENT_ID_IN_USE: (Stage.START, 25, "{client_id} is in use by another connection."),
    Signature.PAPER_DISCLAIMER: (Stage.START, 26, "The paper trading disclaimer has not been accepted in this session."),
    Signature.REJECTED: (Stage.START, 27, "The server refused the session with {code}, then closed the connection."),
    Signature.MALFORMED_START: (Stage.START, 28, "A message at the start of the session could not be understood."),
    Signature.BACKEND_LOST: (Stage.READY, 29, "The API works, but TWS has lost its own link to IBKR."),
    Signature.SYNC_STALLED: (Stage.SYNC, 30, "{request} was never answered in full: {end} did not come."),
    Signature.CLOSED_DURING_SYNC: (Stage.SYNC, 31, "The server closed the connection while account data was loading."),
}

_STAGE_LAYERS: dict[Stage, Layer] = {
    Stage.RESOLVE: Layer.TCP,
    Stage.CONNECT: Layer.TCP,
    Stage.HANDSHAKE: Layer.HANDSHAKE,
    Stage.START: Layer.SESSION,
    Stage.READY: Layer.SESSION,
    Stage.SYNC: Layer.SESSION,
    Stage.CONFIG: Layer.SESSION,
}
