"""`server check`: thresholds on either side of what is measured, and every format."""

from raw_client import until

from .side import NOBODY, SYSTEM, USER, WRONG

# 3 to 7 connections and some 80 subscriptions are there; the critical threshold below the warning turns both around.
SERVER = """
server check server --name one
server check server --name one --conn-warn 1000 --conn-critical 2000
server check server --name one --conn-warn 2 --conn-critical 2000
server check server --name one --conn-warn 1 --conn-critical 2
server check server --name one --conn-warn 2 --conn-critical 1
server check server --name one --conn-warn 1000 --conn-critical 1
server check server --name one --conn-warn 2000 --conn-critical 1000
server check server --name one --subs-warn 10000 --subs-critical 20000
server check server --name one --subs-warn 2 --subs-critical 20000
server check server --name one --subs-warn 1 --subs-critical 2
server check server --name one --subs-warn 2000 --subs-critical 1000
server check server --name one --cpu-warn 100000 --cpu-critical 200000
server check server --name one --cpu-warn 2 --cpu-critical 1
server check server --name one --mem-warn 1000000000000 --mem-critical 2000000000000
server check server --name one --mem-warn 1 --mem-critical 2000000000000
server check server --name one --mem-warn 1 --mem-critical 2
server check server --name one --uptime-warn 2ms --uptime-critical 1ms
server check server --name one --uptime-warn 10d --uptime-critical 1ms
server check server --name one --uptime-warn 20d --uptime-critical 10d
server check server --name one --uptime-warn 1ms --uptime-critical 2ms
server check server --name one --auth-required
server check server --name one --tls-required
server check server --name one --js-required
server check server --name one --auth-required --tls-required --js-required --conn-warn 1 --conn-critical 2000
server check server --name one --tls-cert-warn 2d --tls-cert-crit 1d
server check server --name one --format json --conn-warn 1 --conn-critical 2000 --auth-required
server check server --name one --format prometheus --conn-warn 1 --conn-critical 2
server check server --name one --format prometheus --namespace other
server check server --name one --format text --tls-required --auth-required
server check server --name one --format nagios
server check server --name one --format nonsense
server check server
--timeout 300ms server check server --name nobody
--timeout 300ms server check server --name nobody --format json
"""

CONNECTION = """
server check connection
server check connection --connect-warn 1ns --connect-critical 1h
server check connection --connect-warn 1ns --connect-critical 1ns
server check connection --rtt-warn 1ns --rtt-critical 1h
server check connection --rtt-warn 1ns --rtt-critical 1ns
server check connection --req-warn 1ns --req-critical 1h
server check connection --req-warn 1ns --req-critical 1ns
server check connection --format json
server check connection --format prometheus
server check connection --format text
server check connection --format json --connect-warn 1ns --rtt-critical 1ns
"""

REFUSED = """
server check connection
server check connection --format json
server check connection --format prometheus
server check connection --format text
server check server --name one
server check server --name one --format json
"""

REQUEST = """
server check request --subject service
server check request --subject service --match-payload answer
server check request --subject service --match-payload other
server check request --subject service --response-warn 1ns --response-critical 1h
server check request --subject service --response-warn 1ns --response-critical 1ns
server check request --subject service --format json
server check request --subject nobody
"""

WITHOUT_JETSTREAM = """
server check jetstream
server check meta --expect 1 --lag-critical 1 --seen-critical 1s
server check stream --stream S
server check kv --bucket B
"""


def checks(side, control):
    side.commands(SYSTEM, SERVER)
    side.commands(USER, CONNECTION)
    side.commands(SYSTEM, "server check connection")
    side.commands(USER, "server check server --name one")
    for user in WRONG, NOBODY:
        side.commands(user, REFUSED)
    reply = side.start([*USER, "reply", "service", "answer"])
    until(lambda: "service" in control.subjects(), "a subscription to service")
    side.commands(USER, REQUEST)
    reply[0].terminate()
    side.finish("reply to server check request", reply)
    side.commands(USER, WITHOUT_JETSTREAM)
