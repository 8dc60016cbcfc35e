"""A cluster of three and a supercluster of two by two, as the system account sees them from one server."""

import contextlib
import re

from .servers import in_order_of_subjects
from .side import ORDERS, SYSTEM, USER

ACCOUNTS = """
accounts {
  USERS { users: [ { user: a, password: a } ] }
  ORDERS { users: [ { user: o, password: o } ] }
  SYS { users: [ { user: admin, password: changeit } ] }
}
system_account: SYS
"""


def member(name, cluster, others, tags, more=""):
    routes = ", ".join(f"nats://127.0.0.1:{{{other}.cluster}}" for other in others)
    return f"""{ACCOUNTS}
server_tags: {tags}
cluster {{ name: {cluster}, listen: "127.0.0.1:{{{name}.cluster}}", routes: [ {routes} ] }}
{more}"""


def gateway(name, cluster, clusters):
    remotes = ", ".join(
        "{{ name: {}, urls: [ {} ] }}".format(other, ", ".join(f"nats://127.0.0.1:{{{one}.gateway}}" for one in servers))
        for other, servers in clusters.items())
    return f'gateway {{ name: {cluster}, listen: "127.0.0.1:{{{name}.gateway}}", gateways: [ {remotes} ] }}\n'


CLUSTER = {name: member(name, "east", ["n1", "n2", "n3"], f'["zone:{name}", "region:eu"]') for name in ("n1", "n2", "n3")}
CLUSTERS = {"east": ["e1", "e2"], "west": ["w1", "w2"]}
SUPERCLUSTER = {name: member(name, cluster, servers, f'["zone:{name}", "region:{cluster}"]', gateway(name, cluster, CLUSTERS))
                for cluster, servers in CLUSTERS.items() for name in servers}

# All servers answer a question about an account, and natscli shows whichever answer comes first: one is named.
# In these, {first}, {last} and {nobody} are names of servers, and {first_id} and {last_id} their ids.
OVERVIEW = """
server list
server list {count}
server list {count} --json
server list {count} --sort name
server list {count} --sort name --reverse
server list {count} --sort name --no-compact
server list {count} --sort cluster
server list {count} --sort conns
server list {count} --sort subs
server list {count} --sort uptime
server ping
server ping {count}
server ping {count} --id
server info {first}
server info {last}
server info {last_id}
--timeout 300ms server info nobody
server account info USERS --host {first}
server account info USERS --host {last}
server account info USERS --host {last} --json
server check connection
server check server --name {last}
server check server --name {last} --format json
--timeout 300ms server check server --name nobody
"""

REPORTS = """
server report connections
server report connections {count}
server report connections {count} --sort cid
server report connections {count} --account USERS
server report connections {count} --account USERS --sort in-msgs
server report connections {count} --account USERS --sort out-msgs
server report connections {count} --account USERS --sort subs --top 2
server report connections {count} --account USERS --json
server report connections {count} --account ORDERS
server report connections {count} --subject one
server report connections {count} --username o
server report connections {count} --host {last}
server report connections {count} --cluster {cluster} --account USERS
server report connections {count} --tags zone:{last} --account USERS
server report connections {count} --filter 'server.name == "{last}"'
--timeout 300ms server report connections --cluster nowhere
server report accounts
server report accounts {count}
server report accounts --sort in-msgs
server report accounts --sort conns
server report accounts --sort subs --reverse
server report accounts --json
server report accounts USERS
server report accounts --cluster {cluster}
server report accounts --host {last}
server report accounts --tags zone:{last}
server report health
server report health {count}
server report health {count} --cluster {cluster}
server report cpu
server report cpu {count}
server report cpu {count} --json
server report mem
server report mem {count}
server report routes
server report routes {count}
server report routes --cluster {cluster}
server report routes --host {last}
server report gateways
server report gateways {count}
server report gateways --filter-name {cluster}
server report gateways --host {last}
server report leafnodes
server report leafnodes {count}
server report jetstream
server report jetstream {count}
server report downgrade {count}
"""

KINDS = ["variables", "connections", "accounts", "subscriptions", "jetstream", "jetstream-health", "gateways", "leafnodes",
         "routes", "ipqueue", "raft"]
REQUESTS = "\n".join(
    line for kind in KINDS for line in (
        f"server request {kind} {{count}}",
        f"server request {kind} --name {{last}}",
        f"server request {kind} --host 127.0.0.1 {{count}}",
        f"server request {kind} --cluster {{cluster}} {{clustered}}",
        f"--timeout 300ms server request {kind} --cluster nowhere",
        f"server request {kind} --tags zone:{{last}}",
    )) + """
server request accounts {count} --account USERS
server request connections {count} --filter-account USERS --sort cid
server request connections {count} --filter-account USERS --subscriptions
server request connections {count} --filter-user o
server request subscriptions {count} --detail --filter-account USERS
server request routes {count} --subscriptions
server request gateways {count} --accounts
server request gateways {count} --filter-account USERS
server request gateways {count} {cluster} --accounts
server request kick 99999 {last_id}
server request kick {last_cid} {last}
"""

REFUSED = """
--timeout 300ms server list
--timeout 300ms server ping
server report connections
server report accounts
server request variables
"""


@contextlib.contextmanager
def clients(fleet, servers, clusters):
    """Clients at every server, with messages between them. No two of an account have a count in common."""
    first, *_, last = servers
    with contextlib.ExitStack() as stack:
        users = []
        for place, name in enumerate(servers, 1):
            client = stack.enter_context(fleet.client_at(name, USER, f"user at {name}"))
            client.send(b"SUB one 1", *[f"SUB of.{name}.{extra} {extra + 2}".encode() for extra in range(place)])
            client.flush()
            users.append(client)
        orders = stack.enter_context(fleet.client_at(last, ORDERS, "orders"))
        orders.send(b"SUB invoice.* 1")
        orders.flush()
        fleet.settle()
        for place, client in enumerate(users, 1):
            client.send(*[f"PUB one {place}".encode(), b"x" * place] * place)
            client.flush()
        fleet.settle()
        for client in [*users, orders]:
            client.measured()
        fleet.names |= {"count": str(len(servers)), "first": first, "last": last, "first_id": fleet.names[first],
                        "last_id": fleet.names[last], "clustered": str(len(servers) // clusters),
                        "last_cid": str(users[-1].info["client_id"])}
        yield


def deployment(fleet, servers, clusters, cluster):
    fleet.names["cluster"] = cluster
    with clients(fleet, servers, clusters):
        for commands in (OVERVIEW, REPORTS, REQUESTS):
            fleet.commands(SYSTEM, commands, in_any_order)
        fleet.commands(USER, REFUSED, in_any_order)


# Columns that a table leaves empty where they are as in the row above.
GROUPED = {"Cluster Report": 3, "Super Cluster Report": 4, "Leafnode Report": 1}


def in_any_order(text):
    """Servers answer in any order: rows of a table, documents, and lines that name a server."""
    text = in_order_of_subjects(text)
    if text.startswith("{\n"):
        return "".join(sorted(re.split(r"(?<=^}\n)", text, flags=re.MULTILINE)))
    blocks, rows, grouped, above = [], [], 0, []
    for line in text.splitlines(keepends=True):
        if line.startswith("│"):
            cells = line.strip().strip("│").split("│")
            grouped = GROUPED.get(cells[0].strip(), grouped)
            if not cells[0].strip():
                first = [cell if cell.strip() else over for cell, over in zip(cells, above)][:grouped]
                cells = [*first, *cells[len(first):]]
            above = cells
            if [cell.strip() for cell in cells[3:4]] == ["Inbound"]:
                # Which server of another cluster a gateway leads to is left to chance.
                continue
            if len(cells) > 4 and cells[0].strip().isdigit() and grouped == 4:
                cells[4] = " <by chance> "
            rows.append("│" + "│".join(cells) + "│\n")
        elif re.match(r"^(\S+ )+ rtt=|^  (?:\S+: )?<machine>", line):
            rows.append(line)
        else:
            blocks += [*sorted(rows), line]
            rows, above = [], []
    return "".join([*blocks, *sorted(rows)])
