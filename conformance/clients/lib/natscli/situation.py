"""Servers and clients whose traffic is known to the byte, so that every count can be compared."""

import contextlib

from raw_client import until

from .side import LIMITED, ORDERS, SYSTEM, USER, WRONG

CONFIGURATION = """
server_name: one
server_tags: ["region:eu", "disk:ssd"]
accounts {
  USERS {
    users: [
      { user: a, password: a }
      { user: limited, password: limited
        permissions: { publish: { deny: "forbidden.>" }, subscribe: { deny: "secret.>" } } }
    ]
  }
  ORDERS {
    users: [
      { user: o, password: o, permissions: { publish: [ "invoice.>", "$SYS.>", "$JS.>" ], allow_responses: true } }
    ]
  }
  SYS { users: [ { user: admin, password: changeit } ] }
}
system_account: SYS
"""
RELOADED = CONFIGURATION.replace("users: [", "users: [ { user: b, password: b }", 1)
BROKEN = CONFIGURATION.replace("system_account: SYS", "system_account: NONE")
PLAIN = "server_name: plain\n"


@contextlib.contextmanager
def clients(side):
    """Clients that left, then four that stay. No two accounts, and no two clients of USERS, have a count in common, as
    equal ones come in any order; natscli itself sends two requests of some 200 bytes and gets some 750 bytes back."""
    left(side)
    with (side.client(USER, "first") as first, side.client(USER, "second") as second,
          side.client(LIMITED, "third") as third, side.client(ORDERS, "orders") as orders):
        first.send(b"SUB one 1", b"SUB two 2", b"SUB three.* 3", b"SUB four.> queue 4")
        first.flush()
        second.send(b"SUB one 1", b"SUB five 2")
        second.flush()
        third.send(b"PUB one 5", b"hello", b"PUB nobody 3", b"bye",
                   b"HPUB two 24 27", b"NATS/1.0\r\nKey: value\r\n", b"abc")
        third.flush()
        first.send(*[b"PUB five 4", b"done"] * 2)
        first.flush()
        # What delivers to a client is the last activity of both; this one is of one.
        second.send(b"SUB six 3")
        second.flush()
        orders.send(b"SUB invoice.* 1", b"SUB audit 2", *[b"PUB invoice.new 100", b"x" * 100] * 3,
                    *[b"PUB invoice.paid.late 100", b"x" * 100] * 3)
        for client in first, second, third, orders:
            client.measured()
        side.names |= {"id": first.info["server_id"], "cid": str(third.info["client_id"])}
        yield


def left(side):
    """Clients that are closed for different reasons, one after the other."""
    sockets = side.sockets()

    def gone():
        until(lambda: side.sockets() <= sockets, "a connection to be closed")

    with side.client(USER, "visitor") as client:
        client.send(b"SUB visit 1", b"PUB visit 5", b"hello")
        client.flush()
    gone()
    for operation in b"PUB big 2000000", b"NONSENSE", b"PUB " + b"x" * 5000 + b" 1":
        with side.client(ORDERS, "faulty") as client:
            client.send(operation)
            client.closed()
        gone()
    with contextlib.suppress(ConnectionError):
        side.client(WRONG, "stranger")
    gone()
    with side.client(SYSTEM, "operator"):
        pass
    gone()
