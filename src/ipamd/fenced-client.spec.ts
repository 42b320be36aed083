import { expect, test } from "bun:test";
import { nodes } from "../kube/core-resources.ts";
import type { KubeClient } from "../kube/kube-client.ts";
import { fencedClient } from "./fenced-client.ts";

test("writes go through while this process leads, and are refused by name once it does not", async () => {
  const sent: string[] = [];
  const note = (what: string) => async () => void sent.push(what);
  let leads = true;
  const client = fencedClient(
    {
      get: note("get"),
      find: note("find"),
      list: note("list"),
      create: note("create"),
      apply: note("apply"),
      applyStatus: note("applyStatus"),
      mergePatch: note("mergePatch"),
      delete: note("delete"),
    } as unknown as KubeClient,
    () => leads,
  );
  const object = { metadata: { name: "node-1" } };
  const owner = { fieldManager: "x" };
  const writes = [
    () => client.create(nodes, { ...object, spec: {} }),
    () => client.apply(nodes, object, owner),
    () => client.applyStatus(nodes, object, owner),
    () => client.mergePatch(nodes, "node-1", { patch: {} }),
    () => client.delete(nodes, "node-1"),
  ];
  for (const write of writes) await write();
  expect(sent).toEqual(["create", "apply", "applyStatus", "mergePatch", "delete"]);
  leads = false;
  for (const write of writes)
    await expect(write()).rejects.toThrow(/nodes.* is not written: this process leads no more/);
  await client.get(nodes, "node-1");
  await client.find(nodes, "node-1");
  await client.list(nodes);
  expect(sent.slice(5)).toEqual(["get", "find", "list"]);
});
