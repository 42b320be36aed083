import { expect, test } from "bun:test";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import { CloudView } from "../cloud-view/cloud-view.ts";
import { createMemoryObjects } from "../objects/testing/memory-objects.ts";
import type { SlimPod } from "../waiting/slim-pod.ts";
import { ClaimsOfNodes } from "./claims-of-nodes.ts";
import type { NodeWorld } from "./node-world.ts";

test("a pod whose address somebody outside has asks for nothing until it is asked for again, and has no other made meanwhile", () => {
  const pods = ["web-0", "web-1"].map(
    (name) => ({ metadata: { name, namespace: "shop" }, claim: { ownOnly: true } }) as unknown as SlimPod,
  );
  const claims = new Map(
    ["web-0", "web-1"].map((name, i) => [
      `shop/${name}`,
      { metadata: { name, namespace: "shop" }, spec: { policy: "Never", address: `10.0.16.${i + 5}` } },
    ]),
  );
  let taken = "shop/web-0";
  const world = {
    clock: createManualClock(),
    view: new CloudView(),
    objects: createMemoryObjects().objects,
    claims: {
      book: {
        podsOn: () => pods,
        claim: (key: string) => claims.get(key) as unknown as VpcIPClaim,
        keeps: () => true,
        isJustEmptied: () => false,
      },
      options: { poolSize: 0, onlyNominated: false },
      isTaken: (key: string) => key === taken,
    },
  } as unknown as NodeWorld;
  const found = () => {
    const { needs = [], demand } =
      new ClaimsOfNodes(world).of("node-1", { instance: { id: "ins-1" }, movable: new Set() }) ?? {};
    return [needs.map(({ key }) => key), demand];
  };
  expect(found()).toEqual([["shop/web-1"], 1]);
  taken = "";
  expect(found()).toEqual([["shop/web-0", "shop/web-1"], 2]);
});
