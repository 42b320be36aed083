import { expect, test } from "bun:test";
import { customResourceDefinition } from "../../api/custom-resource-definition.ts";
import { VPC_IP, type VpcIP } from "../../api/vpc-ip.ts";
import { customResourceDefinitions } from "../../kube/core-resources.ts";
import { createKubeClient } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import { startReflector } from "../../kube/reflector/reflector.ts";
import type { Resource } from "../../kube/resource.ts";
import { createVirtualClock } from "../../time/testing/virtual-clock.ts";
import { ModelApiServer } from "./model-api-server.ts";
import { type CallFate, createModelTransport, type WatchFate } from "./model-transport.ts";

const vips: Resource<VpcIP> = VPC_IP;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const spec = { type: "Pod", subnetID: "s", eniID: "e", node: "n1", instanceID: "i" } as const;

function bench() {
  const clock = createVirtualClock();
  const server = new ModelApiServer(clock);
  const fates: { call: CallFate; watch: WatchFate; delivers: boolean } = {
    call: { requestMs: 10, answerMs: 10 },
    watch: { openMs: 10, lagMs: () => 10, livesMs: 1e9, end: "close" },
    delivers: true,
  };
  const transport = createModelTransport({
    server,
    now: clock.monotonic,
    after: clock.after,
    deliver: (act) => {
      if (fates.delivers) act();
    },
    network: { call: () => fates.call, watch: () => fates.watch },
  });
  const kube = createKubeClient(transport);
  /** What a promise came to within so much time; undefined while it is open. */
  function within<T>(ms: number, promise: Promise<T>): T | unknown {
    let outcome: unknown;
    promise.then(
      (value) => {
        outcome = value;
      },
      (error) => {
        outcome = error;
      },
    );
    clock.run(clock.monotonic() + ms);
    return outcome;
  }
  const make = (name: string) => {
    const made = kube.apply(vips, { metadata: { name }, spec }, { fieldManager: "x" });
    return within(100, made) as VpcIP;
  };
  within(100, kube.create(customResourceDefinitions, customResourceDefinition(VPC_IP)));
  return { clock, server, fates, kube, transport, within, make };
}

test("a call takes its time, and is timed out in virtual time", () => {
  const { clock, fates, kube, within } = bench();
  fates.call = { requestMs: 100, answerMs: 50 };
  expect(within(149, kube.list(vips))).toBeUndefined();
  expect(within(151, kube.list(vips))).toMatchObject({ items: [] });
  fates.call = { requestMs: 1, answerMs: 1, lost: "request" };
  const began = clock.monotonic();
  const failed = within(20_000, kube.list(vips));
  expect(failed).toBeInstanceOf(KubeError);
  expect(failed).toMatchObject({ status: 0, reason: "Timeout" });
  expect(clock.monotonic() - began).toBe(20_000);
});

test("a write whose answer is lost has happened; one that was not received has not", () => {
  const { server, fates, kube, within } = bench();
  const apply = (name: string) => kube.apply(vips, { metadata: { name }, spec }, { fieldManager: "x" });
  fates.call = { requestMs: 1, answerMs: 1, lost: "answer" };
  expect(within(20_000, apply("10.0.0.1"))).toMatchObject({ reason: "Timeout" });
  fates.call = { requestMs: 1, answerMs: 1, lost: "request" };
  expect(within(20_000, apply("10.0.0.2"))).toMatchObject({ reason: "Timeout" });
  expect(server.objects("vpcips").map(({ metadata }) => (metadata as { name: string }).name)).toEqual([
    "10.0.0.1",
  ]);
});

test("a reflector follows: late, cut, silent, and from a version that is forgotten", () => {
  const { clock, server, fates, transport, make } = bench();
  fates.watch = { openMs: 10, lagMs: () => 500, livesMs: 30_000, end: "cut" };
  make("10.0.0.1");
  const reflector = startReflector(
    { transport, clock, random: () => 0.5, logger: quiet },
    { resource: vips, transform: (vip) => vip.metadata.name },
  );
  clock.run(clock.monotonic() + 1_000);
  expect(reflector.store.list()).toEqual(["10.0.0.1"]);
  make("10.0.0.2");
  expect(reflector.store.size).toBe(1);
  clock.run(clock.monotonic() + 500);
  expect(reflector.store.size).toBe(2);

  fates.watch = { openMs: 10, lagMs: () => 10, livesMs: 10_000, end: "silence" };
  clock.run(clock.monotonic() + 60_000);
  make("10.0.0.3");
  clock.run(clock.monotonic() + 10_000);
  expect(reflector.store.size).toBe(2);
  fates.watch = { openMs: 10, lagMs: () => 10, livesMs: 1e9, end: "close" };
  server.compact();
  clock.run(clock.monotonic() + 120_000);
  expect(reflector.store.size).toBe(3);
  void reflector.stop();
});

test("a watch that begins after a compaction is told so, and lists again", () => {
  const { clock, server, fates, transport, make } = bench();
  const ends: unknown[] = [];
  fates.watch = { openMs: 10, lagMs: () => 10, livesMs: 20_000, end: "close" };
  const logger = { ...quiet, warn: (fields: { err?: KubeError }) => ends.push(fields.err?.status) };
  const reflector = startReflector(
    { transport, clock, random: () => 0.5, logger },
    { resource: vips, transform: (vip) => vip.metadata.name },
  );
  clock.run(clock.monotonic() + 10_000);
  make("10.0.0.1");
  // Between the end of one watch and the beginning of the next something changes, and is forgotten.
  fates.watch = { openMs: 1_000, lagMs: () => 10, livesMs: 1e9, end: "close" };
  clock.run(clock.monotonic() + 10_400);
  make("10.0.0.2");
  server.compact();
  clock.run(clock.monotonic() + 60_000);
  expect(reflector.store.size).toBe(2);
  expect(ends).toEqual([410]);
  void reflector.stop();
});
