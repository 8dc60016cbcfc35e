"""`events --all` while clients come, go, are kicked and fail to authenticate."""

import re
import signal

from raw_client import until

from .side import ORDERS, SYSTEM, USER, WRONG, printed

WATCHED = ["$SYS.ACCOUNT.*.CONNECT", "$SYS.ACCOUNT.*.DISCONNECT", "$SYS.SERVER.*.CLIENT.AUTH.ERR"]
TEXT = r"^(?=\[<time>\] \[<event id>\])"
# A format's flags, what begins an event in it once it is normalised, and what only the end of a client prints.
FORMATS = {
    "events --all": (TEXT, "] Client Disconnection\n"),
    "events --all --short": (r"^(?=<time> \[)", " [Disconnection] "),
    "events --all --json": (r"^(?=\{)", '"io.nats.server.advisory.v1.client_disconnect"'),
    "events --all --cloudevent": (r"^(?=\{)", "client_disconnect.json"),
    "events --all --filter stranger": (TEXT, None),
}


def events(side, control):
    watches = {name: side.start([*SYSTEM, *name.split()]) for name in FORMATS}
    until(lambda: all(control.subjects().count(subject) == len(FORMATS) for subject in WATCHED), "the watchers")

    def gone(count):
        for name, (_, end) in FORMATS.items():
            if end:
                until(lambda: printed(watches[name][1]).count(end) >= count, f"{count} ends of clients in {name}")

    try:
        with side.client(USER, "visitor") as visitor:
            visitor.send(b"SUB visit 1", b"PUB visit 5", b"hello")
            visitor.flush()
        gone(1)
        side.run("pub beside events", [*USER, "pub", "news.today", "hello"])
        gone(2)
        side.run("refused pub beside events", [*WRONG, "--connection-name", "stranger", "pub", "news.today", "x"])
        # A refused client shows to the operator and, since 2.12, to the global account.
        version = tuple(map(int, visitor.info["version"].split(".")[:2]))
        refused = 2 if version >= (2, 12) else 1
        gone(2 + refused)
        with side.client(ORDERS, "kicked") as kicked:
            side.names["kicked"] = str(kicked.info["client_id"])
            side.commands(SYSTEM, "server request kick {kicked} {id}")
            kicked.closed()
        # The one that was kicked, and the one that asked for it.
        gone(4 + refused)
        with side.client(ORDERS, "faulty") as faulty:
            faulty.send(b"NONSENSE")
            faulty.closed()
        gone(5 + refused)
    finally:
        for name, watch in watches.items():
            watch[0].send_signal(signal.SIGINT)
            side.finish(name, watch, lambda text, start=FORMATS[name][0]: in_order_of_clients(text, start))


def in_order_of_clients(text, start):
    """natscli prints the events of each subject from a thread of its own, so only the order within a subject is given.
    Arrivals of natscli itself as an operator are events that it may or may not be in time to see."""
    own = re.compile(r'Account: SYS$|"acc": "SYS"|account SYS\b', re.MULTILINE)
    head, *blocks = re.split(start, text, flags=re.MULTILINE)
    blocks = [block.rstrip() for block in blocks if not own.search(block)]

    def key(block):
        return int(re.search(r"(?<![a-z])(?:ID|cid|\"id\"): (\d+)", block)[1]), "isconnect" in block, block

    return "\n\n".join([head.rstrip(), *sorted(blocks, key=key)]) + "\n"
