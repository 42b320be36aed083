import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { isFor, makeServingPair, PAIR_LIFE_MS, pairEnds } from "./serving-pair.ts";

const now = Date.UTC(2026, 0, 1);
const names = ["hook.kube-system.svc", "127.0.0.1"];
const pair = await makeServingPair(names, now);
const other = await makeServingPair(names, now + 1000);

test("a pair is good for a year from now, under each of its names", () => {
  expect(pairEnds(pair)).toBe(now + PAIR_LIFE_MS);
  expect(new Date(new X509Certificate(pair.certificate).validFrom).getTime()).toBeLessThan(now);
  expect(isFor(pair, names)).toBe(true);
  expect(isFor(pair, ["other.kube-system.svc"])).toBe(false);
  expect(isFor(pair, [...names, "127.0.0.2"])).toBe(false);
});

test("the authority has a name of its own, and may sign servers' certificates only", () => {
  const authority = new X509Certificate(pair.authority);
  expect(authority.ca).toBe(true);
  expect(authority.subject).not.toBe(new X509Certificate(other.authority).subject);
  expect(new X509Certificate(pair.certificate).ca).toBe(false);
  expect(new X509Certificate(pair.certificate).checkIssued(authority)).toBe(true);
});

test.each([
  ["a key of another", { ...pair, key: other.key }],
  ["an authority of another", { ...pair, authority: other.authority }],
  ["no PEM", { ...pair, certificate: "none" }],
  ["an empty key", { ...pair, key: "" }],
])("is none: %s", (_, broken) => {
  expect(pairEnds(broken)).toBeUndefined();
});

test("a real TLS client takes it by its authority, and not by another's", async () => {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: { cert: pairNow.certificate, key: pairNow.key },
    fetch: () => new Response("well"),
  });
  const ask = (ca: string) => fetch(server.url, { tls: { ca } }).then((it) => it.text());
  expect(await ask(pairNow.authority)).toBe("well");
  expect(await ask(other.authority + pairNow.authority)).toBe("well");
  expect(ask(other.authority)).rejects.toThrow();
  await server.stop(true);
});

const pairNow = await makeServingPair(["localhost", "127.0.0.1"], Date.now());
