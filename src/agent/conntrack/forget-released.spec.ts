import { beforeEach, expect, it } from "bun:test";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import type { Pool } from "../pool/pool.ts";
import { poolInMemory } from "../pool/testing/pool-in-memory.ts";
import { forgetReleased } from "./forget-released.ts";

let clock: ManualClock;
let pool: Pool;
let forgotten: string[];
let end: () => void;

beforeEach(() => {
  clock = createManualClock();
  pool = poolInMemory({ clock, coolDownMs: 30_000 });
  forgotten = [];
  const conntrack = {
    forget(address: string) {
      forgotten.push(address);
      if (address === "10.0.16.6") throw new Error("EBUSY");
    },
  };
  end = forgetReleased(pool, { conntrack, clock, logger: createRecordingLogger() });
  pool.take({ type: "opened" });
  pool.take({ type: "enis-ready", eniIds: new Set(["eni-1"]) });
  for (const address of ["10.0.16.5", "10.0.16.6"]) {
    const object = { uid: address, eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1", address };
    pool.take({ type: "object-seen", object });
  }
});

async function give(containerId: string): Promise<string | undefined> {
  const attachment = { containerId, ifName: "eth0", podNamespace: "", podName: "", podUid: "" };
  const [given] = await pool.allocate({ attachment, netns: "" }, () => AbortSignal.abort());
  return given?.address;
}

it("voids the connections of what was given back a moment later, of each address once, whatever fails", async () => {
  await give("c1");
  await give("c2");
  pool.release({ containerId: "c1", ifName: "eth0" });
  pool.release({ containerId: "c2", ifName: "eth0" });
  await clock.advance(999);
  expect(forgotten).toEqual([]);
  await clock.advance(1);
  expect(forgotten).toEqual(["10.0.16.5"]);
  await clock.advance(5);
  expect(forgotten).toEqual(["10.0.16.5", "10.0.16.6"]);
  await clock.advance(5_000);
  expect(forgotten).toHaveLength(2);
});

it("voids them before another pod has the address", async () => {
  expect(await give("c1")).toBe("10.0.16.5");
  await give("c2");
  pool.release({ containerId: "c1", ifName: "eth0" });
  pool.take({ type: "veths-read", containerIds: new Set(), readAt: clock.monotonic() });
  expect(await give("c3")).toBe("10.0.16.5");
  expect(forgotten).toEqual(["10.0.16.5"]);
  await clock.advance(5_000);
  expect(forgotten).toHaveLength(1);
});

it("gives each address its own second, also where the one before it was given away meanwhile", async () => {
  await give("c1");
  await give("c2");
  pool.release({ containerId: "c1", ifName: "eth0" });
  await clock.advance(900);
  pool.release({ containerId: "c2", ifName: "eth0" });
  pool.take({ type: "veths-read", containerIds: new Set(["c2"]), readAt: clock.monotonic() });
  expect(await give("c3")).toBe("10.0.16.5");
  await clock.advance(999);
  expect(forgotten).toEqual(["10.0.16.5"]);
  await clock.advance(1);
  expect(forgotten).toEqual(["10.0.16.5", "10.0.16.6"]);
});

it("voids what is left at its end", async () => {
  await give("c1");
  pool.release({ containerId: "c1", ifName: "eth0" });
  end();
  expect(forgotten).toEqual(["10.0.16.5"]);
});
