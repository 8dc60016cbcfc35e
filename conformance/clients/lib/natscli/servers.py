"""`server list`, `ping`, `info`, `account` and `request`, as the system account sees the clients of `situation`."""

import re

from .side import NOBODY, SYSTEM, USER, WRONG

OVERVIEW = """
server list
server list 1
--timeout 300ms server list 2
server list 1 --json
server list 1 --sort name --reverse
server list 1 --sort conns --no-compact
server list 1 --sort uptime
server list 1 --sort cluster
server ping
server ping 1 --id
server ping 1 --graph
--timeout 300ms server ping 2
server info
server info one
server info {id}
--timeout 300ms server info nobody
server info NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN
server account info USERS --json
server account info SYS --json
server account info NONE
--timeout 300ms server account info USERS --host nobody
server account purge USERS --force
"""

ACCOUNTS = """
server account info USERS
server account info ORDERS --host one
server account info SYS
"""

CLOSED = """
server request connections --filter-state closed --sort stop
server request connections --filter-state closed --sort reason --filter-user o
server request connections --filter-state all --filter-account USERS
server request connections --filter-state closed --filter-account ORDERS --subscriptions
server request connections --filter-state closed --filter-account USERS --limit 1 --offset 1
server report connections --state closed --account USERS
server report connections --state closed --account ORDERS --sort cid
server report connections --state all --account USERS --sort cid
server report connections --state closed --account ORDERS --closed-reason payload
server report connections --state closed --closed-reason none
server report connections --state all --filter 'Conn.Reason == "Protocol Violation"'
server report connections --state closed --account USERS --json
"""

CONNECTIONS = """
server request connections
server request connections 1
server request connections --subscriptions
server request connections --subscriptions --filter-account USERS
server request connections --filter-cid {cid}
server request connections --filter-cid 99999
server request connections --filter-user limited
server request connections --filter-user nobody
server request connections --filter-account ORDERS
server request connections --filter-account NONE
server request connections --filter-account USERS --filter-subject three.x
server request connections --filter-account USERS --filter-subject one --subscriptions
server request connections --filter-account NONE --filter-empty
server request connections --filter-account USERS --limit 1
server request connections --filter-account USERS --limit 2 --offset 1
server request connections --filter-account USERS --offset 10
server request connections --filter-account USERS --sort cid
server request connections --filter-account USERS --sort start
server request connections --filter-account USERS --sort subs
server request connections --filter-account USERS --sort msgs_to
server request connections --filter-account USERS --sort msgs_from
server request connections --filter-account USERS --sort bytes_to
server request connections --filter-account USERS --sort bytes_from
server request connections --filter-account USERS --sort last
server request connections --filter-account USERS --sort idle
server request connections --filter-account USERS --sort uptime
server request connections --filter-user limited --sort pending
server request connections --filter-user limited --sort rtt
server request connections --sort stop
server request connections --sort reason
server request connections --sort nonsense
"""

OTHERS = """
server request variables
server request accounts
server request accounts --account USERS
server request accounts --account SYS
server request accounts --account NONE
server request subscriptions
server request subscriptions --detail --filter-account USERS
server request subscriptions --detail --filter-account ORDERS
server request subscriptions --detail --filter-account NONE
server request subscriptions --detail --filter-account USERS --filter-subject one
server request subscriptions --detail --filter-subject four.x.y
server request subscriptions --detail --filter-subject three.*
server request subscriptions --detail --filter-account USERS --limit 100 --offset 100
server request subscriptions --detail
server request jetstream
server request jetstream --account USERS
server request jetstream --account USERS --streams --consumer
server request jetstream --accounts
server request jetstream --config --raft
server request jetstream --all
--timeout 300ms server request jetstream --leader
--timeout 300ms server request jetstream --stream-leader
server request jetstream-health
server request jetstream-health --js-enabled
server request jetstream-health --server-only
server request jetstream-health --account USERS
server request jetstream-health --account USERS --stream S --consumer C
server request jetstream-health --stream S --details
server request jetstream-health --js-enabled --details
server request gateways
server request gateways --filter-account USERS
server request gateways 1 elsewhere --accounts
server request leafnodes
server request leafnodes --subscriptions
server request routes
server request routes --subscriptions
server request ipqueue
server request ipqueue --all
server request ipqueue --filter System
server request ipqueue --filter none
server request raft
server request raft --account USERS
server request raft --account SYS --group _meta_
server request profile heap {folder}
server request profile allocs {folder}
server request profile goroutine {folder} --level 1
server request profile mutex {folder}
server request profile threadcreate {folder}
server request profile block {folder}
--timeout 1s server request profile cpu {folder}
server request profile heap /nowhere
server request profile nonsense
server request kick 99999 {id}
server request kick {cid} one
server request kick nonsense {id}
"""

# Every sub-command takes the same filters: one gets them all, the others one each.
KINDS = ["connections", "accounts", "subscriptions", "jetstream", "jetstream-health", "gateways", "leafnodes", "routes",
         "ipqueue", "raft"]
MATCHING = ["--name one", "--host 127.0.0.1", "--tags region:eu",
            "--name one --host 127.0.0.1 --tags region:eu --tags disk:ssd"]
OTHER = ["--name nobody", "--name on", "--host elsewhere", "--cluster elsewhere", "--tags region:us",
         "--tags region:eu --tags region:us"]
FILTERS = "\n".join([
    *[f"server request {kind} {MATCHING[place % len(MATCHING)]}" for place, kind in enumerate(KINDS)],
    *[f"--timeout 300ms server request {kind} {OTHER[place % len(OTHER)]}" for place, kind in enumerate(KINDS)],
    *[f"server request variables {filters}" for filters in MATCHING],
    *[f"--timeout 300ms server request variables {filters}" for filters in OTHER],
    "server request profile heap {folder} --name one --host 127.0.0.1",
    "--timeout 300ms server request profile heap {folder} --name nobody",
])

# What the system account may do and others may not. `connections` is told how many servers there are, as natscli may or
# may not leave a subscription behind when it is refused the question.
REFUSED = """
--timeout 300ms server list
--timeout 300ms server ping
--timeout 300ms server info
server request variables
server request connections 1
server request accounts
server request ipqueue
server request jetstream-health --name one
server request profile heap
server request kick {cid} {id}
server account info USERS
"""


def closed_connections(side):
    side.commands(SYSTEM, CLOSED)


def servers(side):
    side.commands(SYSTEM, OVERVIEW)
    side.commands(SYSTEM, ACCOUNTS, in_order_of_subjects)
    side.commands(SYSTEM, CONNECTIONS)
    side.commands(SYSTEM, OTHERS)
    profiles(side)
    side.commands(SYSTEM, FILTERS)
    side.commands(USER, REFUSED)
    for user in WRONG, NOBODY:
        side.commands(user, "server list\nserver info one")


def in_order_of_subjects(text):
    """Imports and exports of an account come from maps."""
    sections = re.split(r"^(?=[\w ]+:\n)", text, flags=re.MULTILINE)
    return "".join("".join(sorted(re.split(r"^(?=  Subject:)", section, flags=re.MULTILINE))) for section in sections)


def profiles(side):
    """A profile is the machine's, but each must have been written."""
    profiles = sorted(path.name.partition("-")[0] for path in side.folder.glob("*-one") if path.stat().st_size)
    side.outputs["profiles written"] = "\n".join(profiles) + "\n"
