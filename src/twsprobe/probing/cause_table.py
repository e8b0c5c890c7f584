"""The causes that keep a client from the session: name, TCP, forwarders, trusted addresses, other services, versions.

Each cause says what is wrong, what to do, where that is known from, and which clues speak for and against it. Which signature a
cause explains, and before which others, is in `causes`. The causes of a session that has begun are in `cause_table_session`.
Rule: a clue raises a cause to `PROVEN` only when it is the wire's own word. What only a document or a thread says is at most likely.
Known doubts, where sources disagree or are silent: whether the port listens before the login is finished; whether an untrusted
address is refused or asked about (it depends on "Allow connections from localhost only" and on the build); what the 33rd client sees;
whether ::1 counts as trusted.
"""

from collections.abc import Mapping
from types import MappingProxyType

from twsprobe.probing.cause_table_session import SESSION_CAUSES
from twsprobe.probing.clues import Clue
from twsprobe.probing.judgement import Cause, Confidence
from twsprobe.probing.signatures import Layer

_PROVEN, _LIKELY, _POSSIBLE, _EXCLUDED = Confidence

_API_SETTINGS = "File > Global Configuration > API > Settings"
_IN_GATEWAY = "In IB Gateway the way is Configure > Settings > API > Settings."
_API_PORTS = "TWS uses 7496 (live) and 7497 (paper), IB Gateway 4001 (live) and 4002 (paper)"

_WHERE: tuple[Cause, ...] = (
    Cause(
        "name-scope",
        "The name is known only elsewhere, such as a container service name used outside its network.",
        "From a container use the service name of the compose file. From the host use 127.0.0.1 and the published port.",
        "ib-gateway-docker#34",
        for_=((Clue.SINGLE_LABEL_NAME, _LIKELY),),
        against=((Clue.DOTTED_NAME, _POSSIBLE),),
    ),
    Cause(
        "name-unknown",
        "The name is misspelt, or this machine's name server does not know it.",
        "Check the spelling, or use the address itself: 127.0.0.1 when TWS runs on this machine.",
        "inferred",
        for_=((Clue.DOTTED_NAME, _LIKELY),),
    ),
    Cause(
        "wrong-port",
        "TWS or IB Gateway listens on another port than this one.",
        f"Use the socket port shown in {_API_SETTINGS}. {_IN_GATEWAY} {_API_PORTS}.",
        "backtrader#217, ib-gateway-docker#223, thetagang#176",
        for_=((Clue.SIBLING_LISTENING, _LIKELY), (Clue.UNKNOWN_PORT, _LIKELY)),
        against=(
            (Clue.NO_API_LISTENER, _POSSIBLE),
            (Clue.CONTAINER_LOOPBACK, _POSSIBLE),
            (Clue.PLACEHOLDER_ADDRESS, _POSSIBLE),
        ),
    ),
    Cause(
        "live-paper-mixup",
        "Live and paper are mixed up: the application runs in the other mode than this port stands for.",
        f"Use the port of the mode you are logged in to, or log in to the other mode. {_API_PORTS}. Under IBC check TradingMode.",
        "backtrader#217, ibrest#7",
        for_=((Clue.SIBLING_OTHER_MODE, _LIKELY), (Clue.MODE_MISMATCH, _LIKELY)),
        against=((Clue.NO_API_LISTENER, _POSSIBLE),),
    ),
    Cause(
        "container-port-mapping",
        "The container publishes another port than the one used here.",
        "In the gnzsnz image publish 4001:4003 (live) and 4002:4004 (paper). Use 4001 or 4002 from the host, "
        "4003 or 4004 from another container.",
        "ib-gateway-docker#223, extrange/ibkr-docker#108",
        for_=((Clue.FORWARDED_PORT, _LIKELY),),
    ),
    Cause(
        "app-not-running",
        "TWS or IB Gateway is not running.",
        "Start TWS or IB Gateway and log in. In a container check that it is up: docker ps, then docker logs.",
        "manhinhang/ib-gateway-docker#60, mmr#4, thetagang#300",
        for_=((Clue.NO_API_LISTENER, _LIKELY),),
        against=(
            (Clue.SIBLING_LISTENING, _POSSIBLE),
            (Clue.CONTAINER_LOOPBACK, _POSSIBLE),
            (Clue.PLACEHOLDER_ADDRESS, _POSSIBLE),
        ),
    ),
    Cause(
        "app-starting",
        "TWS or IB Gateway has started but is not ready to serve the API yet.",
        'Wait until the login has completed (IBC logs "Login has completed"), then try again after 10 to 30 seconds.',
        "Lean.Brokerages.InteractiveBrokers#151, ib_insync#303",
        for_=((Clue.CLOSED_WITH_RESET, _POSSIBLE),),
    ),
    Cause(
        "login-unfinished",
        "The login is not finished: a password, second factor or session dialog is waiting.",
        'Look at the screen or VNC of the application and finish the login. Answer "Existing session detected" and the '
        "second factor prompt on your phone. Under IBC set ExistingSessionDetectedAction.",
        "ib-gateway-docker#77, osauer/ibkr README",
    ),
    Cause(
        "api-not-enabled",
        "The API is switched off in TWS.",
        f'Tick "Enable ActiveX and Socket Clients" in {_API_SETTINGS}, then Apply. Check that it stays ticked after the next login.',
        "IBC#120, osauer/ibkr README, IBKR docs: settings",
        for_=((Clue.TWS_PORT, _POSSIBLE),),
        against=(
            (Clue.GATEWAY_PORT, _POSSIBLE),
            (Clue.SIBLING_LISTENING, _POSSIBLE),
            (Clue.CONTAINER_LOOPBACK, _POSSIBLE),
            (Clue.PLACEHOLDER_ADDRESS, _POSSIBLE),
        ),
    ),
    Cause(
        "container-loopback",
        "The client runs in a container and calls the container's own 127.0.0.1, where no TWS is.",
        "Use the service name of the gateway's container and its forwarder port (4003 live, 4004 paper). "
        "For a TWS on the host use host.docker.internal.",
        "extrange/ibkr-docker#16, ib-gateway-docker#223",
        for_=((Clue.CONTAINER_LOOPBACK, _LIKELY),),
        against=((Clue.REMOTE_PEER, _EXCLUDED),),
    ),
    Cause(
        "wrong-address",
        "The address is wrong: no TWS is there.",
        "Use 127.0.0.1 when TWS runs on this machine, otherwise the address of the machine that runs it (never 0.0.0.0). "
        "In WSL2 that is the address of Windows.",
        "IBpy#25, ib-gateway-docker#77",
        for_=((Clue.PLACEHOLDER_ADDRESS, _LIKELY),),
        against=((Clue.NO_ROUTE, _POSSIBLE),),
    ),
    Cause(
        "nightly-restart",
        "The application is in its daily restart, or stays down after the weekly login expired.",
        "Wait a few minutes and try again. If it stays down, log in by hand with the second factor. "
        "Under IBC check AutoRestartTime, AutoLogoffTime and ColdRestartTime.",
        "nautilus_trader#1622, Lean.Brokerages.InteractiveBrokers#246, ib-gateway-docker#77",
        for_=((Clue.PEER_CLOSED, _POSSIBLE),),
    ),
    Cause(
        "ipv6-localhost",
        "localhost stands for ::1 here, which a forwarder may not serve and a trusted 127.0.0.1 may not cover.",
        "Use 127.0.0.1 in place of localhost or the machine's name.",
        "ib_insync#381, listeners measured on loopback",
        for_=((Clue.IPV6_LOOPBACK, _POSSIBLE), (Clue.IPV6_PEER, _POSSIBLE), (Clue.NAME_RESOLVED_TO_SEVERAL, _POSSIBLE)),
    ),
    Cause(
        "firewall",
        "A firewall drops the packets on the way.",
        "Allow this TCP port in the firewall of the machine that runs TWS. From WSL2 allow the WSL interface in Windows Defender; "
        "in a cloud open the security group.",
        "WSL#4139, WSL#4585",
        for_=((Clue.REMOTE_PEER, _LIKELY),),
        against=((Clue.LOOPBACK_PEER, _EXCLUDED), (Clue.NO_ROUTE, _POSSIBLE)),
    ),
    Cause(
        "accept-queue-full",
        "The application no longer accepts connections: its queue of 50 waiting ones is full.",
        "Restart TWS or IB Gateway. Stop clients that connect again and again, and let them close their sockets in order.",
        "ib-gateway-docker#77, ib_insync#386, measured on loopback",
        for_=((Clue.LOOPBACK_PEER, _LIKELY),),
    ),
    Cause(
        "network-down",
        "This machine has no route to that network: a VPN, bridge or address family is missing.",
        "Check the network of this machine: the VPN or bridge, and whether it has IPv6 when the address is an IPv6 one.",
        "connect(2), measured between namespaces",
        for_=((Clue.NO_ROUTE, _LIKELY),),
    ),
)

_ACCEPTANCE: tuple[Cause, ...] = (
    Cause(
        "forwarder-dead-backend",
        "A forwarder (socat, docker-proxy, ssh) accepted the connection, but nothing listens behind it.",
        "Start TWS or IB Gateway behind the forwarder and finish its login. Then check that the forwarder's target port "
        "is the API port (in the gnzsnz image 4003 to 4001, 4004 to 4002).",
        "ib-gateway-docker#34, moby#53357, measured on loopback",
        layer=Layer.TCP,
        for_=((Clue.CLOSED_BEFORE_SENDING, _LIKELY), (Clue.CLOSED_WITHIN_50_MS, _POSSIBLE), (Clue.FORWARDED_PORT, _LIKELY)),
        against=((Clue.OPEN_BEFORE_SENDING, _LIKELY),),
    ),
    Cause(
        "forwarder-backend-hangs",
        "A forwarder accepted the connection, but its own connection to TWS gets no answer.",
        "Restart the application behind the forwarder, and check the address that the forwarder connects to.",
        "ib-gateway-docker#77, UnusualAlpha/ib-gateway-docker#52, measured on loopback",
        layer=Layer.TCP,
        for_=((Clue.FORWARDED_PORT, _POSSIBLE),),
    ),
    Cause(
        "untrusted-address",
        "TWS does not trust the address that this connection comes from.",
        f'In {_API_SETTINGS} untick "Allow connections from localhost only" and add the address to "Trusted IPs" '
        f"(single addresses, no subnets). {_IN_GATEWAY} Under IBC list it in TrustedTwsApiClientIPs. "
        "Or put a forwarder that connects from loopback on that machine.",
        "IBKR docs: connectivity, ib-controller#197, Jib.jl#43, rust-ibapi#286",
        layer=Layer.TRUSTED_IP,
        for_=((Clue.REMOTE_SOURCE, _LIKELY), (Clue.IPV6_PEER, _POSSIBLE)),
        against=(
            (Clue.LOOPBACK_SOURCE, _EXCLUDED),
            (Clue.CLOSED_BEFORE_SENDING, _POSSIBLE),
            (Clue.FORWARDED_PORT, _POSSIBLE),
            (Clue.CLIENT_PORTAL_PORT, _POSSIBLE),
        ),
    ),
    Cause(
        "dialog-pending",
        'TWS shows "Accept incoming connection attempt" and waits for someone to answer it.',
        'Answer the dialog on the screen or VNC. To avoid it, add the address to "Trusted IPs", or under IBC set '
        "AcceptIncomingConnectionAction=accept (gnzsnz image: TWS_ACCEPT_INCOMING=accept).",
        "ib_async#18, extrange/ibkr-docker#16",
        layer=Layer.TRUSTED_IP,
        for_=((Clue.REMOTE_SOURCE, _LIKELY), (Clue.IPV6_PEER, _POSSIBLE)),
        against=(
            (Clue.LOOPBACK_SOURCE, _EXCLUDED),
            (Clue.FORWARDED_PORT, _POSSIBLE),
            (Clue.CLIENT_PORTAL_PORT, _POSSIBLE),
        ),
    ),
    Cause(
        "dialog-refused",
        "The incoming connection was refused by someone at the dialog, or by IBC.",
        'Add the address to "Trusted IPs", or under IBC change AcceptIncomingConnectionAction=reject to accept.',
        "IBC config.ini",
        layer=Layer.TRUSTED_IP,
        for_=((Clue.REMOTE_SOURCE, _POSSIBLE),),
        against=((Clue.LOOPBACK_SOURCE, _EXCLUDED),),
    ),
    Cause(
        "container-inner-port",
        "The port leads straight to the application inside a container, which then sees an untrusted bridge address.",
        "Publish the forwarder's port, not the application's: 4001:4003 and 4002:4004 in the gnzsnz image. "
        "From another container use 4003 or 4004.",
        "ib-gateway-docker#324, extrange/ibkr-docker#16",
        layer=Layer.TRUSTED_IP,
        for_=((Clue.DIRECT_PORT, _POSSIBLE),),
        against=((Clue.FORWARDED_PORT, _EXCLUDED),),
    ),
    Cause(
        "too-many-clients",
        "32 clients are connected already, which is the limit of one TWS or IB Gateway.",
        "Disconnect clients that are not needed, and share one connection among programs.",
        "IBKR docs: connectivity, ibsync#5",
    ),
    Cause(
        "api-wedged",
        "The API of TWS hangs: the port still accepts, but nothing behind it answers.",
        "Restart TWS or IB Gateway. Stop clients that reconnect in a loop, and let them close their sockets in order.",
        "ib_insync#386, ib-gateway-docker#336, nautilus_trader#2841",
        against=((Clue.CLIENT_PORTAL_PORT, _POSSIBLE),),
    ),
    Cause(
        "app-frozen",
        "The application itself is frozen: it is out of memory, or its machine sleeps.",
        "Restart it and give it more memory (-Xmx in tws.vmoptions or ibgateway.vmoptions). Keep its machine awake.",
        "ib-gateway-docker#149, IBAutomater#62",
        against=((Clue.PEER_CLOSED, _EXCLUDED),),
    ),
    Cause(
        "rapid-reconnect",
        "The client came back too soon, before TWS had cleared its previous connection.",
        "Wait 3 seconds after a disconnect (30 after several failed tries), or use another client id.",
        "ib_insync#376, Lean.Brokerages.InteractiveBrokers#152, osauer/canary",
    ),
    Cause(
        "greeting-not-understood",
        "TWS does not understand the client's greeting, which is malformed, of an old form, or offers too much.",
        "Offer an ordinary version range such as 100..226, or a lower one, and no connect options. "
        "Replace IbPy and other clients that send no API prefix.",
        "IbPy#57, IBKR's reference clients",
        against=((Clue.ORDINARY_OFFER, _POSSIBLE),),
    ),
)

_SERVICES: tuple[Cause, ...] = (
    Cause(
        "web-server",
        "A web server answers on this port, and TWS does not speak HTTP.",
        f"Use the socket port of TWS or IB Gateway. {_API_PORTS}.",
        "ib_insync#578, rib#12",
        for_=((Clue.SERVICE_HTTP, _PROVEN),),
    ),
    Cause(
        "client-portal",
        "This is the Client Portal Gateway, which offers another API than TWS.",
        f"Use the socket port of TWS or IB Gateway. {_API_PORTS}.",
        "ib_insync#578, rib#12",
        for_=((Clue.CLIENT_PORTAL_PORT, _LIKELY),),
    ),
    Cause(
        "tls-service",
        "A TLS service answers on this port, and the TWS API is plain TCP.",
        f"Use the plain socket port of TWS or IB Gateway, not a secured web port or tunnel. {_API_PORTS}.",
        "measured on loopback",
        for_=((Clue.SERVICE_TLS, _PROVEN),),
    ),
    Cause(
        "ssh-server",
        "An SSH server answers on this port.",
        "Use the port that the SSH tunnel forwards to TWS, not that of the SSH server itself.",
        "inferred",
        for_=((Clue.SERVICE_SSH, _PROVEN),),
    ),
    Cause(
        "vnc-server",
        "A VNC server answers on this port: it shows the screen of TWS and is not the API.",
        f"Use the socket port of TWS or IB Gateway (5900 is the screen). {_API_PORTS}.",
        "inferred",
        for_=((Clue.VNC_BANNER, _PROVEN),),
    ),
    Cause(
        "ibc-command-server",
        "IBC's command server answers on this port, not the API.",
        f"Use the socket port of TWS or IB Gateway. {_API_PORTS}.",
        "IBC config.ini",
        for_=((Clue.COMMAND_SERVER_PORT, _LIKELY),),
    ),
    Cause(
        "other-service",
        "Another program than TWS has this port.",
        f"Find out which program has this port, and use the one of TWS or IB Gateway. {_API_PORTS}.",
        "ib_insync#578, rib#12",
        for_=((Clue.SERVICE_OTHER, _PROVEN), (Clue.UNKNOWN_PORT, _POSSIBLE)),
    ),
)

_VERSIONS: tuple[Cause, ...] = (
    Cause(
        "redirect",
        "TWS sends its clients on to another address; few clients follow, and this one does not.",
        "Connect to the address that the server named, if you know and trust it.",
        "IBKR's reference clients (Java 10.32, C++ 10.30)",
        for_=((Clue.REDIRECT_NAMED, _PROVEN),),
    ),
    Cause(
        "server-too-old",
        "TWS or IB Gateway is too old for this client.",
        "Update TWS or IB Gateway (clients that speak protobuf only need server version 213), or use an older client.",
        "rust-ibapi#492, rust-ibapi#527, ib_async#185",
        for_=((Clue.SERVER_BELOW_OFFER, _PROVEN),),
        against=((Clue.SERVER_ABOVE_OFFER, _EXCLUDED),),
    ),
    Cause(
        "version-above-offer",
        "The server answered with a higher version than it was offered.",
        "Update the client, or offer a higher maximum. Check that no forwarder or recording stands in for TWS.",
        "IBKR's reference clients",
        for_=((Clue.SERVER_ABOVE_OFFER, _PROVEN),),
    ),
    Cause(
        "client-too-old",
        "The client is too old for this TWS, which may ask for an upgrade and withhold data.",
        "Update the client library; IBKR withdrew its support for versions before 10.30.1 in 2025.",
        "node-ib#131, mvberg/ib-gateway-docker#3",
        for_=((Clue.OLD_OFFER, _POSSIBLE),),
    ),
)

CAUSES: Mapping[str, Cause] = MappingProxyType(
    {cause.id: cause for cause in (*_WHERE, *_ACCEPTANCE, *_SERVICES, *_VERSIONS, *SESSION_CAUSES)}
)
"""Every cause by its id."""
