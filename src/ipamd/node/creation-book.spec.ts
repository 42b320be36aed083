import { beforeEach, describe, expect, test } from "bun:test";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import { CloudView } from "../cloud-view/cloud-view.ts";
import { createMemoryObjects, type MemoryObjects } from "../objects/testing/memory-objects.ts";
import { CreationBook } from "./creation-book.ts";
import { LOST_CREATE_MS } from "./lost-creation.ts";
import type { NodeWorld } from "./node-world.ts";

let clock: ManualClock;
let memory: MemoryObjects;
let view: CloudView;
let inCloud: Eni[];
let searches: string[];
let fullReadings: number;
let book: CreationBook;

function eniOf(nonce: string, node: string): Eni {
  return cloudEni({
    id: `eni-${nonce}`,
    instanceId: "ins-1",
    tags: [
      { key: ENI_TAGS.node, value: node },
      { key: ENI_TAGS.nonce, value: nonce },
      { key: ENI_TAGS.clusterUid, value: "uid" },
    ],
  });
}

async function intend(node: string, nonce = `nonce-of-${node}`): Promise<string> {
  const since = "2026-03-01T12:00:00Z";
  await memory.objects.writeConfigStatus(node, {
    creating: { nonce, subnetID: "subnet-a", addresses: 2, since },
  });
  return nonce;
}

beforeEach(() => {
  clock = createManualClock();
  memory = createMemoryObjects();
  view = new CloudView();
  inCloud = [];
  searches = [];
  fullReadings = 0;
  const world = {
    clock,
    view,
    objects: memory.objects,
    logger: createRecordingLogger(),
    options: { cluster: { id: "cls-1", uid: "uid" } },
    cloud: {
      interfacesByTag: async ({ value }: { value: string }) => {
        searches.push(value);
        return inCloud.filter((eni) => eni.id === `eni-${value}`);
      },
    },
  } as unknown as NodeWorld;
  book = new CreationBook(world, async () => {
    fullReadings++;
    const began = clock.monotonic();
    view.readAll(inCloud, began);
    return began;
  });
});

describe("CreationBook", () => {
  test("an intent of which nothing came is dropped by readings far enough apart, few of them", async () => {
    await intend("a");
    while ((await book.settle("a")) !== undefined) await clock.advance(100);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(LOST_CREATE_MS);
    expect(clock.monotonic()).toBeLessThan(LOST_CREATE_MS + 1000);
    expect(searches).toHaveLength(6);
  });

  test("an ENI that shows later is found by its nonce, and the intent stands until it is adopted", async () => {
    const nonce = await intend("a");
    expect(await book.settle("a")).toBeDefined();
    expect(book.dueInMs("a")).toBe(1000);
    inCloud = [eniOf(nonce, "a")];
    await clock.advance(1000);
    expect(await book.settle("a")).toBeDefined();
    expect(view.get(`eni-${nonce}`)).toBeDefined();
    await memory.objects.writeEni(`eni-${nonce}`, { node: "a" } as Parameters<
      typeof memory.objects.writeEni
    >[1]);
    expect(await book.settle("a")).toBeUndefined();
  });

  test("many intents at once share readings of everything", async () => {
    const names = Array.from({ length: 40 }, (_, i) => `node-${i}`);
    for (const name of names) await intend(name);
    for (const name of names) expect(await book.settle(name)).toBeDefined();
    expect(searches).toHaveLength(5);
    expect(fullReadings).toBe(35);
    const nonce = await intend("late");
    inCloud = [eniOf(nonce, "late")];
    expect(await book.settle("late")).toBeDefined();
    expect(view.get(`eni-${nonce}`)).toBeDefined();
  });
});
