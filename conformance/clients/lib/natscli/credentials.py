"""natscli with credentials of an operator, with nkeys, and with certificates, as flags and in contexts."""

import pathlib
import shlex

from raw_client import RawClient, until

from .servers import in_order_of_subjects

CERTIFICATES = pathlib.Path(__file__).resolve().parents[4] / "fixtures/tls"

# What everybody asks, what only the system account may, and what those are told who may not even connect.
OWN = """
pub orders.new hello
pub secret hello
account info
account tls
rtt
"""
SYSTEM = """
server list
server ping
server info one
server report accounts
server report connections --sort cid
server report connections --sort cid --json
server report connections --state closed --sort cid --filter '{others}'
server request connections --sort cid
server request accounts
server request variables
server check server --name one --auth-required
server check connection
"""
SYSTEM_OVER_TLS = """
--timeout 1s server list
--timeout 1s server report connections --json
--timeout 1s server report connections --state closed --sort cid --filter '{others}'
--timeout 1s server request connections --sort cid
--timeout 1s account tls
"""
OF_ACCOUNT = """
server report connections --account {account} --sort cid
server request accounts --account {account}
server account info {account}
"""
REFUSED = """
pub orders.new hello
server list
account info
"""


# natscli may leave something unread when it goes, which a server may or may not hear of as an error.
OTHERS = 'Conn.Reason != "Client Closed" && Conn.Reason != "Read Error"'


class Known:
    """Who natscli may be on a side: flags, by the name that outputs go by."""

    def __init__(self, side):
        self.side, self.flags = side, {}
        side.names["others"] = OTHERS

    def add(self, name, *flags):
        self.flags[name] = tuple(map(str, flags))
        self.side.who[self.flags[name]] = f" as {name}"

    def commands(self, name, lines, arrange=str, when=""):
        self.side.commands(self.flags[name], lines, arrange, when)

    def application(self, one, other, control):
        """A subscription and a service of one, used by another."""
        side = self.side
        sub = side.start([*self.flags[one], "sub", "orders.*", "--count", "1"])
        until(lambda: "orders.*" in control.subjects(), "the subscription")
        self.commands(other, "pub orders.new hello", when=" to a subscriber")
        side.finish(f"sub as {one}", sub)
        reply = side.start([*self.flags[one], "reply", "orders.service", "answer", "--count", "1"])
        until(lambda: "orders.service" in control.subjects(), "the service")
        self.commands(other, "req orders.service question")
        side.finish(f"reply as {one}", reply)


def with_operator(side, operator):
    """Users of an operator, by their credentials."""
    known = Known(side)
    for name in "alice", "limited", "bearer", "forged", "revoked", "late", "stranger", "system":
        known.add(name, "--creds", operator.creds(name))
    known.add("a token", "--jwt", operator.folder / "bearer.jwt")
    known.add("nobody")
    side.names["account"] = operator.account("SHOP")
    for name in "alice", "limited", "bearer", "a token":
        known.commands(name, OWN)
    for name in "forged", "revoked", "late", "stranger", "nobody":
        known.commands(name, REFUSED)
    known.commands("alice", "--timeout 300ms server list")
    known.commands("system", OWN)
    with RawClient(side.port, "", "", "tool", jwt=operator.token("bearer")) as tool:
        # More than natscli has, as accounts with equal counts come in any order.
        tool.send(b"SUB orders.tool 1", b"SUB orders.more 2")
        tool.measured()
        known.commands("system", SYSTEM)
        known.commands("system", OF_ACCOUNT, in_order_of_subjects)
    # How often it has to ask is open, so it comes last.
    with RawClient(side.port, "", "", "control", jwt=operator.token("control")) as control:
        known.application("alice", "bearer", control)


def keys(operator):
    """A configuration with the keys of users in it."""
    return f"""
server_name: one
accounts {{
  SHOP {{ users: [ {{ nkey: {operator.key("user")}, permissions: {{ publish: {{ deny: secret }} }} }}
                   {{ user: tool, password: tool }} ] }}
  SYS {{ users: [ {{ nkey: {operator.key("system")} }}, {{ user: control, password: control }} ] }}
}}
system_account: SYS
"""


def with_keys(side, operator):
    """Users that are nkeys."""
    known = Known(side)
    for name in "user", "system", "stranger":
        known.add(f"the key of {name}", "--nkey", operator.folder / f"{name}.nk")
    known.add("a tool", "--user", "tool", "--password", "tool")
    side.names["account"] = "SHOP"
    known.commands("the key of user", OWN)
    known.commands("the key of stranger", REFUSED)
    with RawClient(side.port, "tool", "tool", "tool") as tool:
        tool.send(b"SUB orders.tool 1", b"SUB orders.more 2")
        tool.measured()
        known.commands("the key of system", SYSTEM)
        known.commands("the key of system", OF_ACCOUNT, in_order_of_subjects)
    with RawClient(side.port, "control", "control", "control") as control:
        known.application("the key of user", "a tool", control)


def certificates(block):
    """A configuration with TLS."""
    return f"""
server_name: one
tls {{
  cert_file: "{CERTIFICATES}/server.pem", key_file: "{CERTIFICATES}/server-key.pem", ca_file: "{CERTIFICATES}/ca.pem"
  {block}
}}
accounts {{
  SHOP {{ users: [ {{ user: a, password: a }}, {{ user: "email@test.example" }}, {{ user: "CN=client" }} ] }}
  SYS {{ users: [ {{ user: admin, password: changeit }}, {{ user: "dns.test.example" }} ] }}
}}
system_account: SYS
"""


# What a server wants of TLS, by what is said of outputs. Where a client may wait for INFO in vain, the server loses its
# patience before natscli does after two seconds.
KINDS = {" over TLS": "", " over mutual TLS": "verify: true", " over mapped TLS": "verify_and_map: true",
         " over TLS first": "handshake_first: true, timeout: 1", " over TLS first or not": "handshake_first: auto"}
ONE = ("--user", "a", "--password", "a")
WRONG = ("--user", "a", "--password", "wrong")
ADMIN = ("--user", "admin", "--password", "changeit")


def authority(name):
    return "--tlsca", CERTIFICATES / f"{name}.pem"


def certificate(name):
    return *authority("ca"), "--tlscert", CERTIFICATES / f"{name}.pem", "--tlskey", CERTIFICATES / f"{name}-key.pem"


def with_certificates(side, kind):
    """One kind of TLS asked by every kind of client, with flags and from contexts."""
    known = Known(side)
    known.add("a without an authority", *ONE)
    known.add("a with another authority", *ONE, *authority("other-ca"))
    known.add("a", *ONE, *authority("ca"))
    known.add("a, first", *ONE, *authority("ca"), "--tlsfirst")
    known.add("a with a wrong password", *WRONG, *authority("ca"))
    for name in "client", "stranger":
        known.add(f"a with the certificate of {name}", *ONE, *certificate(name))
    for name in "client", "email", "dns", "uri":
        known.add(f"nobody with the certificate of {name}", *certificate(name))
    for name in list(known.flags):
        known.commands(name, "--timeout 1s account info", when=kind)
    known.add("admin", *ADMIN, *authority("ca"))
    known.add("admin, first", *ADMIN, *authority("ca"), "--tlsfirst")
    known.add("admin with a certificate", *ADMIN, *certificate("client"))
    for name in "admin", "admin, first", "admin with a certificate", "nobody with the certificate of dns":
        known.commands(name, SYSTEM_OVER_TLS, when=kind)
    with_contexts(known, kind)


def with_contexts(known, kind):
    """The same from contexts."""
    plain, pair = [shlex.join(map(str, flags)) for flags in ((*ONE, *authority("ca")), (*ADMIN, *certificate("client")))]
    known.add("before contexts")
    known.add("the context of a", "--context", "plain")
    known.add("the context of a, first", "--context", "plain", "--tlsfirst")
    known.add("the context of admin", "--context", "pair")
    known.commands("before contexts", f"context add plain {plain}\ncontext add pair {pair}\ncontext list", when=kind)
    for name in "the context of a", "the context of a, first":
        known.commands(name, "--timeout 1s pub orders.new hello\n--timeout 1s account info", when=kind)
    known.commands("the context of admin", "--timeout 1s server list\n--timeout 1s server report connections", when=kind)
