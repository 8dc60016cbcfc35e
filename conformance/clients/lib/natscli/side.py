"""One server, natscli with it, and what it printed."""

import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import threading

from raw_client import RawClient, until

SERVER = pathlib.Path(__file__).resolve().parents[1] / "server"
WAIT = 20
# Set to end all runs at their next command.
STOP = threading.Event()

# Users of the configurations in `situation`, as natscli takes them.
USER = ("--user", "a", "--password", "a")
LIMITED = ("--user", "limited", "--password", "limited")
ORDERS = ("--user", "o", "--password", "o")
RELOADED = ("--user", "b", "--password", "b")
WRONG = ("--user", "a", "--password", "wrong")
SYSTEM = ("--user", "admin", "--password", "changeit")
NOBODY = ()
WHO = {SYSTEM: "", USER: " as a", LIMITED: " as limited", ORDERS: " as o", RELOADED: " as b",
       WRONG: " with a wrong password", NOBODY: " as nobody"}


class Side:
    """A running server; a context manager."""

    def __init__(self, nats, command, folder, configuration, normaliser):
        self.nats, self.folder, self.normaliser = nats, folder, normaliser
        self.outputs, self.processes = {}, []
        self.names = {"folder": str(folder)}
        self.who = dict(WHO)
        (folder / "server").mkdir(parents=True)
        self.configure(configuration)
        server = [SERVER, "start", folder / "server", command[0]]
        flags = {**os.environ, "FLAGS": " ".join(command[1:])}
        self.port = int(subprocess.run(server, check=True, stdout=subprocess.PIPE, text=True, env=flags).stdout)
        home = folder / "home"
        home.mkdir()
        # No context or setting of whoever runs this may leak in.
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CONFIG_HOME": str(home),
                            "XDG_DATA_HOME": str(home), "TZ": "UTC", "LANG": "C.UTF-8"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        subprocess.run([SERVER, "stop", self.folder / "server"], check=True)

    def configure(self, configuration):
        (self.folder / "server/server.conf").write_text(configuration)

    def client(self, user, name):
        """A client of raw bytes as one of the users above."""
        return RawClient(self.port, user[1], user[3], name)

    def start(self, arguments):
        command = [self.nats, "--server", f"nats://127.0.0.1:{self.port}", *arguments]
        # A file rather than a pipe, so that what a running command has printed can be looked at.
        handle, output = tempfile.mkstemp(dir=self.folder)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=handle, stderr=subprocess.STDOUT,
                                   env=self.environment, cwd=self.folder)
        os.close(handle)
        self.processes.append(process)
        return process, pathlib.Path(output)

    def finish(self, name, started, arrange=str):
        process, output = started
        try:
            process.wait(WAIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        text = printed(output).replace(str(self.folder), "<folder>")
        if name in self.outputs:
            raise ValueError(f"{name} was run before")
        self.outputs[name] = arrange(self.normaliser.output(text)) + f"[exit {process.returncode}]\n"

    def run(self, name, arguments, arrange=str):
        if STOP.is_set():
            sys.exit()
        sockets = self.sockets()
        self.finish(name, self.start(arguments), arrange)
        # The next command counts connections, so this one's must be gone. To ask the server would be counted too.
        until(lambda: self.sockets() <= sockets, f"the connections of {name} to be closed")

    def commands(self, user, lines, arrange=str, when=""):
        """Runs natscli with each line, in which {id} is the server and other names are those of `self.names`."""
        for line in filter(None, map(str.strip, lines.splitlines())):
            words = [word.format_map(self.names) for word in shlex.split(line)]
            self.run(line + self.who[user] + when, [*user, *words], arrange)

    def sockets(self):
        """How many sockets the server has open."""
        pid = (self.folder / "server/pid").read_text().strip()
        count = 0
        for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            try:
                count += os.readlink(entry).startswith("socket:")
            except FileNotFoundError:
                pass  # Closed while looking.
        return count


def printed(output):
    return output.read_bytes().decode(errors="replace")
