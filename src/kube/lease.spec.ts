import { beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createManualClock, type ManualClock } from "../time/testing/manual-clock.ts";
import type { Lease } from "./core-resources.ts";
import { type LeaderElector, startLeaderElection } from "./lease.ts";
import { createMemoryClient, type Fate, type MemoryClient } from "./testing/memory-client.ts";
import { createRecordingLogger } from "./testing/recording-logger.ts";

const timing = { leaseDurationMs: 15_000, retryMs: 2_000, longestCallMs: 5_000 };

let clock: ManualClock;
let client: MemoryClient;
let told: string[];

beforeEach(() => {
  clock = createManualClock();
  client = createMemoryClient();
  told = [];
});

function elect(identity: string, own: MemoryClient = client): LeaderElector {
  return startLeaderElection(
    { client: own, clock, random: () => 0, logger: createRecordingLogger() },
    {
      ...timing,
      namespace: "kube-system",
      name: "ipamd",
      identity,
      onAcquired: ({ from, waitUntil }) =>
        told.push(`${identity} leads, from ${from}, waits until ${waitUntil}`),
      onLost: () => told.push(`${identity} lost`),
    },
  );
}

/** The same server, seen over a network of its own. */
function over(server: MemoryClient): MemoryClient {
  const own: MemoryClient = {
    ...server,
    fate: "well",
    find: (...args) => withFate(() => server.find(...args)),
    create: (...args) => withFate(() => server.create(...args)),
    mergePatch: (...args) => withFate(() => server.mergePatch(...args)),
  };
  function withFate<R>(call: () => R): R {
    server.fate = own.fate;
    const result = call();
    server.fate = "well";
    return result;
  }
  return own;
}

const holder = () =>
  (client.objects.get("leases/kube-system/ipamd") as Lease | undefined)?.spec.holderIdentity;

describe("startLeaderElection()", () => {
  test("takes the Lease, renews it, and knows what it outlives", async () => {
    const elector = elect("a");
    expect(elector.isLeader()).toBe(false);
    await clock.advance(0);
    expect(told).toEqual(["a leads, from nobody, waits until 20000"]);
    expect([elector.outlives(14_999), elector.outlives(15_000)]).toEqual([true, false]);
    await clock.advance(1_500);
    expect(elector.outlives(13_500)).toBe(false);
    await clock.advance(500);
    expect(elector.outlives(14_999)).toBe(true);
    await clock.advance(60_000);
    expect(elector.isLeader()).toBe(true);
    await elector.stop();
  });

  test("stop() hands over at once, and the successor need not wait", async () => {
    const first = elect("a");
    await clock.advance(0);
    const second = elect("b");
    await clock.advance(10_000);
    await first.stop();
    expect([first.isLeader(), first.acquisition(), holder()]).toEqual([false, undefined, ""]);
    await clock.advance(2_000);
    expect(told).toEqual([
      "a leads, from nobody, waits until 20000",
      "b leads, from released, waits until 12000",
    ]);
    await second.stop();
  });

  test("who has not waited a former leader's calls out leaves the Lease to run out, so that its successor waits", async () => {
    const first = elect("a");
    await clock.advance(0);
    const second = elect("b");
    await clock.advance(10_000);
    await first.stop({ giveBack: false });
    expect([first.isLeader(), first.acquisition(), holder()]).toEqual([false, undefined, "a"]);
    await clock.advance(22_000);
    expect(second.acquisition()).toMatchObject({ from: "expired", previousHolder: "a" });
    await second.stop();
  });

  test("a holder that is cut off stops leading before another begins", async () => {
    const network = over(client);
    const first = elect("a", network);
    await clock.advance(0);
    const second = elect("b");
    await clock.advance(3_000);
    network.fate = "never received";
    await clock.advance(13_900);
    expect([first.isLeader(), second.isLeader()]).toEqual([true, false]);
    await clock.advance(200);
    expect([first.isLeader(), second.isLeader()]).toEqual([false, true]);
    expect(second.acquisition()).toMatchObject({ from: "expired", previousHolder: "a" });
    expect(told[1]).toBe("a lost");
    await Promise.all([first.stop(), second.stop()]);
    expect(holder()).toBe("");
  });

  test("a deleted Lease is lost, and taken again with the wait of a new one", async () => {
    const elector = elect("a");
    await clock.advance(1_000);
    client.objects.clear();
    await clock.advance(1_000);
    expect(told).toEqual([
      "a leads, from nobody, waits until 20000",
      "a lost",
      "a leads, from nobody, waits until 22000",
    ]);
    await elector.stop();
  });

  test("refuses a lease that could never outlive a call", () => {
    expect(() =>
      startLeaderElection(
        { client, clock, random: () => 0, logger: createRecordingLogger() },
        {
          ...timing,
          longestCallMs: 30_000,
          namespace: "n",
          name: "l",
          identity: "a",
          onAcquired() {},
          onLost() {},
        },
      ),
    ).toThrow("would not outlive a call of 30000 ms");
  });

  test("whatever the network does, there are never two leaders", async () => {
    const turn = fc.record({
      who: fc.nat({ max: 2 }),
      fate: fc.constantFrom<Fate>("well", "well", "never received", "answer lost"),
      ms: fc.integer({ min: 1, max: 9_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(turn, { maxLength: 30 }), async (turns) => {
        clock = createManualClock();
        client = createMemoryClient();
        const networks = [over(client), over(client), over(client)];
        const electors = networks.map((network, at) => elect(`e${at}`, network));
        for (const { who, fate, ms } of turns) {
          const network = networks[who];
          if (network) network.fate = fate;
          for (let left = ms; left > 0; left -= 500) {
            await clock.advance(Math.min(left, 500));
            expect(electors.filter((elector) => elector.isLeader()).length).toBeLessThanOrEqual(1);
          }
        }
        for (const network of networks) network.fate = "well";
        await clock.advance(60_000);
        expect(electors.filter((elector) => elector.isLeader())).toHaveLength(1);
        for (const elector of electors) await elector.stop();
      }),
      { numRuns: 30 },
    );
  });
});
