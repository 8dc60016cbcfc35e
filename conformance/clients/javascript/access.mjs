// Every way to log in of fixtures/access, and how each ends.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
  connect, credsAuthenticator, jwtAuthenticator, nkeyAuthenticator, tokenAuthenticator, usernamePasswordAuthenticator,
} from "@nats-io/transport-node";

const WAIT = 5_000;

// How nats.js says that a server refuses it, and that there was no agreement on TLS: a server says little then.
const SIGNS = {
  "authorization violation": ["authorization violation"],
  "tls": ["tls", "ssl", "certificate", "unable to verify", "timeout", "econnreset", "epipe", "closed", "disconnect",
    "undefined error"],
};

const fixture = (...parts) => [process.env.FIXTURES, ...parts].join("/");
const file = (name) => readFileSync(fixture("access", name));

function authenticator({ user, password, token, nkey, creds, jwt }) {
  if (user) return usernamePasswordAuthenticator(user, password);
  if (token) return tokenAuthenticator(token);
  if (nkey) return nkeyAuthenticator(new TextEncoder().encode(file(nkey).toString().trim()));
  if (creds) return credsAuthenticator(file(creds));
  if (jwt) return jwtAuthenticator(file(jwt).toString().trim());
}

function tls({ ca, certificate, first }) {
  const all = { caFile: fixture("tls", `${ca}.pem`), handshakeFirst: first ?? false };
  if (certificate) {
    all.certFile = fixture("tls", `${certificate}.pem`);
    all.keyFile = fixture("tls", `${certificate}-key.pem`);
  }
  return all;
}

async function logIn({ client: options, server }) {
  const port = JSON.parse(process.env.ACCESS_PORTS)[server];
  const taken = { servers: `localhost:${port}`, reconnect: false, maxReconnectAttempts: 0, timeout: WAIT };
  const known = authenticator(options);
  if (known) taken.authenticator = known;
  // Unless told not to, it takes TLS wherever that is offered.
  taken.tls = options.ca ? tls(options) : null;
  let client;
  try {
    client = await connect(taken);
  } catch (error) {
    const said = `${error.name} ${error.message} ${error.cause?.message}`.toLowerCase();
    const known = Object.entries(SIGNS).find(([, signs]) => signs.some((sign) => said.includes(sign)));
    return { error: known ? known[0] : said };
  }
  await assert.rejects(client.request("echo", "", { timeout: WAIT }));
  const { user, account } = (await client.request("$SYS.REQ.USER.INFO", "", { timeout: WAIT })).json().data;
  await client.close();
  return { user, account };
}

// A check for each variant.
export function accessChecks() {
  const { variants } = JSON.parse(file("variants.json"));
  const check = (variant) => async () => assert.deepEqual(await logIn(variant), variant.outcome);
  return Object.fromEntries(variants.map((variant) => [`access, ${variant.name}`, check(variant)]));
}
