// The client round in JavaScript; started by ../nats-js and ../nats-js-websocket, which say where the server is.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { wsconnect } from "@nats-io/nats-core";
import { connect as dialByTcp, headers } from "@nats-io/transport-node";
import WebSocket from "ws";

const WAIT = 10_000;
const text = (message) => message.string();

// As a browser, where there is a URL for one.
const url = process.env.NATS_WEBSOCKET;
globalThis.WebSocket = WebSocket;
const dial = url ? wsconnect : dialByTcp;
const access = url ? {} : (await import("./access.mjs")).accessChecks();

function connect(user = "a", options = {}) {
  const servers = url ?? `127.0.0.1:${process.env.NATS_PORT}`;
  return dial({ servers, user, pass: user, reconnect: false, timeout: WAIT, ...options });
}

// Fails instead of waiting for ever.
function within(promise, what, limit = WAIT) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not happen within ${limit} ms`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function next(sub) {
  const { value } = await within(sub[Symbol.asyncIterator]().next(), `a message on ${sub.getSubject()}`);
  return value;
}

// Resolves with the first status of one of these types.
function status(client, ...types) {
  return (async () => {
    for await (const event of client.status()) {
      if (types.includes(event.type)) return event;
    }
    throw new Error("the connection closed");
  })();
}

const checks = {
  async "connect"() {
    const client = await connect();
    assert.equal(client.isClosed(), false);
    assert.equal(client.info.max_payload, 1048576);
    await client.close();
  },

  async "publish and subscribe"() {
    const client = await connect();
    const sub = client.subscribe("greet.*", { max: 1 });
    client.publish("greet.joe", "hello");
    const message = await next(sub);
    assert.deepEqual([message.subject, text(message)], ["greet.joe", "hello"]);
    client.publish("greet.joe", "again");
    await client.flush();
    assert.equal(sub.getReceived(), 1);
    await client.close();
  },

  async "request and reply"() {
    const [client, service] = [await connect(), await connect()];
    service.subscribe("service", { callback: (_, message) => message.respond(`re: ${text(message)}`) });
    await service.flush();
    for (let number = 0; number < 10; number++) {
      assert.equal(text(await client.request("service", `${number}`, { timeout: WAIT })), `re: ${number}`);
    }
    await client.close();
    await service.close();
  },

  async "queue group"() {
    const members = [await connect(), await connect(), await connect()];
    const received = [];
    let all;
    const done = new Promise((resolve) => (all = resolve));
    for (const [member, client] of members.entries()) {
      const callback = (_, message) => {
        received.push([member, Number(text(message))]);
        if (received.length === 300) all();
      };
      client.subscribe("work", { queue: "workers", callback });
      await client.flush();
    }
    const publisher = await connect();
    for (let number = 0; number < 300; number++) publisher.publish("work", `${number}`);
    await within(done, "delivery to the group");
    for (const client of [...members, publisher]) {
      await client.flush();
      await client.close();
    }
    const numbers = received.map(([, number]) => number).sort((a, b) => a - b);
    assert.deepEqual(numbers, Array.from({ length: 300 }, (_, number) => number));
    assert.equal(new Set(received.map(([member]) => member)).size, 3);
  },

  async "headers"() {
    const client = await connect();
    const sub = client.subscribe("headers");
    const sent = headers();
    sent.append("Trace-Id", "7");
    sent.append("Trace-Id", "8");
    sent.append("x-lower", "a b");
    client.publish("headers", "body", { headers: sent });
    const message = await next(sub);
    assert.deepEqual(message.headers.values("Trace-Id"), ["7", "8"]);
    assert.equal(message.headers.get("x-lower"), "a b");
    assert.equal(text(message), "body");
    await client.close();
  },

  async "no responders"() {
    const client = await connect();
    const request = client.request("nobody.home", "", { timeout: WAIT });
    await assert.rejects(request, (error) => /no responders/i.test(`${error.message} ${error.cause?.message}`));
    await client.close();
  },

  async "drain"() {
    const [client, publisher] = [await connect(), await connect()];
    const sub = client.subscribe("drain");
    await client.flush();
    for (let number = 0; number < 100; number++) publisher.publish("drain", `${number}`);
    await publisher.flush();
    const received = (async () => {
      const messages = [];
      for await (const message of sub) messages.push(Number(text(message)));
      return messages;
    })();
    await within(client.drain(), "drain");
    assert.equal(client.isClosed(), true);
    assert.deepEqual(await received, Array.from({ length: 100 }, (_, number) => number));
    await publisher.close();
  },

  async "large payload"() {
    const client = await connect();
    const payload = Uint8Array.from({ length: 900 * 1024 }, (_, number) => number % 251);
    const sub = client.subscribe("large");
    client.publish("large", payload);
    assert.equal(Buffer.compare((await next(sub)).data, payload), 0);
    await client.close();
  },

  async "auth failure"() {
    await assert.rejects(connect("a", { pass: "wrong" }), /authorization violation/i);
  },

  async "permission violation"() {
    const client = await connect("limited");
    const publishing = within(status(client, "error"), "the publish error");
    client.publish("forbidden.fruit");
    assert.match(`${(await publishing).error}`, /permissions violation for publish to "forbidden\.fruit"/i);
    let report;
    const reported = new Promise((resolve) => (report = resolve));
    client.subscribe("secret.garden", { callback: (error) => error && report(error) });
    const error = await within(reported, "the subscription error");
    assert.match(`${error}`, /permissions violation for subscription to "secret\.garden"/i);
    const sub = client.subscribe("allowed");
    client.publish("allowed", "still here");
    assert.equal(text(await next(sub)), "still here");
    await client.close();
  },

  async "reconnect"() {
    const client = await connect("a", { reconnect: true, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
    const sub = client.subscribe("after");
    await client.flush();
    const [lost, back] = [status(client, "disconnect"), status(client, "reconnect")];
    await promisify(execFile)(process.env.RESTART, [process.env.RESTART_FOLDER, process.env.RESTART_BINARY]);
    await within(lost, "disconnect");
    await within(back, "reconnect");
    client.publish("after", "reconnected");
    assert.equal(text(await next(sub)), "reconnected");
    await client.close();
  },
};

let failed = false;
for (const [name, check] of Object.entries({ ...checks, ...access })) {
  try {
    await within(check(), name, 3 * WAIT);
    console.log(`ok   ${name}`);
  } catch (error) {
    failed = true;
    console.log(`FAIL ${name}: ${error.name}: ${error.message}`);
  }
}
process.exit(failed ? 1 : 0);
