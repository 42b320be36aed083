import { expect, test } from "bun:test";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import { CloudView } from "../cloud-view/cloud-view.ts";
import { createMemoryObjects } from "../objects/testing/memory-objects.ts";
import type { SlimPod } from "../waiting/slim-pod.ts";
import { ClaimsOfNodes } from "./claims-of-nodes.ts";
import type { NodeWorld } from "./node-world.ts";

/** Two pods that wait for addresses which no ENI is seen with, on a node of one ENI. */
function twoThatWait() {
  const pods = ["web-0", "web-1"].map(
    (name) => ({ metadata: { name, namespace: "shop" }, claim: { ownOnly: true } }) as unknown as SlimPod,
  );
  const claims = new Map(
    ["web-0", "web-1"].map((name, i) => [
      `shop/${name}`,
      { metadata: { name, namespace: "shop" }, spec: { policy: "Never", address: `10.0.16.${i + 5}` } },
    ]),
  );
  const memory = createMemoryObjects();
  const taken = new Set<string>();
  const lost = new Map<string, number>();
  const view = new CloudView();
  const world = {
    clock: createManualClock(),
    view,
    objects: memory.objects,
    claims: {
      book: {
        podsOn: () => pods,
        claim: (key: string) => claims.get(key) as unknown as VpcIPClaim,
        keeps: () => true,
        isJustEmptied: () => false,
      },
      options: { poolSize: 0, onlyNominated: false },
      isTaken: (key: string) => taken.has(key),
      lostAt: (key: string) => lost.get(key),
    },
  } as unknown as NodeWorld;
  const node = new ClaimsOfNodes(world);
  const found = () => {
    const { needs = [], demand } = node.of("node-1", { instance: { id: "ins-1" }, movable: new Set() }) ?? {};
    return [needs.map(({ key }) => key), demand];
  };
  return { found, taken, lost, view, memory, awaitsProof: () => node.awaitsProof("node-1") };
}

test("an address that has left its ENI is not assigned by name to one that was read before: a late move may have brought it there", () => {
  const { found, lost, view, memory, awaitsProof } = twoThatWait();
  const eni = cloudEni({ instanceId: "ins-1" });
  memory.enis.set(eni.id, { metadata: { name: eni.id }, spec: { node: "node-1" } } as VpcENI);
  view.readAll([eni], 1000);
  lost.set("shop/web-0", 2000);
  expect(found()).toEqual([["shop/web-1"], 1]);
  expect([awaitsProof(), view.unsettled()]).toEqual([true, [eni.id]]);
  view.read([eni.id], [eni], 2500);
  expect(found()).toEqual([["shop/web-0", "shop/web-1"], 2]);
  expect(view.unsettled()).toEqual([]);
});

test("a pod whose address somebody outside has asks for nothing until it is asked for again, and has no other made meanwhile", () => {
  const { found, taken } = twoThatWait();
  taken.add("shop/web-0");
  expect(found()).toEqual([["shop/web-1"], 1]);
  taken.clear();
  expect(found()).toEqual([["shop/web-0", "shop/web-1"], 2]);
});
