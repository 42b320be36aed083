import { beforeEach, describe, expect, it } from "bun:test";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import type { Pool } from "../pool/pool.ts";
import type { ObservedObject } from "../pool/pool-event.ts";
import { poolInMemory } from "../pool/testing/pool-in-memory.ts";
import { warnOfLostAddresses } from "./lost-addresses.ts";

const web = { containerId: "c1", ifName: "eth0", podNamespace: "shop", podName: "web-0", podUid: "u1" };
const object: ObservedObject = {
  address: "10.0.16.5",
  uid: "uid-1",
  eniId: "eni-1",
  subnetId: "subnet-1",
  instanceId: "ins-1",
};

let clock: ManualClock;
let pool: Pool;
let lost: string[];
let end: () => void;

beforeEach(async () => {
  clock = createManualClock();
  pool = poolInMemory({ clock, coolDownMs: 1, open: true, readyEnis: new Set(["eni-1"]) });
  lost = [];
  const events = {
    addressLost({ podName }: { podName: string }, { address, eniId }: { address: string; eniId: string }) {
      lost.push(`${podName} ${address} ${eniId}`);
    },
  };
  end = warnOfLostAddresses({ clock, events }, pool);
  pool.take({ type: "object-seen", object });
  await pool.allocate({ attachment: web, netns: "" }, () => new AbortController().signal);
  pool.take({ type: "object-gone", address: object.address });
});

describe("warnOfLostAddresses()", () => {
  it("warns the pod that goes on using an address that has gone", async () => {
    await clock.advance(60_000);
    expect(lost).toEqual(["web-0 10.0.16.5 eni-1"]);
  });

  it("does not when the object comes back", async () => {
    pool.take({ type: "object-seen", object: { ...object, uid: "uid-2" } });
    await clock.advance(60_000);
    expect(lost).toEqual([]);
  });

  it("does not when the pod has ended meanwhile", async () => {
    pool.release(web);
    await clock.advance(60_000);
    expect(lost).toEqual([]);
  });

  it("warns of nothing after its end", async () => {
    end();
    await clock.advance(60_000);
    expect(lost).toEqual([]);
  });
});
