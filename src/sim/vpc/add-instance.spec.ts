import { describe, expect, it } from "bun:test";
import { addInstance, type InstanceWish } from "./add-instance.ts";
import { ids, refusal, smallCloud } from "./small-cloud.ts";

function wish(changes: Partial<InstanceWish> = {}): InstanceWish {
  return {
    instanceId: "ins-0000000c",
    name: "c",
    instanceType: "S5.MEDIUM4",
    zone: "ap-sim-1",
    subnetId: "subnet-node0001",
    privateAddress: "10.0.1.12",
    host: { netns: "/run/netns/c", device: "eth0" },
    ...changes,
  };
}

describe("addInstance()", () => {
  it("starts a machine whose primary network interface is plugged in under its device's name", () => {
    const { state, answer, effects } = addInstance(smallCloud(), wish(), { now: 5 });
    const { eniId, mac } = answer.eni;
    expect(answer.instance).toMatchObject({ state: "RUNNING", primaryEniId: eniId, vpcId: ids.vpc });
    expect(state.enis.get(eniId)).toMatchObject({
      primary: true,
      state: "AVAILABLE",
      attachment: { deviceIndex: 0 },
    });
    expect(effects).toEqual([
      { kind: "plug", eniId, instanceId: "ins-0000000c", mac, netns: "/run/netns/c", device: "eth0" },
      { kind: "assign", eniId, addresses: ["10.0.1.12"] },
    ]);
  });

  it("has no effect for a machine of which there is only the record", () => {
    const { host: _, ...rest } = wish();
    expect(addInstance(smallCloud(), rest, { now: 5 }).effects).toEqual([]);
  });

  const refused: [string, Partial<InstanceWish>, string][] = [
    ["an id that exists", { instanceId: ids.a }, "ResourceInUse"],
    ["a type that is not known", { instanceType: "m5.large" }, "InvalidParameterValue"],
    ["a subnet of another zone", { zone: "ap-sim-2" }, "UnsupportedOperation.ZoneMismatch"],
    ["an address that somebody has", { privateAddress: "10.0.1.10" }, "ResourceInUse"],
  ];
  for (const [what, changes, code] of refused) {
    it(`refuses ${what} with ${code}`, () => {
      expect(refusal(() => addInstance(smallCloud(), wish(changes), { now: 5 }))).toBe(code);
    });
  }
});
