import { expect, test } from "bun:test";
import { drainSubnets, type EniInSubnet, type SubnetsToDrain } from "./subnet-drain.ts";

function eni(node: string, changes: Partial<EniInSubnet> = {}): EniInSubnet {
  return { subnetId: "subnet-b", node: `node-${node}`, addresses: 10, inUse: 0, ...changes };
}

function drain(changes: Partial<SubnetsToDrain>) {
  const known = [{ id: "subnet-a" }, { id: "subnet-b" }];
  return drainSubnets({ configured: ["subnet-a"], known, enis: [], now: 0, ...changes });
}

test("a configured subnet is not drained, whatever is in it", () => {
  expect(drain({ configured: ["subnet-a", "subnet-b"], enis: [eni("1")] })).toEqual([]);
});

test("a removed one says what is left and where, until its last pod is gone", () => {
  const enis = ["4", "2", "1", "3"].map((id) => eni(id, { inUse: id === "1" ? 2 : 0 }));
  expect(drain({ enis })).toEqual([
    {
      subnetId: "subnet-b",
      state: "Draining",
      condition: {
        type: "Drained",
        status: "False",
        reason: "InUse",
        message:
          "4 ENIs with 40 addresses on node-1, node-2, node-3 and 1 more node left, 2 in use by pods: each ENI goes with its last pod; to hasten it, delete the pods or drain the nodes",
        lastTransitionTime: "1970-01-01T00:00:00.000Z",
      },
    },
  ]);
  expect(drain({ enis: [eni("1", { addresses: 1 })] })[0]?.condition).toMatchObject({
    reason: "Releasing",
    message: "1 ENI with 1 address on node-1 left, none in use: being given back, nothing is to be done",
  });
});

test("and then that it is drained, from when it is", () => {
  const [gone] = drain({ now: 1000 });
  expect(gone).toMatchObject({
    state: "Disabled",
    condition: { status: "True", reason: "Drained", lastTransitionTime: "1970-01-01T00:00:01.000Z" },
  });
  const known = [{ id: "subnet-b", drained: gone?.condition }];
  expect(drain({ known, now: 5000 })).toEqual(gone === undefined ? [] : [gone]);
});

test("an ENI in a subnet that has no object is found", () => {
  const found = drain({ enis: [eni("1", { subnetId: "subnet-c" })] });
  expect(found.map((d) => [d.subnetId, d.state])).toEqual([
    ["subnet-b", "Disabled"],
    ["subnet-c", "Draining"],
  ]);
});
