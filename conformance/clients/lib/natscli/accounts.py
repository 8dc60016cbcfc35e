"""`account`, as the system account and as others, who see no account but their own."""

from .side import LIMITED, NOBODY, ORDERS, SYSTEM, USER, WRONG

INFO = """
account info
account tls
"""

REPORTS = """
account report connections
account report statistics
"""

CONNECTIONS = """
account report connections --sort cid
account report connections --sort in-bytes
account report connections --sort out-bytes --reverse
account report connections --sort in-msgs
account report connections --sort out-msgs
account report connections --sort uptime --top 2
account report connections --subject five
account report connections --subject none
account report connections --username limited
account report connections --username o
account report connections --state closed --username limited
account report connections --state all --closed-reason none
"""


def accounts(side):
    for user in SYSTEM, USER, LIMITED, ORDERS:
        side.commands(user, INFO)
    # To the system account, `statistics` shows the first of all accounts, which is any.
    side.commands(SYSTEM, "account report connections")
    for user in USER, ORDERS:
        side.commands(user, REPORTS)
    side.commands(USER, CONNECTIONS)
    for user in WRONG, NOBODY:
        side.commands(user, INFO + REPORTS)
