"""Several servers, real ones or all of them in one mock, with natscli at one of them."""

import os
import pathlib
import signal
import socket
import subprocess
import time

from raw_client import RawClient, until

from .side import SYSTEM, WHO, Side

FORMED = 40
# Servers that dialled each other at once close what they have too many of a little later.
SETTLED = 3


class Fleet(Side):
    """A running deployment; a context manager. `servers` has the configuration of each by name, in which `{n1.cluster}`
    and the like are ports. `together` says that one process takes all configurations."""

    def __init__(self, nats, command, folder, servers, together, normaliser):
        self.nats, self.folder, self.normaliser = nats, folder, normaliser
        self.outputs, self.processes, self.names, self.running = {}, [], {"folder": str(folder)}, []
        self.who = dict(WHO)
        self.ports = free_ports([f"{name}.{kind}" for name in servers for kind in ("client", "cluster", "gateway")])
        files = []
        for name, text in servers.items():
            home = folder / name
            home.mkdir(parents=True)
            for port, number in self.ports.items():
                text = text.replace("{" + port + "}", str(number))
            (home / "server.conf").write_text(f"server_name: {name}\nlisten: 127.0.0.1:{self.ports[f'{name}.client']}\n{text}")
            files.append(home / "server.conf")
        commands = [[*command, *sum((["-c", file] for file in files), [])]] if together else \
            [[*command, "-c", file] for file in files]
        for place, arguments in enumerate(commands):
            with open(folder / f"log.{place}", "wb") as log:
                self.running.append(subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                     cwd=folder))
        home = folder / "home"
        home.mkdir()
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TZ": "UTC", "LANG": "C.UTF-8"}
        self.at(next(iter(servers)))
        try:
            self.formed(servers, together)
        except BaseException:
            self.__exit__()
            raise

    def at(self, name):
        """Lets natscli connect to another server."""
        self.port = self.ports[f"{name}.client"]

    def formed(self, servers, together):
        """Waits until every server has found all others, and learns their ids."""
        others = {name: [other for other in servers if other != name] for name in servers}
        for name in servers:
            until(lambda: self.listens(name), f"{name} to listen", FORMED)
            with self.client_at(name, SYSTEM, "control") as control:
                self.names[name] = control.info["server_id"]
                until(lambda: self.sees(control, name, len(others[name])), f"{name} to find the others", FORMED)
        if not together:
            time.sleep(SETTLED)

    def listens(self, name):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.ports[f"{name}.client"])) == 0

    def sees(self, control, name, others):
        """Whether a server has heard of all others and is connected to every cluster."""
        def ask(endpoint):
            return control.request(f"$SYS.REQ.SERVER.{self.names[name]}.{endpoint}")

        if ask("STATSZ")["statsz"]["active_servers"] != others + 1:
            return False
        gateways = ask("GATEWAYZ")["data"]
        return all(gateway.get("connection") for gateway in (gateways.get("outbound_gateways") or {}).values())

    def settle(self):
        """Waits until servers have told each other of subscriptions."""
        if len(self.running) > 1:
            time.sleep(SETTLED / 6)

    def client_at(self, name, user, called):
        return RawClient(self.ports[f"{name}.client"], user[1], user[3], called)

    def sockets(self):
        """How many sockets all servers have open."""
        count = 0
        for process in self.running:
            for entry in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
                try:
                    count += os.readlink(entry).startswith("socket:")
                except FileNotFoundError:
                    pass  # Closed while looking.
        return count

    def __exit__(self, *_):
        for process in [*self.processes, *self.running]:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()


def free_ports(names):
    """Ports that nobody listens on, all different."""
    sockets = [socket.socket() for _ in names]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return {name: one.getsockname()[1] for name, one in zip(names, sockets)}
    finally:
        for one in sockets:
            one.close()
