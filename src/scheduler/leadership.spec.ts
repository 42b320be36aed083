import { afterEach, beforeEach, expect, it } from "bun:test";
import { createMemoryClient, type MemoryClient } from "../kube/testing/memory-client.ts";
import { createRecordingLogger } from "../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../time/testing/manual-clock.ts";
import { Leadership } from "./leadership.ts";

let client: MemoryClient;
let clock: ManualClock;
let isNew: boolean;
let lost: string[];
let started: Leadership[];

beforeEach(() => {
  client = createMemoryClient();
  clock = createManualClock();
  isNew = true;
  lost = [];
  started = [];
});

afterEach(async () => {
  for (const leadership of started) await leadership.stop(Promise.resolve());
});

function start(identity: string): Leadership {
  const made = new Leadership(
    { client, clock, random: () => 0, logger: createRecordingLogger() },
    { namespace: "kube-system", identity, isNewCluster: async () => isNew, lost: () => lost.push(identity) },
  );
  started.push(made);
  return made;
}

/** Why it does not answer; undefined: it does. */
function why(leadership: Leadership): string | undefined {
  try {
    leadership.check();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

it("has one answer, in a new cluster at once, and the others say that they stand by", async () => {
  const [a, b] = [start("a"), start("b")];
  expect(why(a)).toContain("a stands by");
  await clock.advance(100);
  expect(why(a)).toBeUndefined();
  a.checkCall();
  expect(why(b)).toBe(
    "tke-eni-ip-scheduler b stands by: another one has the Lease kube-system/tke-eni-ip-scheduler; it is tried again",
  );
  expect(() => b.checkCall()).toThrow("b may be about to lose its Lease");
});

it("hands over at once when it is stopped, after what is under way", async () => {
  const [a, b] = [start("a"), start("b")];
  await clock.advance(100);
  const underWay = Promise.withResolvers<void>();
  const stopped = a.stop(underWay.promise);
  expect(why(a)).toContain("is being stopped");
  await clock.advance(3000);
  expect(why(b)).toContain("stands by");
  underWay.resolve();
  await clock.advance(1);
  await stopped;
  await clock.advance(3000);
  expect(why(b)).toBeUndefined();
});

it("stops answering by its own clock when it cannot renew, and waits for the one before when that may still act", async () => {
  const a = start("a");
  await clock.advance(100);
  client.fate = "never received";
  await clock.advance(9000);
  expect(() => a.checkCall()).toThrow();
  await clock.advance(2000);
  expect(why(a)).toContain("stands by");
  expect(lost).toEqual(["a"]);
  client.fate = "well";
  const b = start("b");
  isNew = false;
  await clock.until(() => why(a) === undefined || why(b) === undefined, 60_000);
});

it("waits also where there was no Lease, but pods have been let pass before", async () => {
  isNew = false;
  const a = start("a");
  await clock.advance(100);
  const waits =
    "tke-eni-ip-scheduler a waits until no call of the one before can be under way any more; it is tried again";
  expect(why(a)).toBe(waits);
  await clock.advance(11_000);
  expect(why(a)).toBe(waits);
  await clock.advance(1000);
  expect(why(a)).toBeUndefined();
});
