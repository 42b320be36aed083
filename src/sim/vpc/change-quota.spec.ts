import { describe, expect, it } from "bun:test";
import { assignPrivateAddresses } from "./assign-private-addresses.ts";
import { attachNetworkInterface } from "./attach-network-interface.ts";
import { changeQuota, changeVpcQuota, resizeInstance } from "./change-quota.ts";
import { createAndAttachNetworkInterface } from "./create-and-attach-network-interface.ts";
import { createNetworkInterface } from "./create-network-interface.ts";
import { eniOf, eniWish, ids, refusal, settle, smallCloud, withEni } from "./small-cloud.ts";
import type { CloudState } from "./state.ts";

const occasion = { now: 1000, requestId: "task-9" };

function attached(state: CloudState) {
  const made = withEni(state);
  const request = { eniId: made.eniId, instanceId: ids.a };
  const step = attachNetworkInterface(made.state, request, { now: 0, requestId: `attach-${made.eniId}` });
  return { state: settle(step.state).state, eniId: made.eniId };
}

describe("changeQuota()", () => {
  it("lets one machine have more, of network interfaces or of addresses on each", () => {
    const { state, eniId } = attached(smallCloud());
    expect(refusal(() => attached(state))).toBe("LimitExceeded");
    const wider = changeQuota(state, { instanceId: ids.a, eniQuota: 3 }).state;
    expect(wider.instances.get(ids.a)?.type).toMatchObject({ eniQuota: 3, addressesPerEni: 4 });
    expect(wider.instances.get(ids.b)?.type.eniQuota).toBe(2);
    expect(attached(wider).eniId).toStartWith("eni-");

    const assign = (from: CloudState, count: number) =>
      refusal(() => assignPrivateAddresses(from, { eniId, addresses: [], count }, occasion));
    expect(assign(state, 4)).toBe("LimitExceeded");
    expect(assign(changeQuota(state, { instanceId: ids.a, addressesPerEni: 5 }).state, 4)).toBeUndefined();
  });

  it("takes nothing away that a machine has beyond a lower one", () => {
    const { state, eniId } = attached(smallCloud());
    const narrow = changeQuota(state, { instanceId: ids.a, eniQuota: 1 }).state;
    expect(eniOf(narrow, eniId).attachment?.instanceId).toBe(ids.a);
    expect(refusal(() => attached(narrow))).toBe("LimitExceeded");
  });
});

describe("resizeInstance()", () => {
  it("gives a machine the quota of its new type", () => {
    const { state } = resizeInstance(smallCloud(), { instanceId: ids.a, instanceType: "S5.4XLARGE32" });
    expect(state.instances.get(ids.a)).toMatchObject({
      instanceType: "S5.4XLARGE32",
      type: { cpu: 16, eniQuota: 8, addressesPerEni: 40 },
    });
  });

  it("refuses a type and a machine that are not known", () => {
    const resize = (instanceId: string, instanceType: string) =>
      refusal(() => resizeInstance(smallCloud(), { instanceId, instanceType }));
    expect(resize(ids.a, "m5.large")).toBe("InvalidParameterValue");
    expect(resize("ins-00000000", "S5.MEDIUM2")).toBe("ResourceNotFound");
  });
});

describe("changeVpcQuota()", () => {
  it("bounds the network interfaces of a VPC, those of machines apart, and names it in the refusal", () => {
    const one = withEni(changeVpcQuota(smallCloud(), 1).state).state;
    const create = (vpcId: string, subnetId: string) =>
      createNetworkInterface(one, eniWish({ vpcId, subnetId }), occasion);
    expect(() => create(ids.vpc, ids.pods)).toThrow(
      `The VPC ${ids.vpc} has 1 network interfaces; its quota is 1 (vpc-max-enis).`,
    );
    expect(refusal(() => create(ids.vpc, ids.pods))).toBe("LimitExceeded");
    const both = { ...eniWish(), instanceId: ids.a };
    expect(refusal(() => createAndAttachNetworkInterface(one, both, occasion))).toBe("LimitExceeded");
    expect(refusal(() => create(ids.otherVpc, ids.foreign))).toBeUndefined();
  });
});
