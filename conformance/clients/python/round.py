"""The client round in Python; started by ../nats-py, which says where the server is."""

import asyncio
import os
import subprocess
import sys

import access
import nats
from nats.errors import NoRespondersError

URL = f"nats://127.0.0.1:{os.environ['NATS_PORT']}"
WAIT = 10


async def ignore(_):
    """Instead of the client's own error callback, which prints what the checks provoke on purpose."""


async def connect(user="a", password=None, **options):
    options.setdefault("allow_reconnect", False)
    options.setdefault("error_cb", ignore)
    return await nats.connect(URL, user=user, password=password or user, connect_timeout=WAIT, **options)


def expect(got, wanted):
    if got != wanted:
        raise AssertionError(f"got {got!r}, wanted {wanted!r}")


async def check_connect():
    client = await connect()
    expect(client.is_connected, True)
    expect(client.max_payload, 1048576)
    await client.close()


async def check_publish_subscribe():
    client = await connect()
    sub = await client.subscribe("greet.*")
    await client.publish("greet.joe", b"hello")
    message = await sub.next_msg(WAIT)
    expect((message.subject, message.data), ("greet.joe", b"hello"))
    await sub.unsubscribe()
    await client.publish("greet.joe", b"again")
    await client.flush(WAIT)
    expect(sub.pending_msgs, 0)
    await client.close()


async def check_request_reply():
    client, service = await connect(), await connect()

    async def answer(message):
        await message.respond(b"re: " + message.data)

    await service.subscribe("service", cb=answer)
    await service.flush(WAIT)
    for number in range(10):
        reply = await client.request("service", str(number).encode(), timeout=WAIT)
        expect(reply.data, f"re: {number}".encode())
    await client.close()
    await service.close()


async def check_queue_group():
    members, received, done = [], [], asyncio.Event()
    for member in range(3):
        client = await connect()

        async def collect(message, member=member):
            received.append((member, message.data))
            if len(received) == 300:
                done.set()

        await client.subscribe("work", queue="workers", cb=collect)
        await client.flush(WAIT)
        members.append(client)
    publisher = await connect()
    for number in range(300):
        await publisher.publish("work", str(number).encode())
    await asyncio.wait_for(done.wait(), WAIT)
    for client in [*members, publisher]:
        await client.flush(WAIT)
        await client.close()
    expect(sorted(int(data) for _, data in received), list(range(300)))
    expect({member for member, _ in received}, {0, 1, 2})


async def check_headers():
    client = await connect()
    sub = await client.subscribe("headers")
    await client.publish("headers", b"body", headers={"Trace-Id": "7", "x-lower": "a b"})
    message = await sub.next_msg(WAIT)
    expect((message.headers, message.data), ({"Trace-Id": "7", "x-lower": "a b"}, b"body"))
    await client.close()


async def check_no_responders():
    client = await connect()
    try:
        await client.request("nobody.home", b"", timeout=WAIT)
    except NoRespondersError:
        await client.close()
        return
    raise AssertionError("a request without responders was answered")


async def check_drain():
    client, publisher, received = await connect(), await connect(), []

    async def collect(message):
        await asyncio.sleep(0.001)
        received.append(message.data)

    await client.subscribe("drain", cb=collect)
    await client.flush(WAIT)
    for number in range(100):
        await publisher.publish("drain", str(number).encode())
    await publisher.flush(WAIT)
    await client.drain()
    expect(client.is_closed, True)
    expect(received, [str(number).encode() for number in range(100)])
    await publisher.close()


async def check_large_payload():
    client = await connect()
    payload = bytes(number % 251 for number in range(900 * 1024))
    sub = await client.subscribe("large")
    await client.publish("large", payload)
    expect((await sub.next_msg(WAIT)).data == payload, True)
    await client.close()


async def check_auth_failure():
    try:
        await connect(password="wrong", max_reconnect_attempts=0)
    except Exception as error:  # The client wraps it differently from release to release; the words are the server's.
        expect("authorization violation" in str(error).lower(), True)
        return
    raise AssertionError("a wrong password was accepted")


async def check_permission_violation():
    errors = asyncio.Queue()

    async def note(error):
        await errors.put(str(error).lower())

    client = await connect("limited", error_cb=note)
    await client.publish("forbidden.fruit", b"")
    error = await asyncio.wait_for(errors.get(), WAIT)
    expect('permissions violation for publish to "forbidden.fruit"' in error, True)
    await client.subscribe("secret.garden")
    error = await asyncio.wait_for(errors.get(), WAIT)
    expect('permissions violation for subscription to "secret.garden"' in error, True)
    sub = await client.subscribe("allowed")
    await client.publish("allowed", b"still here")
    expect((await sub.next_msg(WAIT)).data, b"still here")
    await client.close()


async def check_reconnect():
    lost, back = asyncio.Event(), asyncio.Event()

    async def note_lost():
        lost.set()

    async def note_back():
        back.set()

    client = await connect(
        allow_reconnect=True,
        reconnect_time_wait=0.05,
        max_reconnect_attempts=-1,
        disconnected_cb=note_lost,
        reconnected_cb=note_back,
    )
    sub = await client.subscribe("after")
    await client.flush(WAIT)
    restart = [os.environ["RESTART"], os.environ["RESTART_FOLDER"], os.environ["RESTART_BINARY"]]
    await asyncio.to_thread(subprocess.run, restart, check=True)
    await asyncio.wait_for(lost.wait(), WAIT)
    await asyncio.wait_for(back.wait(), WAIT)
    await client.publish("after", b"reconnected")
    expect((await sub.next_msg(WAIT)).data, b"reconnected")
    await client.close()


CHECKS = [
    ("connect", check_connect),
    ("publish and subscribe", check_publish_subscribe),
    ("request and reply", check_request_reply),
    ("queue group", check_queue_group),
    ("headers", check_headers),
    ("no responders", check_no_responders),
    ("drain", check_drain),
    ("large payload", check_large_payload),
    ("auth failure", check_auth_failure),
    ("permission violation", check_permission_violation),
    ("reconnect", check_reconnect),
]


async def main():
    failed = False
    for name, check in [*CHECKS, *access.checks()]:
        try:
            await asyncio.wait_for(check(), 3 * WAIT)
            print(f"ok   {name}", flush=True)
        except Exception as error:
            failed = True
            print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
    return failed


sys.exit(asyncio.run(main()))
