"""JSON documents: their order and repeated keys are kept, and what varies is replaced by where it stands."""

import json
import re

# Figures of the machine, and what goes on with every heartbeat: a server's count of what it sent, and the lookups.
PLACEHOLDERS = {"mem": "<machine>", "cpu": "<machine>", "cores": "<machine>", "gomaxprocs": "<machine>", "seq": "<seq>",
                "port": "<port>", "rtt": "<duration>", "num_cache": "<lookups>", "num_matches": "<lookups>",
                "cache_hit_rate": "<lookups>", "avg_fanout": "<lookups>"}

# What `server check` calls the figures that it measures.
MEASURED = {"uptime", "cpu", "mem", "connect_time", "rtt", "request_time", "time"}

# Lists whose order a real server leaves open, as they come from its maps.
SETS = {"accounts", "subscriptions_list", "subscriptions_list_detail", "imports", "exports"}

# The totals that normalise.py does not compare in a table, as VARZ, STATSZ and CONNZ name them.
SERVER_TOTALS = {"in_msgs", "in_bytes", "in_client_msgs", "in_client_bytes", "out_bytes", "out_client_bytes"}
STATSZ_TOTALS = {("statsz", "sent", "bytes"), ("statsz", "sent_to_clients", "bytes"), ("statsz", "received", "msgs"),
                 ("statsz", "received", "bytes"), ("statsz", "received_from_clients", "msgs"),
                 ("statsz", "received_from_clients", "bytes")}
OWN_TOTALS = {"in_msgs", "in_bytes", "out_bytes", "pending_bytes"}


class Object(list):
    """An object as a list of its pairs."""

    def get(self, wanted):
        return next((value for key, value in self if key == wanted), None)


def parse(text):
    """The documents that a text consists of, unless there is anything else in it."""
    decoder, found, rest = json.JSONDecoder(object_pairs_hook=Object), [], text.strip()
    while rest.startswith(("{", "[")):
        try:
            value, end = decoder.raw_decode(rest)
        except ValueError:
            return []
        found.append(value)
        rest = rest[end:].lstrip()
    return [] if rest else found


def comparable(value, normaliser, path=(), parent=None):
    """The document with placeholders, and with its sets in a fixed order."""
    if path and path[-1] == "System sendQ":
        # Events about natscli's own connection may be on their way.
        return normaliser.hide(path[-1], value, "<queue>")
    if placeholder := normaliser.free(path, parent):
        return normaliser.hide(".".join(map(str, path)), value, placeholder)
    if isinstance(value, Object):
        return Object((key, comparable(below, normaliser, (*path, key), value)) for key, below in value)
    if isinstance(value, list):
        values = [comparable(below, normaliser, path, value) for below in value]
        return sorted(values, key=str) if (path[-1] if path else None) in normaliser.sets else values
    label = ".".join(path)
    if placeholder := placeholder_of(path, parent):
        return normaliser.hide(label, value, placeholder)
    if isinstance(value, str):
        return normaliser.words(value, label)
    return value


def placeholder_of(path, parent):
    if not path or not isinstance(parent, Object):
        return None
    key = path[-1]
    if key == "id" and re.fullmatch("[A-Za-z0-9]{22}", str(parent.get("id"))):
        return "<event id>"
    if key in ("cid", "sid") and str(parent.get("subject")).startswith("$SYS."):
        # The server itself subscribes in an order that it takes from its maps, account by account.
        return "<internal>" if key == "cid" or parent.get("account") == "SYS" else None
    if key == "value" and parent.get("name") in MEASURED:
        return "<machine>"
    if key in OWN_TOTALS and includes_own(parent) or path[-3:] in STATSZ_TOTALS:
        return "<counted>"
    if key in SERVER_TOTALS and parent.get("in_client_msgs") is not None:
        return "<counted>"
    if key == "pending_bytes" and parent.get("reason"):
        # Whether the last words were written before the connection was closed is open.
        return "<counted>"
    # `server report mem --json` has nothing but the name of the server.
    return "<machine>" if path == ("one",) else PLACEHOLDERS.get(key)


def includes_own(counted):
    """Whether this is natscli's own connection, or the account with it in `server report accounts --json`."""
    account = counted.get("account") == "SYS" and counted.get("connection_info")
    return account or str(counted.get("name")).startswith("NATS CLI Version")


def lines(value, indent="", start="", end=""):
    """An indented document, a line for each value."""
    if isinstance(value, Object):
        inner, brackets = [(f"{json.dumps(key)}: ", below) for key, below in value], "{}"
    elif isinstance(value, list):
        inner, brackets = [("", below) for below in value], "[]"
    else:
        return [indent + start + json.dumps(value, ensure_ascii=False) + end]
    if not inner:
        return [indent + start + brackets + end]
    result = [indent + start + brackets[0]]
    for place, (name, below) in enumerate(inner, 1):
        result += lines(below, indent + "  ", name, "," if place < len(inner) else "")
    return [*result, indent + brackets[1] + end]
