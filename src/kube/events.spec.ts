import { beforeEach, describe, expect, test } from "bun:test";
import { createManualClock, type ManualClock } from "../time/testing/manual-clock.ts";
import type { KubeEvent } from "./core-resources.ts";
import type { Occurrence } from "./event-series.ts";
import { createEventRecorder, type EventRecorder } from "./events.ts";
import { createMemoryClient, type MemoryClient } from "./testing/memory-client.ts";
import { createRecordingLogger, type RecordingLogger } from "./testing/recording-logger.ts";

let clock: ManualClock;
let client: MemoryClient;
let logger: RecordingLogger;
let recorder: EventRecorder;

beforeEach(() => {
  clock = createManualClock();
  client = createMemoryClient();
  logger = createRecordingLogger();
  let seed = 0;
  const random = () => {
    seed += 1 / 1024;
    return seed;
  };
  recorder = createEventRecorder(
    { client, clock, random, logger },
    { component: "tke-eni-agent", instance: "node-1" },
  );
});

const about = { apiVersion: "v1", kind: "Pod", name: "web-0", namespace: "shop", uid: "u1" };
const noAddress: Occurrence = {
  about,
  type: "Warning",
  reason: "NoFreeAddress",
  message: "node-1 has no free address",
};

const written = () => [...client.objects.values()] as unknown as KubeEvent[];

describe("an event recorder", () => {
  test("writes what kubectl describe looks for", async () => {
    recorder.record(noAddress);
    await clock.advance(0);
    expect(written()).toHaveLength(1);
    expect(written()[0]).toMatchObject({
      metadata: { namespace: "shop", name: expect.stringMatching(/^web-0\.[0-9a-f]+$/) },
      involvedObject: about,
      type: "Warning",
      reason: "NoFreeAddress",
      message: "node-1 has no free address",
      source: { component: "tke-eni-agent", host: "node-1" },
      reportingComponent: "tke-eni-agent",
      reportingInstance: "node-1",
      firstTimestamp: "2026-01-01T00:00:00Z",
      lastTimestamp: "2026-01-01T00:00:00Z",
      count: 1,
    });
  });

  test("counts equal occurrences into one Event, in few writes", async () => {
    for (let at = 0; at < 100; at += 1) {
      recorder.record(noAddress);
      await clock.advance(100);
    }
    await recorder.stop();
    expect(written()).toMatchObject([
      { count: 100, firstTimestamp: "2026-01-01T00:00:00Z", lastTimestamp: "2026-01-01T00:00:09Z" },
    ]);
    expect(client.calls.length).toBeLessThanOrEqual(7);
  });

  test("tells apart what differs in object, reason or message", async () => {
    recorder.record(noAddress);
    recorder.record({ ...noAddress, about: { ...about, uid: "u2" } });
    recorder.record({ ...noAddress, reason: "Throttled" });
    recorder.record({ ...noAddress, message: "node-1 is throttled" });
    await recorder.stop();
    expect(written().map(({ count }) => count)).toEqual([1, 1, 1, 1]);
  });

  test("begins a new Event when the API server has forgotten the old one", async () => {
    recorder.record(noAddress);
    await clock.advance(3_000);
    client.objects.clear();
    recorder.record(noAddress);
    await recorder.stop();
    expect(written()).toMatchObject([{ count: 2 }]);
  });

  test("begins a new series after a long quiet", async () => {
    recorder.record(noAddress);
    await clock.advance(11 * 60_000);
    recorder.record(noAddress);
    await recorder.stop();
    expect(written()).toMatchObject([{ count: 1 }, { count: 1 }]);
  });

  test("puts one about a cluster-scoped object into `default`", async () => {
    recorder.record({ ...noAddress, about: { apiVersion: "v1", kind: "Node", name: "node-1", uid: "u" } });
    await recorder.stop();
    expect(written()).toMatchObject([
      {
        metadata: { namespace: "default" },
        involvedObject: { apiVersion: "v1", kind: "Node", name: "node-1", uid: "u" },
      },
    ]);
  });

  test("does without an API server, and makes up for it later", async () => {
    client.fate = "never received";
    recorder.record(noAddress);
    await clock.advance(5_000);
    expect(logger.lines.map(({ message }) => message)).toEqual(["an event could not be written"]);
    client.fate = "well";
    recorder.record(noAddress);
    await recorder.stop();
    expect(written()).toMatchObject([{ count: 2 }]);
  });

  test("keeps no more series than it can hold in a storm", async () => {
    for (let at = 0; at < 1500; at += 1) recorder.record({ ...noAddress, message: `message ${at}` });
    await recorder.stop();
    expect(written().length).toBeLessThanOrEqual(1001);
    expect(written().at(-1)?.message).toBe("message 1499");
  });

  test("takes nothing after stop()", async () => {
    await recorder.stop();
    recorder.record(noAddress);
    await clock.advance(5_000);
    expect(client.calls).toEqual([]);
  });
});
