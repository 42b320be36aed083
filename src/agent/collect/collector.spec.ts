import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { eventually } from "../../kube/testing/eventually.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { containerRuntime } from "../cri/container-runtime.ts";
import { FakeRuntime } from "../cri/testing/fake-runtime.ts";
import type { Pool } from "../pool/pool.ts";
import { poolInMemory } from "../pool/testing/pool-in-memory.ts";
import { collectGoneSandboxes } from "./collector.ts";

// Against a CRI server on a unix socket, as a runtime is. Time passes only when told to; what goes over the socket takes what it takes.

const PERIOD_MS = 30_000;
const OLD_MS = 120_000;

let folder: string;
let clock: ManualClock;
let pool: Pool;
let runtime: FakeRuntime;
let veths: Set<string>;
let collected: string[];
let stop: AbortController;
let collecting: Promise<void>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-collect-"));
  clock = createManualClock();
  pool = poolInMemory({ clock, coolDownMs: 1e9, open: true, readyEnis: new Set(["eni-1"]) });
  runtime = new FakeRuntime(join(folder, "cri.sock"));
  await runtime.start();
  veths = new Set();
  collected = [];
  stop = new AbortController();
  collecting = collectGoneSandboxes(
    {
      pool,
      runtime: containerRuntime(join(folder, "cri.sock")),
      veths: () => veths,
      clock,
      random: () => 0.5,
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      collected: (by) => collected.push(by),
    },
    stop.signal,
  );
  await eventually("the agent listens", () => runtime.listeners === 1);
});

afterEach(async () => {
  stop.abort();
  await collecting;
  await runtime.stop();
  rmSync(folder, { recursive: true });
});

async function run(podName: string, address: string): Promise<void> {
  const object = { address, uid: address, eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" };
  pool.take({ type: "object-seen", object });
  const attachment = {
    containerId: `c-${podName}`,
    ifName: "eth0",
    podNamespace: "default",
    podName,
    podUid: "",
  };
  await pool.allocate({ attachment, netns: "" }, () => new AbortController().signal);
  runtime.sandboxes.set(`c-${podName}`, { id: `c-${podName}`, podName, address });
}

function held(): string[] {
  return [...pool.state.addresses.values()].flatMap(({ holding }) =>
    holding.kind === "in-use" ? [holding.attachment.podName] : [],
  );
}

/** Lets the next list be asked for and answered. */
async function list(): Promise<void> {
  const { lists } = runtime;
  await clock.advance(PERIOD_MS);
  await eventually("a list was answered", () => runtime.lists > lists);
  // What follows from it.
  await Bun.sleep(20);
}

/** Lets an event arrive, and the list that it leads to. */
async function removed(id: string): Promise<void> {
  const { lists } = runtime;
  runtime.tellRemoved(id);
  await eventually("it was looked at", () => runtime.lists > lists);
  await Bun.sleep(20);
}

describe("what the runtime tells that it has removed", () => {
  it("comes back at once, however young it is", async () => {
    await run("web-0", "10.0.16.5");
    await run("web-1", "10.0.16.6");
    runtime.sandboxes.delete("c-web-0");
    runtime.tellRemoved("c-web-0");
    await eventually("the address is back", () => Bun.deepEquals(held(), ["web-1"]));
    expect(collected).toEqual(["event"]);
  });

  it("stays while the runtime's own list has it, or its link stands", async () => {
    await run("web-0", "10.0.16.5");
    await removed("c-web-0");
    runtime.sandboxes.delete("c-web-0");
    veths.add("c-web-0");
    await removed("c-web-0");
    expect(held()).toEqual(["web-0"]);
  });

  it("stays when the list fails: the next event or list will do", async () => {
    await run("web-0", "10.0.16.5");
    runtime.sandboxes.delete("c-web-0");
    runtime.isStarting = true;
    runtime.tellRemoved("c-web-0");
    await Bun.sleep(50);
    expect(held()).toEqual(["web-0"]);
    runtime.isStarting = false;
    await removed("c-web-0");
    expect(held()).toEqual([]);
  });

  it("is nothing where it holds no address", async () => {
    const { lists } = runtime;
    runtime.tellRemoved("c-other");
    await Bun.sleep(50);
    expect(runtime.lists).toBe(lists);
  });
});

describe("what two lists lack", () => {
  it("comes back without an event, but not within two minutes of its ADD", async () => {
    await run("web-0", "10.0.16.5");
    runtime.sandboxes.delete("c-web-0");
    for (let passed = PERIOD_MS; passed < OLD_MS; passed += PERIOD_MS) await list();
    expect(held()).toEqual(["web-0"]);
    await list();
    await list();
    expect(held()).toEqual([]);
    expect(collected).toEqual(["list"]);
  });
});

it("a sandbox that has gone gives back the addresses of both families", async () => {
  await run("web-0", "10.0.16.5");
  const stranger = { address: "2001:db8::5", containerId: "c-web-0", linkName: "eni1", eniId: "eni-1" };
  pool.take({ type: "strangers-seen", strangers: [stranger] });
  expect(held()).toHaveLength(2);
  runtime.sandboxes.delete("c-web-0");
  runtime.tellRemoved("c-web-0");
  await eventually("both addresses are back", () => held().length === 0);
  expect(collected).toEqual(["event", "event"]);
});

describe("a runtime that is away", () => {
  it("costs no pod its address, and neither does its empty list when it comes back", async () => {
    await run("web-0", "10.0.16.5");
    const sandboxes = [...runtime.sandboxes.values()];
    await clock.advance(OLD_MS);
    runtime.sandboxes.clear();
    // One list lacks it already.
    await list();
    await runtime.stop();
    for (let i = 0; i < 5; i++) {
      await clock.advance(PERIOD_MS);
      await Bun.sleep(20);
    }
    expect(held()).toEqual(["web-0"]);
    runtime.isStarting = true;
    await runtime.start();
    await clock.advance(PERIOD_MS);
    runtime.isStarting = false;
    await list();
    expect(held()).toEqual(["web-0"]);
    for (const sandbox of sandboxes) runtime.sandboxes.set(sandbox.id, sandbox);
    await list();
    await list();
    expect(held()).toEqual(["web-0"]);
  });

  it("is listened to again when it comes back", async () => {
    await run("web-0", "10.0.16.5");
    await runtime.stop();
    await runtime.start();
    await eventually("the agent listens again", async () => {
      await clock.advance(1_000);
      return runtime.listeners === 1;
    });
    runtime.sandboxes.delete("c-web-0");
    runtime.tellRemoved("c-web-0");
    await eventually("the address is back", () => held().length === 0);
    expect(collected).toEqual(["event"]);
  });
});

describe("a runtime that tells of no removals", () => {
  it.each([Code.Unimplemented, Code.Unknown])("is believed by its lists alone (%p)", async (code) => {
    await runtime.stop();
    runtime.refusesEvents = code;
    await runtime.start();
    await run("web-0", "10.0.16.5");
    runtime.sandboxes.delete("c-web-0");
    // In small steps: the agent asks for events again and again meanwhile.
    for (let passed = 0; passed < OLD_MS + 3 * PERIOD_MS; passed += 1_000) {
      await clock.advance(1_000);
      await Bun.sleep(5);
    }
    expect(held()).toEqual([]);
    expect(collected).toEqual(["list"]);
  });
});
