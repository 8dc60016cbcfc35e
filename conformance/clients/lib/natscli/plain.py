"""A server without users: everybody is in the global account, and nobody in the system account."""

from .side import NOBODY, SYSTEM

COMMANDS = """
server list
server ping --timeout 300ms
server info plain
server request connections 1
server report accounts
server check server --name plain --auth-required
server check connection
account info
account report connections --sort cid
account report connections --state closed --username a
account report statistics
"""


def plain(side):
    with side.client(SYSTEM, "plain"):
        side.commands(NOBODY, COMMANDS)
        side.commands(SYSTEM, "account info")
