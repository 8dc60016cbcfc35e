"""What an application does with natscli: publish, trace, subscribe, request, reply, and measure."""

import signal

from raw_client import until

from .side import LIMITED, USER, WRONG


def subscribed(control, subject):
    until(lambda: subject in control.subjects(), f"a subscription to {subject}")


def application(side, control):
    sub = side.start([*USER, "sub", "news.*", "--count", "2"])
    subscribed(control, "news.*")
    side.run("trace", [*USER, "trace", "news.today"])
    side.run("trace of what nobody gets", [*USER, "trace", "nowhere"])
    side.run("pub", [*USER, "pub", "news.today", "hello"])
    side.run("pub with headers", [*USER, "pub", "news.today", "hello again", "-H", "Key:value", "-H", "Key:other"])
    side.finish("sub", sub)
    reply = side.start([*USER, "reply", "service", "answer", "--count", "1"])
    subscribed(control, "service")
    side.run("req", [*USER, "req", "service", "question"])
    side.finish("reply", reply)
    side.run("req without responders", [*USER, "req", "nobody", "question"])
    side.run("pub with a wrong password", [*WRONG, "pub", "news.today", "x"])
    side.run("pub without permission", [*LIMITED, "pub", "forbidden.x", "x"])
    side.run("rtt", [*USER, "rtt"])
    bench = ["--msgs", "1000", "--size", "16", "--no-progress"]
    side.run("bench pub", [*USER, "bench", "pub", "load", *bench])
    sub = side.start([*USER, "bench", "sub", "load", *bench])
    subscribed(control, "load")
    side.run("bench pub with a subscriber", [*USER, "bench", "pub", "load", *bench])
    side.finish("bench sub", sub)
    serve = side.start([*USER, "bench", "service", "serve", "work", "--size", "16", "--no-progress"])
    subscribed(control, "work")
    side.run("bench service request", [*USER, "bench", "service", "request", "work", "--msgs", "200", "--no-progress"])
    serve[0].send_signal(signal.SIGINT)
    side.finish("bench service serve", serve)
