"""Every way to log in of `fixtures/access`, and how each ends."""

import json
import os
import pathlib
import ssl

import nats

FIXTURES = pathlib.Path(os.environ["FIXTURES"])
PORTS = json.loads(os.environ["ACCESS_PORTS"])
WAIT = 5

# How nats-py says that a server refuses it, and that there was no agreement on TLS: a server says little then.
SIGNS = {
    "authorization violation": ["authorization violation"],
    "tls": ["ssl", "certificate", "eof", "timeout", "reset", "broken pipe", "empty response"],
}


async def ignore(_):
    """Instead of the client's own error callback, which prints what is provoked on purpose."""


def options(client):
    """What nats-py takes for a client of the table."""
    taken = {"allow_reconnect": False, "max_reconnect_attempts": 0, "connect_timeout": WAIT, "error_cb": ignore}
    for name in "user", "password", "token":
        if name in client:
            taken[name] = client[name]
    if "nkey" in client:
        taken["nkeys_seed"] = str(FIXTURES / "access" / client["nkey"])
    if "creds" in client:
        taken["user_credentials"] = str(FIXTURES / "access" / client["creds"])
    if "jwt" in client:
        token = (FIXTURES / "access" / client["jwt"]).read_bytes().strip()
        taken |= {"user_jwt_cb": lambda: token, "signature_cb": lambda nonce: b""}
    if "ca" in client:
        taken["tls"] = trusting(client)
        taken["tls_handshake_first"] = client.get("first", False)
    return taken


def trusting(client):
    context = ssl.create_default_context(cafile=FIXTURES / f"tls/{client['ca']}.pem")
    if name := client.get("certificate"):
        context.load_cert_chain(FIXTURES / f"tls/{name}.pem", FIXTURES / f"tls/{name}-key.pem")
    return context


async def log_in(variant):
    """Who the server says that the client is, or what became of it."""
    address = f"nats://localhost:{PORTS[variant['server']]}"
    try:
        client = await nats.connect(address, **options(variant["client"]))
    except Exception as error:  # Refusals are of several kinds; the words are the server's.
        said = f"{type(error).__name__} {error}".lower()
        return {"error": next((wanted for wanted, signs in SIGNS.items() if any(sign in said for sign in signs)), said)}
    try:
        await client.request("echo", b"", timeout=WAIT)
    except nats.errors.NoRespondersError:
        pass
    answer = await client.request("$SYS.REQ.USER.INFO", b"", timeout=WAIT)
    await client.close()
    info = json.loads(answer.data)["data"]
    return {"user": info["user"], "account": info["account"]}


def checks():
    """A check for each variant."""

    def check(variant):
        async def run():
            got, wanted = await log_in(variant), variant["outcome"]
            if got != wanted:
                raise AssertionError(f"got {got!r}, wanted {wanted!r}")

        return run

    table = json.loads((FIXTURES / "access/variants.json").read_text())
    return [(f"access, {variant['name']}", check(variant)) for variant in table["variants"]]
