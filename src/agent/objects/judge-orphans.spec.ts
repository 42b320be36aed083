import { afterEach, beforeEach, expect, it } from "bun:test";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import type { Pool } from "../pool/pool.ts";
import type { ObservedObject } from "../pool/pool-event.ts";
import { poolInMemory } from "../pool/testing/pool-in-memory.ts";
import { judgeOrphans } from "./judge-orphans.ts";

const web = { containerId: "c1", ifName: "eth0", podNamespace: "shop", podName: "web-0", podUid: "u1" };
const object: ObservedObject = {
  address: "10.0.16.5",
  uid: "uid-1",
  eniId: "eni-1",
  subnetId: "subnet-1",
  instanceId: "ins-1",
};
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

let clock: ManualClock;
let pool: Pool;
let answer: () => Promise<object | undefined>;
let asked: number;
let stop: AbortController;
let judging: Promise<void>;

beforeEach(async () => {
  clock = createManualClock();
  asked = 0;
  answer = async () => undefined;
  pool = poolInMemory({ clock, coolDownMs: 1, open: true, readyEnis: new Set(["eni-1"]) });
  pool.take({ type: "object-seen", object });
  await pool.allocate({ attachment: web, netns: "" }, () => new AbortController().signal);
  stop = new AbortController();
  const find = () => {
    asked++;
    return answer() as Promise<never>;
  };
  judging = judgeOrphans(
    { kube: { find }, clock, logger: quiet },
    { pool, node: "node-1", signal: stop.signal },
  );
});

afterEach(async () => {
  stop.abort();
  await judging;
});

function named(node: string, instanceID: string) {
  return async () => ({ metadata: { name: object.address }, spec: { node, instanceID } });
}

async function orphanedAs(): Promise<string | undefined> {
  pool.take({ type: "object-gone", address: object.address });
  await clock.advance(1);
  return pool.state.addresses.get(object.address)?.orphan;
}

it("asks for nothing while every address in use has its object", async () => {
  await clock.advance(60_000);
  expect(asked).toBe(0);
});

it("an object that there is none of is absent", async () => {
  expect(await orphanedAs()).toBe("absent");
});

it("one that names another machine is elsewhere, also when that comes to be later", async () => {
  answer = named("node-2", "ins-2");
  expect(await orphanedAs()).toBe("elsewhere");
  pool.take({ type: "object-seen", object });
  expect(pool.state.addresses.get(object.address)?.orphan).toBeUndefined();

  answer = async () => undefined;
  expect(await orphanedAs()).toBe("absent");
  answer = named("node-2", "ins-2");
  await clock.advance(10_000);
  expect(pool.state.addresses.get(object.address)?.orphan).toBe("elsewhere");
});

it("what was another machine's is so until an object of this node says more, even if there is none any more", async () => {
  answer = named("node-2", "ins-2");
  await orphanedAs();
  answer = async () => undefined;
  await clock.advance(20_000);
  expect(pool.state.addresses.get(object.address)?.orphan).toBe("elsewhere");
  pool.take({ type: "object-seen", object });
  expect(pool.state.addresses.get(object.address)?.orphan).toBeUndefined();
});

it("this machine under another name, another machine under this name, and no answer say nothing", async () => {
  for (const saying of [
    named("node-2", "ins-1"),
    named("node-1", "ins-2"),
    () => Promise.reject(new Error("away")),
  ]) {
    pool.take({ type: "object-seen", object });
    answer = saying;
    expect(await orphanedAs()).toBeUndefined();
  }
});
