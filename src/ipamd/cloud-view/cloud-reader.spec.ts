import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import { createRecordingLogger, type RecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { CloudReader } from "./cloud-reader.ts";
import { CloudView } from "./cloud-view.ts";

const POLL_MS = 300;
const FULL_MS = 30_000;

function eni(id: string, overrides: Partial<Eni> = {}): Eni {
  return cloudEni({
    id,
    subnetId: "subnet-1",
    zone: "zone-1",
    instanceId: "ins-1",
    ...overrides,
  });
}

let clock: ManualClock;
let logger: RecordingLogger;
let view: CloudView;
let enis: Map<string, Eni>;
let failure: Error | undefined;
/** When everything was read, and when which ids were. */
let fullReads: number[];
let reads: { at: number; ids: readonly string[] }[];
let changed: string[];
let foreign: string[][];
let onChanged: () => void;
let isUrgent: boolean;
/** How long the cloud takes to tell everything, in milliseconds. */
let fullTakesMs: number;
let reader: CloudReader;

beforeEach(() => {
  clock = createManualClock();
  logger = createRecordingLogger();
  view = new CloudView();
  enis = new Map();
  failure = undefined;
  fullReads = [];
  reads = [];
  changed = [];
  foreign = [];
  onChanged = () => {};
  isUrgent = true;
  fullTakesMs = 0;
  reader = new CloudReader({
    cloud: {
      interfacesByTag: async () => {
        fullReads.push(clock.monotonic());
        if (failure !== undefined) throw failure;
        const answer = [...enis.values()];
        if (fullTakesMs > 0) await clock.sleep(fullTakesMs);
        return answer;
      },
      interfacesById: async (ids) => {
        reads.push({ at: clock.monotonic(), ids });
        if (failure !== undefined) throw failure;
        return ids.flatMap((id) => enis.get(id) ?? []);
      },
    },
    view,
    clock,
    logger,
    tag: { key: "k", value: "v" },
    isOurs: (it) => !it.primary,
    changed: (ids) => {
      changed.push(...ids);
      onChanged();
    },
    foreign: (list) => void foreign.push(list.map(({ id }) => id)),
    pollMs: POLL_MS,
    pressedPollMs: POLL_MS,
    isPressed: () => false,
    isUrgent: () => isUrgent,
    fullMs: FULL_MS,
  });
});

afterEach(() => reader.stop());

function put(...list: Eni[]): void {
  for (const it of list) enis.set(it.id, it);
}

describe("CloudReader", () => {
  test("reads everything at its pace, and nothing else while all is settled", async () => {
    put(eni("eni-1"));
    await reader.readAll();
    expect(changed).toEqual(["eni-1"]);
    reader.start();
    await clock.advance(FULL_MS * 2 + POLL_MS);
    expect(fullReads).toEqual([0, FULL_MS, FULL_MS * 2]);
    expect(reads).toEqual([]);
    expect(changed).toEqual(["eni-1"]);
  });

  test("reads what has something under way soon and in one call, and stops when that is done", async () => {
    put(eni("eni-1"), eni("eni-2"), eni("eni-3"));
    await reader.readAll();
    reader.start();
    put(eni("eni-1", { state: "detaching" }), eni("eni-2", { state: "detaching" }));
    view.touch("eni-1", clock.monotonic());
    view.touch("eni-2", clock.monotonic());
    await clock.advance(POLL_MS);
    expect(reads).toEqual([{ at: POLL_MS, ids: ["eni-1", "eni-2"] }]);
    put(eni("eni-1"), eni("eni-2"));
    await clock.advance(POLL_MS);
    expect(reads).toHaveLength(2);
    await clock.advance(POLL_MS * 20);
    expect(reads).toHaveLength(2);
  });

  test("what nobody waits for is read later, so that one reading sees much of it done", async () => {
    put(eni("eni-1"), eni("eni-2"));
    await reader.readAll();
    reader.start();
    isUrgent = false;
    view.touch("eni-1", clock.monotonic());
    await clock.advance(POLL_MS * 3);
    view.touch("eni-2", clock.monotonic());
    await clock.advance(POLL_MS * 20);
    expect(reads.length).toBeLessThanOrEqual(2);
    expect(reads[0]?.at).toBeGreaterThan(1000);
    expect([view.isBusy("eni-1"), view.isBusy("eni-2")]).toEqual([false, false]);
  });

  test("an operation is first looked at about when its like was done last time", async () => {
    put(eni("eni-1"));
    await reader.readAll();
    reader.start();
    const attach = async (tookMs: number) => {
      reads.length = 0;
      const began = clock.monotonic();
      view.acted("eni-1", { effect: (it) => it.instanceId === "ins-2", movesOn: "ins-2" }, began);
      await clock.advance(tookMs);
      put(eni("eni-1", { instanceId: "ins-2" }));
      await clock.advance(POLL_MS * 4);
      put(eni("eni-1"));
      return reads.map(({ at }) => at - began);
    };
    expect((await attach(3000))[0]).toBe(POLL_MS);
    const second = await attach(3000);
    expect(second[0]).toBeGreaterThan(2000);
    expect(second.length).toBeLessThanOrEqual(4);
  });

  test("what takes long is read less and less often, at last every five seconds", async () => {
    put(eni("eni-1", { state: "attaching" }));
    await reader.readAll();
    reader.start();
    await clock.advance(60_000);
    const times = reads.map(({ at }) => at);
    const pauses = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    expect(pauses).toEqual(pauses.toSorted((a, b) => a - b));
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(5000);
    expect(pauses.at(-1)).toBeLessThan(5000 + POLL_MS);
    expect(pauses[0]).toBe(POLL_MS);
  });

  test("an operation that follows another is not slow because of it", async () => {
    put(eni("eni-1", { state: "attaching" }));
    await reader.readAll();
    reader.start();
    await clock.advance(20_000);
    // As soon as the first is seen to be done, the next begins.
    onChanged = () => {
      onChanged = () => {};
      put(eni("eni-1", { addresses: [{ address: "10.0.16.3", state: "pending" }] }));
      view.touch("eni-1", clock.monotonic());
      reads = [];
    };
    put(eni("eni-1"));
    await clock.advance(6000);
    const [first, second] = reads;
    expect((second?.at ?? Number.NaN) - (first?.at ?? Number.NaN)).toBe(POLL_MS);
  });

  test("reads at most two pages a poll, those first that were read longest ago", async () => {
    const many = Array.from({ length: 250 }, (_, i) => eni(`eni-${i}`, { state: "attaching" }));
    put(...many);
    await reader.readAll();
    reader.start();
    await clock.advance(POLL_MS);
    expect(reads.map(({ ids }) => ids.length)).toEqual([100, 100]);
    await clock.advance(POLL_MS);
    expect(reads.map(({ ids }) => ids.length)).toEqual([100, 100, 100, 100]);
    expect(reads[2]?.ids.slice(0, 50)).toEqual(many.slice(200).map(({ id }) => id));
  });

  test("what carries our tag and is not ours is told, and not taken into the view", async () => {
    put(eni("eni-1"), eni("eni-2", { primary: true }));
    await reader.readAll();
    expect(foreign).toEqual([["eni-2"]]);
    expect(view.get("eni-2")).toBeUndefined();
    expect(reader.lastAnswer.map(({ id }) => id)).toEqual(["eni-1", "eni-2"]);
  });

  test("a failure is told once while it lasts, changes nothing that is known, and the reading is repeated", async () => {
    put(eni("eni-1"));
    await reader.readAll();
    reader.start();
    failure = new Error("no answer");
    await clock.advance(FULL_MS + POLL_MS * 5);
    expect(fullReads.length).toBeGreaterThan(4);
    expect(logger.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    expect(view.isGone("eni-1")).toBe(false);
    failure = undefined;
    const before = fullReads.length;
    await clock.advance(POLL_MS * 3);
    expect(fullReads).toHaveLength(before + 1);
    failure = new Error("no answer");
    await clock.advance(FULL_MS + POLL_MS);
    expect(logger.lines.filter(({ level }) => level === "warn")).toHaveLength(2);
  });

  test("a reading of everything that somebody asks for takes nothing back that has been seen since it began", async () => {
    const { instanceId: _, ...alone } = eni("eni-1");
    put(alone);
    await reader.readAll();
    reader.start();
    fullTakesMs = 5000;
    const asked = reader.readAll();
    await clock.advance(1);
    view.acted("eni-1", { effect: (it) => it.instanceId === "ins-1", movesOn: "ins-1" }, clock.monotonic());
    put(eni("eni-1"));
    const shown: (string | undefined)[] = [];
    onChanged = () => void (view.isBusy("eni-1") || shown.push(view.get("eni-1")?.instanceId));
    await clock.advance(fullTakesMs + POLL_MS * 4);
    await asked;
    expect(shown).toEqual(["ins-1"]);
  });

  test("the very first reading fails towards its caller", () => {
    failure = new Error("no answer");
    expect(reader.readAll()).rejects.toThrow("no answer");
  });
});
