import { beforeEach, describe, expect, it } from "bun:test";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import type { Condition } from "../../api/condition.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import type { Pool } from "../pool/pool.ts";
import { poolInMemory } from "../pool/testing/pool-in-memory.ts";
import { addressService, waitMs } from "./address-service.ts";

it("waitMs() leaves the answer time to reach its caller", () => {
  expect(waitMs(undefined)).toBe(30_000);
  expect(waitMs(60_000)).toBe(59_000);
  expect(waitMs(1_000)).toBe(750);
  expect(waitMs(0)).toBe(0);
});

describe("a pod that waits for its address", () => {
  const attachment = {
    containerId: "c1",
    ifName: "eth0",
    podNamespace: "shop",
    podName: "web-0",
    podUid: "u1",
  };
  let clock: ManualClock;
  let pool: Pool;
  /** Of the condition `Ready` of the NodeENIConfig. */
  let reason: string;
  /** What the pod was told, with the time in seconds. */
  let told: [number, string][];

  beforeEach(() => {
    clock = createManualClock();
    reason = "SubnetFull";
    told = [];
    pool = poolInMemory({ clock, coolDownMs: 1, open: true });
  });

  function condition(): Condition {
    return {
      type: "Ready",
      status: "False",
      reason,
      message: "ipamd's words",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    };
  }

  /** Asks as the plugin does, which gives the agent a minute. */
  function ask(signal = new AbortController().signal): Promise<unknown> {
    const service = addressService({
      links: { make: () => undefined, take: () => false },
      pool: () => pool,
      factsOf: () => ({ nodeAddress: "10.0.1.11", table: 4003, mac: "20:90:6f:00:00:11", mtu: 1500 }),
      settle: async () => [],
      problemsOf: () => [],
      readyCondition: condition,
      failed: (_, cause) => void told.push([clock.monotonic() / 1000, /; (.*?) \(/.exec(cause)?.[1] ?? ""]),
      clock,
    });
    const request = { attachment, netns: "" } as Parameters<typeof service.allocate>[0];
    const context = { signal, timeoutMs: () => 60_000 } as HandlerContext;
    const answer = Promise.resolve(service.allocate(request, context)).catch((error) => error);
    return answer;
  }

  function giveAddress(): void {
    const object = { uid: "a", eniId: "eni-1", subnetId: "subnet-1", instanceId: "ins-1" };
    pool.take({ type: "enis-ready", eniIds: new Set(["eni-1"]) });
    pool.take({ type: "object-seen", object: { ...object, address: "10.0.16.5" } });
  }

  it("is told after ten seconds what lasts, once, and goes on waiting for the first address that comes", async () => {
    const answer = ask();
    await clock.advance(9_900);
    expect(told).toEqual([]);
    await clock.advance(30_100);
    expect(told).toEqual([[10, "subnet full"]]);
    giveAddress();
    expect(await answer).toMatchObject({ addresses: [{ address: "10.0.16.5" }] });
    await clock.advance(60_000);
    expect(told).toHaveLength(1);
  });

  it("is not told again when its time is up; its caller gets the reason", async () => {
    const answer = ask();
    await clock.advance(59_000);
    const refusal = (await answer) as ConnectError;
    expect(refusal).toBeInstanceOf(ConnectError);
    expect(refusal.code).toBe(Code.ResourceExhausted);
    expect(refusal.message).toContain("subnet full");
    expect(told).toHaveLength(1);
  });

  it("is told of each try, so that its event counts them", async () => {
    for (let i = 0; i < 3; i++) {
      const answer = ask();
      await clock.advance(59_000);
      await answer;
    }
    expect(told.map(([at]) => at)).toEqual([10, 69, 128]);
  });

  it("is told only at the end while an address is on its way, or ipamd has not looked yet", async () => {
    for (const passing of ["Attaching", "Serving"]) {
      told = [];
      reason = passing;
      const answer = ask();
      await clock.advance(58_000);
      expect(told).toEqual([]);
      await clock.advance(1_000);
      await answer;
      expect(told).toHaveLength(1);
    }
  });

  it("is told what has become of it meanwhile", async () => {
    reason = "Attaching";
    void ask();
    await clock.advance(15_000);
    reason = "Throttled";
    await clock.advance(15_000);
    reason = "NotAuthorised";
    await clock.advance(15_000);
    expect(told).toEqual([
      [20, "throttled"],
      [40, "not authorised"],
    ]);
  });

  it("is told nothing more once its caller has gone", async () => {
    const hangingUp = new AbortController();
    const answer = ask(hangingUp.signal);
    await clock.advance(5_000);
    hangingUp.abort();
    expect(((await answer) as ConnectError).code).toBe(Code.Unavailable);
    await clock.advance(120_000);
    expect(told).toEqual([]);
  });
});
