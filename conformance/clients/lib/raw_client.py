"""A client of raw bytes, for connections whose every operation must be known."""

import contextlib
import json
import socket
import time


class RawClient:
    """A connection to 127.0.0.1 as `user`, or with other fields of CONNECT that say who it is; a context manager."""

    def __init__(self, port, user, password, name, **fields):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.lines = self.socket.makefile("rb")
        self.pinged = False
        self.info = json.loads(self.expect(b"INFO ").partition(b" ")[2])
        options = {"verbose": False, "pedantic": False, "user": user, "pass": password, "name": name, "lang": "raw",
                   "version": "1.0.0", "protocol": 1, "echo": True, "headers": True, "no_responders": True, **fields}
        self.send(b"CONNECT " + json.dumps(options).encode())
        self.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.socket.close()

    def send(self, *operations):
        self.socket.sendall(b"".join(operation + b"\r\n" for operation in operations))

    def expect(self, start):
        """The next line that begins with `start`, past others; the server's PINGs are answered."""
        while line := self.lines.readline():
            if line.startswith(b"PING"):
                self.pinged = True
                self.send(b"PONG")
            if line.startswith(start):
                return line
            if line.startswith(b"-ERR"):
                raise ConnectionError(line.decode().strip())
        raise ConnectionError(f"the server closed the connection instead of sending {start.decode()}")

    def flush(self):
        self.send(b"PING")
        self.expect(b"PONG")

    def measured(self):
        """Waits until the server has measured the round trip time, which it does a second or two after the login."""
        if not self.pinged:
            self.expect(b"PING")
        self.flush()

    def closed(self):
        """Waits until the server has closed the connection."""
        with contextlib.suppress(ConnectionResetError):
            while self.lines.readline():
                pass

    def request(self, subject, body=b""):
        """The JSON reply of a system service."""
        self.send(b"SUB reply.raw 9", f"PUB {subject} reply.raw {len(body)}".encode(), body)
        size = int(self.expect(b"MSG reply.raw ").split()[-1])
        reply = self.lines.read(size + 2)
        self.send(b"UNSUB 9")
        return json.loads(reply)

    def subjects(self):
        """All subjects that somebody subscribes to."""
        reply = self.request("$SYS.REQ.SERVER.PING.SUBSZ", b'{"subscriptions":true,"limit":4096}')
        return [entry["subject"] for entry in reply["data"].get("subscriptions_list", [])]


def until(condition, what, seconds=10):
    """Polls until `condition()` is true; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} within {seconds} s")
        time.sleep(0.02)
    return value
