"""`server report`, as the system account sees the clients of `situation`."""

from .side import SYSTEM, USER

CONNECTIONS = """
server report connections
server report connections 1
server report connections --account USERS
server report connections --account USERS --sort in-bytes
server report connections --account USERS --sort out-bytes
server report connections --account USERS --sort in-msgs
server report connections --account USERS --sort out-msgs --reverse
server report connections --account USERS --sort uptime
server report connections --account USERS --sort cid
server report connections --account USERS --sort subs --top 2
server report connections --account USERS --subject one
server report connections --account USERS --subject none
server report connections --subject one
server report connections --username limited
server report connections --username nobody
server report connections --account NONE
server report connections --filter 'Conn.Account == "ORDERS"'
server report connections --filter 'lower(conns.name) matches "first|third" && server.name == "one"'
server report connections --filter 'nonsense ('
server report connections --closed-reason x --filter true
server report connections --account USERS --json
server report connections --host one --account USERS
--timeout 300ms server report connections --host nobody
--timeout 300ms server report connections --cluster elsewhere
server report connections --tags disk:ssd --account ORDERS
--timeout 300ms server report connections --tags disk:hdd
"""

ACCOUNTS = """
server report accounts
server report accounts --sort in-bytes
server report accounts --sort out-bytes
server report accounts --sort in-msgs
server report accounts --sort out-msgs
server report accounts --sort conns
server report accounts --sort subs --reverse
server report accounts --top 1
server report accounts --top 1 --reverse
server report accounts --json
server report accounts USERS
server report accounts ORDERS --json
server report accounts NONE
server report accounts --host one --tags region:eu
--timeout 300ms server report accounts --host nobody
--timeout 300ms server report accounts --cluster elsewhere
"""

OTHERS = """
server report health
server report health 1
server report health 1 --js-enabled
server report health 1 --server-only
server report health 1 --account USERS
server report health 1 --account USERS --stream S --consumer C
server report health 1 --stream S
server report health 1 --host one
--timeout 300ms server report health --host nobody
server report cpu 1
server report cpu 1 --json
server report cpu 1 --host one --tags region:eu
--timeout 300ms server report cpu --host nobody
server report mem 1
server report mem 1 --json
server report mem 1 --tags disk:ssd
--timeout 300ms server report mem --cluster elsewhere
server report routes
server report routes 1 --sort in-bytes
server report routes 1 --reverse --host one
--timeout 300ms server report routes --cluster elsewhere
server report gateways
server report gateways 1 --filter-name elsewhere --sort server
server report gateways 1 --tags region:eu
--timeout 300ms server report gateways --host nobody
server report leafnodes
server report leafnodes 1 --account USERS --sort account
server report leafnodes 1 --account NONE
--timeout 300ms server report leafnodes --tags region:us
server report jetstream
server report jetstream 1 --account USERS
server report jetstream 1 --leaders --sort name
--timeout 300ms server report jetstream --host nobody
server report downgrade 1
server report downgrade 1 --json
"""

REFUSED = """
server report connections
server report accounts
server report health
server report cpu
server report mem
server report routes
server report gateways
server report leafnodes
server report jetstream
"""


def reports(side):
    for lines in CONNECTIONS, ACCOUNTS, OTHERS:
        side.commands(SYSTEM, lines)
    side.commands(USER, REFUSED)
