import { expect, test } from "bun:test";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import { ClaimBook, type PodSource } from "../claims/claim-book.ts";
import { CloudView } from "../cloud-view/cloud-view.ts";
import type { ObjectCache } from "../objects/object-cache.ts";
import { createMemoryObjects } from "../objects/testing/memory-objects.ts";
import { TokenBook } from "../objects/token-book.ts";
import { type ActionContext, executeAction } from "./execute-action.ts";
import type { NodeWorld } from "./node-world.ts";

test("a node to which an address is to move is looked at again when the ENI that it leaves has done what it was at", async () => {
  const book = new ClaimBook({} as ObjectCache<VpcIPClaim>, {} as PodSource);
  const view = new CloudView();
  view.expect("eni-1", []);
  const world = { view, claims: { book } } as unknown as NodeWorld;
  const move = { kind: "move", eniId: "eni-2", address: "10.0.16.5", from: "eni-1" } as const;
  for (const node of ["node-2", "node-3", "node-2"]) {
    await executeAction(world, move, { node } as ActionContext);
  }
  expect([...book.takeAwaiting("eni-2")]).toEqual([]);
  expect([...book.takeAwaiting("eni-1")]).toEqual(["node-2", "node-3"]);
  expect([...book.takeAwaiting("eni-1")]).toEqual([]);
});

test("an ENI that its agent has refused is asked for until its pod has gone, and not again and again", async () => {
  const modes: (string | undefined)[] = [];
  for (const state of ["Ready", "Refused"] as const) {
    const memory = createMemoryObjects();
    const use = { state, since: "2026-01-01T00:00:00Z" };
    memory.enis.set("eni-1", {
      metadata: { name: "eni-1" },
      spec: { intent: "Attached" },
      status: { use },
    } as VpcENI);
    const world = { objects: memory.objects, tokens: new TokenBook(() => "token") } as unknown as NodeWorld;
    await executeAction(world, { kind: "ask-eni-back", eniId: "eni-1" }, {} as ActionContext);
    modes.push(memory.enis.get("eni-1")?.spec.reclaim?.mode);
  }
  expect(modes).toEqual(["now", "when-free"]);
});
