import { beforeEach, describe, expect, test } from "bun:test";
import { ENI_TAGS } from "../api/eni-tags.ts";
import type { CloudVpc, Eni, Tag } from "../cloud/cloud-vpc.ts";
import { cloudEni } from "../cloud/testing/cloud-eni.ts";
import { createManualClock } from "../time/testing/manual-clock.ts";
import { adopt } from "./adopt.ts";
import { answeringTransport } from "./testing/answering-transport.ts";

function eni(id: string, uid: string, node = "node-1"): Eni {
  return cloudEni({
    id,
    tags: [
      { key: ENI_TAGS.clusterId, value: "cls-1" },
      { key: ENI_TAGS.clusterUid, value: uid },
      { key: ENI_TAGS.node, value: node },
    ],
  });
}

let enis: Eni[];
let retagged: [string, readonly Tag[]][];
let printed: string;

beforeEach(() => {
  enis = [eni("eni-1", "uid-old"), eni("eni-2", "uid-old"), eni("eni-3", "uid-1"), eni("eni-4", "uid-third")];
  retagged = [];
  printed = "";
});

async function run(fromUid?: string): Promise<void> {
  const clock = createManualClock();
  const transport = answeringTransport({
    "/api/v1/namespaces/kube-system": { metadata: { name: "kube-system", uid: "uid-1" } },
  });
  const cloud = {
    interfacesByTag: async (tag: Tag) => {
      expect(tag).toEqual({ key: ENI_TAGS.clusterId, value: "cls-1" });
      return enis;
    },
    retag: async (id: string, tags: readonly Tag[]) => void retagged.push([id, tags]),
  } as unknown as CloudVpc;
  const print = (text: string) => {
    printed += text;
  };
  const running = adopt({ transport, cloud, clock }, { clusterId: "cls-1", fromUid, print });
  // A refusal is looked at by the test itself.
  running.catch(() => {});
  for (let i = 0; i < 20; i++) await clock.advance(100);
  return running;
}

describe("adopt()", () => {
  test("without a UID it lists whose ENIs there are, and changes nothing", async () => {
    await run();
    expect(retagged).toEqual([]);
    expect(printed).toContain("2 ENIs of UID uid-old: eni-1 of node node-1, eni-2 of node node-1");
    expect(printed).toContain("tke-eni-ipamd adopt --from-uid uid-third");
  });

  test("says so where every ENI is this cluster's", async () => {
    enis = [eni("eni-3", "uid-1")];
    await run();
    expect(printed).toBe('Every ENI of cluster id "cls-1" is this cluster\'s (uid-1).\n');
  });

  test("takes over the ENIs of that UID only", async () => {
    await run("uid-old");
    const tags = [{ key: ENI_TAGS.clusterUid, value: "uid-1" }];
    expect(retagged).toEqual([
      ["eni-1", tags],
      ["eni-2", tags],
    ]);
    expect(printed).toContain("eni-2 is this cluster's now");
  });

  test("refuses a UID that no ENI has", async () => {
    expect(run("uid-typo")).rejects.toThrow('no ENI of cluster id "cls-1" has the UID "uid-typo"');
    expect(retagged).toEqual([]);
  });
});
