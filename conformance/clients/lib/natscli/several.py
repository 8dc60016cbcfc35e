"""What is not compared of several servers, on top of what is not compared of one: chance decides who dials whom, and how
often, and servers tell each other how they are all the time."""

import re

from . import document
from .normalise import OWN_COLUMNS, SIZE, Normaliser

# Ids of connections count those that were too many, and the digest is that of a configuration with other ports.
KEYS = {"cid": "<cid>", "rid": "<rid>", "gwid": "<gwid>", "did_solicit": "<by chance>", "cluster_port": "<port>",
        "config_digest": "<digest>", "num_inserts": "<counted>", "num_removes": "<counted>", "pending": "<counted>",
        "pending_size": "<counted>", "in_progress": "<counted>",
        # Which server of another cluster a gateway leads to.
        "inbound_gateways": "<by chance>", "inbound_connections": "<by chance>"}
# Messages and bytes with heartbeats among them: of servers, and of the route that is the system account's.
TRAFFIC = {"in_msgs", "out_msgs", "in_bytes", "out_bytes", "in_client_msgs", "out_client_msgs", "in_client_bytes",
           "out_client_bytes"}
TRAFFIC_COLUMNS = {"Bytes", "Bytes In", "Bytes Out"}
BESIDE = [
    (re.compile(r"(?<=Configuration Digest: )sha256:\w+"), "<digest>"),
    (re.compile(r"\b[rgl]?id:\d+\b"), "<cid>"),
    (re.compile(r"(?<=^  )\S+: [\d.]+(?: ?[KMG]iB|%)?$"), "<machine>"),
    (re.compile(r"(?<=Messages: )\S+ in \S+(?= out$)"), "<counted>"),
]


class SeveralServers(Normaliser):
    """Takes `servers`, their names. With gateways, which servers messages come by is left to chance, too."""

    # Servers answer in any order, and documents that are lists have no key.
    sets = document.SETS | {"routes", "urls", "connect_urls", "connection_info", "server", None}
    own_columns = OWN_COLUMNS | {"Out Msgs"}

    def __init__(self, servers, has_gateways):
        super().__init__()
        self.servers, self.has_gateways = servers, has_gateways

    def free(self, path, parent):
        key = path[-1] if path else None
        if key == "System recvQ Pings":
            # What other servers say of themselves may be looked at just now.
            return "<queue>"
        if key in KEYS:
            return KEYS[key]
        if "statsz" in path and key in ("msgs", "bytes") or \
                isinstance(parent, document.Object) and self.is_open(key, parent):
            return "<counted>"
        # `server report cpu --json` and `mem` have nothing but names.
        return "<machine>" if len(path) == 1 and key in self.servers else None

    def is_open(self, key, parent):
        """Whether a count has heartbeats in it, or depends on what comes first."""
        is_gateway = parent.get("kind") == "Gateway"
        if key in TRAFFIC:
            is_route = parent.get("rid") is not None
            return is_gateway or parent.get("server_id") is not None or parent.get("account") == "SYS" or \
                is_route and self.has_gateways
        if key == "msgs":
            # What a server has told another that it wants; heartbeats are sent to these subjects.
            is_told = str(parent.get("sid")).startswith("R ")
            return is_told and (self.has_gateways or str(parent.get("subject")).startswith("$SYS.SERVER."))
        if key in ("pending_bytes", "subscriptions"):
            # When another cluster answers, it may not have heard of natscli's subscription.
            return is_gateway
        return key == "num_subs" and parent.get("name") == "SYS" and parent.get("interest_mode") is not None

    def words(self, line, label):
        for pattern, placeholder in BESIDE:
            line = self.replace(pattern, placeholder, line, label)
        return super().words(line, label)

    def table_row(self, line, columns):
        line, columns = super().table_row(line, columns)
        cells = line[2:-2].split(" │ ")
        # The system account's traffic, or a sum with it.
        if len(cells) == len(columns) and (self.has_gateways or "SYS" in cells or cells[0].isdigit()):
            cells = [self.hide(column, cell, "<counted>") if column in TRAFFIC_COLUMNS and SIZE.fullmatch(cell) else cell
                     for cell, column in zip(cells, columns)]
            line = "│ " + " │ ".join(cells) + " │"
        return line, columns

    def cell(self, cell, column, first, own):
        if column == "Port" and cell.isdigit() and cell != "0":
            return self.hide(column, cell, "<port>")
        if column == "CID" and cell.isdigit():
            return self.hide(column, cell, "<cid>")
        return super().cell(cell, column, first, own)
