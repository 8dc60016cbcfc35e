"""An operator with accounts and users, made by natscli's own `nats auth`, and a server that trusts it."""

import base64
import json
import os
import subprocess
import threading

MAKING = threading.Lock()
MADE = {}

# Accounts, then users with where their credentials go. A stranger's account has the same name and another operator.
STEPS = """
auth operator add acme
auth account add SHOP --operator acme --defaults --bearer --connections 10
auth account add LATE --operator acme --defaults --expiry 1s
auth user add alice SHOP --operator acme --defaults --credential alice.creds
auth user add limited SHOP --operator acme --defaults --pub-allow orders.> --sub-deny secret --credential limited.creds
auth user add bearer SHOP --operator acme --defaults --bearer --credential bearer.creds
auth user add revoked SHOP --operator acme --defaults --credential revoked.creds
auth user rm revoked SHOP --operator acme --revoke --force
auth user add late LATE --operator acme --defaults --credential late.creds
auth user add root SYSTEM --operator acme --defaults --credential system.creds
auth user add control SYSTEM --operator acme --defaults --bearer --credential control.creds
auth operator add evil
auth account add SHOP --operator evil --defaults
auth user add stranger SHOP --operator evil --defaults --credential stranger.creds
auth nkey gen user --output user.nk
auth nkey gen user --output system.nk
auth nkey gen user --output stranger.nk
"""


class Operator:
    """What `nats auth` has left in a folder."""

    def __init__(self, nats, folder):
        self.nats, self.folder = nats, folder
        self.store = folder / "data/nats/nsc/stores/acme"
        folder.mkdir()
        for line in STEPS.strip().splitlines():
            self.run(*line.split())
        # The token of one and the key of another; the token alone is all that a bearer needs.
        alice, limited = (self.creds(name).read_text() for name in ("alice", "limited"))
        self.creds("forged").write_text(alice.replace(secret(alice, "SEED"), secret(limited, "SEED")))
        (folder / "bearer.jwt").write_text(self.token("bearer"))

    def run(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder / "data"),
                       "XDG_CONFIG_HOME": str(self.folder / "config"), "TZ": "UTC"}
        return subprocess.run([self.nats, *arguments], check=True, stdin=subprocess.DEVNULL, text=True, cwd=self.folder,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment).stdout

    def creds(self, name):
        return self.folder / f"{name}.creds"

    def token(self, name):
        return secret(self.creds(name).read_text(), "JWT")

    def key(self, name):
        return self.run("auth", "nkey", "show", f"{name}.nk").split()[-1]

    def account(self, name):
        return subject(self.account_token(name))

    def account_token(self, name):
        return (self.store / f"accounts/{name}/{name}.jwt").read_text().strip()

    def configuration(self):
        """A server of the operator, which keeps the accounts in memory."""
        accounts = "\n".join(f"  {self.account(name)}: {self.account_token(name)}" for name in ("SHOP", "LATE", "SYSTEM"))
        return (f"server_name: one\noperator: {self.store}/acme.jwt\nsystem_account: {self.account('SYSTEM')}\n"
                f"resolver: MEMORY\nresolver_preload: {{\n{accounts}\n}}\n")


def subject(token):
    """The public key that a token is about."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["sub"]


def secret(text, what):
    """What stands between the markers of a file of credentials."""
    return text.partition(f"{what}-----\n")[2].partition("\n")[0]


def made(nats, folder):
    """The operator of both sides of a comparison, made by whoever comes first."""
    with MAKING:
        if folder not in MADE:
            MADE[folder] = Operator(nats, folder)
        return MADE[folder]
