import { beforeEach, describe, expect, test } from "bun:test";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import { ABSENCE_INTERVAL_MS, CloudView } from "../cloud-view/cloud-view.ts";
import { type AddressView, boundCount, type EniView } from "../planner/node-view.ts";
import { buildNodeView, type NodeFacts } from "./build-node-view.ts";

const API = { apiVersion: "networking.tke.cloud.tencent.com/v1" };
const SINCE = "2026-03-01T12:00:00Z";

function eni(addresses: Eni["addresses"] = [], overrides: Partial<Eni> = {}): Eni {
  return cloudEni({
    zone: "zone-1",
    instanceId: "ins-1",
    addresses,
    ...overrides,
  });
}

function veni(spec: Partial<VpcENI["spec"]> = {}, use?: NonNullable<VpcENI["status"]>["use"]): VpcENI {
  return {
    ...API,
    kind: "VpcENI",
    metadata: { name: "eni-1" },
    spec: {
      type: "Shared",
      node: "node-1",
      instanceID: "ins-1",
      mac: "20:90:6f:00:00:01",
      subnetID: "subnet-a",
      subnetCIDR: "10.0.16.0/24",
      gateway: "10.0.16.1",
      primaryIP: "10.0.16.2",
      intent: "Attached",
      ...spec,
    },
    ...(use && { status: { use } }),
  };
}

type Use = NonNullable<NonNullable<VpcIP["status"]>["use"]>;

function vip(use?: Partial<Use>, reclaim?: VpcIP["spec"]["reclaim"]): VpcIP {
  return {
    ...API,
    kind: "VpcIP",
    metadata: { name: "10.0.16.3" },
    spec: {
      type: "Pod",
      subnetID: "subnet-a",
      eniID: "eni-1",
      node: "node-1",
      instanceID: "ins-1",
      ...(reclaim && { reclaim }),
    },
    ...(use && { status: { use: { state: "Free", since: SINCE, ...use } } }),
  };
}

let cloud: CloudView;

beforeEach(() => {
  cloud = new CloudView();
});

function facts(overrides: Partial<NodeFacts> = {}): NodeFacts {
  return {
    demand: 3,
    waiting: 1,
    warm: { min: 1, max: 2 },
    limit: { enis: 3, addressesPerEni: 9, addresses: 27, quota: 27 },
    disabled: false,
    isSubnetDraining: () => false,
    isTokenValid: (token) => token === "mine",
    creating: undefined,
    instanceId: "ins-1",
    enis: [veni()],
    addresses: [],
    cloud,
    now: 0,
    subnets: [],
    ...overrides,
  };
}

function theEni(overrides: Partial<NodeFacts> = {}): EniView {
  const [only] = buildNodeView(facts(overrides)).enis;
  if (only === undefined) throw new Error("no ENI");
  return only;
}

/** Of an address whose object is `of`. */
function theAddress(of: VpcIP | undefined): AddressView {
  cloud.readAll([eni([{ address: "10.0.16.3", state: "available" }])], 0);
  const [only] = theEni({ addresses: of === undefined ? [] : [of] }).addresses;
  if (only === undefined) throw new Error("no address");
  return only;
}

describe("buildNodeView()", () => {
  test("hands on what is known of the node, with the subnet of an ENI that is being made", () => {
    const creating = { nonce: "n", subnetID: "subnet-b", addresses: 4, since: SINCE };
    expect(buildNodeView(facts({ creating, enis: [] }))).toMatchObject({
      demand: 3,
      waiting: 1,
      creating: { subnetId: "subnet-b", addresses: 4 },
    });
    expect(buildNodeView(facts({ enis: [] }))).not.toHaveProperty("creating");
  });

  test("an ENI that no reading has shown is busy, and nothing else is known of it", () => {
    expect(theEni()).toMatchObject({
      ready: false,
      busy: true,
      unattached: false,
      detached: false,
      addresses: [],
    });
  });

  test("an ENI is ready on this instance, at work while it changes, and elsewhere on another", () => {
    cloud.readAll([eni()], 0);
    expect(theEni()).toMatchObject({ ready: true, busy: false });
    cloud.readAll([eni([], { state: "detaching" })], 1);
    expect(theEni()).toMatchObject({ ready: false, busy: true });
    cloud.readAll([eni([], { instanceId: "ins-2" })], 2);
    expect(theEni()).toMatchObject({ ready: false, busy: false, unattached: false });
  });

  test("one that is attached to nothing is so at once, and proven by a second reading", () => {
    const { instanceId: _, ...alone } = eni();
    cloud.readAll([alone], 0);
    expect(theEni()).toMatchObject({ ready: false, unattached: true, detached: false });
    cloud.readAll([alone], ABSENCE_INTERVAL_MS);
    expect(theEni()).toMatchObject({ unattached: true, detached: true });
  });

  test("it drains with its subnet, and where the node is to have none", () => {
    cloud.readAll([eni()], 0);
    expect(theEni({ isSubnetDraining: (id) => id === "subnet-a" }).draining).toBe(true);
    expect(theEni({ isSubnetDraining: (id) => id === "subnet-b" }).draining).toBe(false);
    expect(theEni({ disabled: true }).draining).toBe(true);
  });

  test.each<[string, VpcENI, EniView["leaving"]]>([
    ["wanted", veni(), "no"],
    ["released, and nobody has been asked yet", veni({ intent: "Released" }), "asked"],
    ["asked for", veni({ intent: "Released", reclaim: { token: "mine", mode: "now" } }), "asked"],
    [
      "agreed",
      veni(
        { intent: "Released", reclaim: { token: "mine", mode: "now" } },
        { state: "Reclaimable", token: "mine", since: SINCE },
      ),
      "agreed",
    ],
    [
      "refused",
      veni(
        { intent: "Released", reclaim: { token: "mine", mode: "now" } },
        { state: "Refused", token: "mine", since: SINCE },
      ),
      "no",
    ],
    [
      "agreed by the answer to another token",
      veni(
        { intent: "Released", reclaim: { token: "mine", mode: "now" } },
        { state: "Reclaimable", token: "old", since: SINCE },
      ),
      "asked",
    ],
    [
      "agreed by the token of a former leader",
      veni(
        { intent: "Released", reclaim: { token: "old", mode: "now" } },
        { state: "Reclaimable", token: "old", since: SINCE },
      ),
      "asked",
    ],
  ])("an ENI that is %s", (_, object, leaving) => {
    expect(theEni({ enis: [object] }).leaving).toBe(leaving);
  });

  const mine = { token: "mine", mode: "now" } as const;
  const old = { token: "old", mode: "now" } as const;
  test.each<[string, VpcIP | undefined, Pick<AddressView, "use" | "reclaim">]>([
    ["has no object", undefined, { use: "unknown", reclaim: "no" }],
    ["no agent has said anything of", vip(), { use: "unknown", reclaim: "no" }],
    ["is free", vip({ state: "Free" }), { use: "free", reclaim: "no" }],
    ["a pod holds", vip({ state: "InUse" }), { use: "in-use", reclaim: "no" }],
    ["cools down", vip({ state: "CoolingDown" }), { use: "cooling-down", reclaim: "no" }],
    ["is asked for", vip({ state: "Free" }, mine), { use: "free", reclaim: "asked" }],
    ["is agreed", vip({ state: "Reclaimable", token: "mine" }, mine), { use: "unknown", reclaim: "agreed" }],
    ["is refused", vip({ state: "Refused", token: "mine" }, mine), { use: "in-use", reclaim: "no" }],
    [
      "answers another token",
      vip({ state: "Reclaimable", token: "old" }, mine),
      { use: "unknown", reclaim: "asked" },
    ],
    [
      "answers a former leader",
      vip({ state: "Reclaimable", token: "old" }, old),
      { use: "unknown", reclaim: "asked" },
    ],
  ])("an address that %s", (_, object, expected) => {
    expect(theAddress(object)).toMatchObject({ ...expected, assigned: true, reserved: false });
  });

  test("an address counts as assigned until the cloud takes it off", () => {
    cloud.readAll(
      [
        eni([
          { address: "10.0.16.3", state: "deleting" },
          { address: "10.0.16.4", state: "pending" },
        ]),
      ],
      0,
    );
    expect(theEni().addresses.map((a) => a.assigned)).toEqual([false, true]);
  });

  test("what comes back right after it was unassigned is reserved, unless it has an object", () => {
    const there = eni([{ address: "10.0.16.3", state: "available" }]);
    cloud.readAll([there], 0);
    cloud.unassigned("eni-1", ["10.0.16.3"], 1);
    cloud.readAll([there], 2);
    expect(theEni({ now: 3 }).addresses[0]?.reserved).toBe(true);
    expect(theEni({ now: 3, addresses: [vip({ state: "InUse" })] }).addresses[0]?.reserved).toBe(false);
    expect(theEni({ now: 300_001 }).addresses[0]?.reserved).toBe(false);
  });

  test("an ENI that is to go and is attached to nothing stays while it keeps the address of a claim, and takes no place", () => {
    const { instanceId: _, ...off } = eni([{ address: "10.0.16.3", state: "available" }]);
    cloud.readAll([off], 0);
    cloud.readAll([off], ABSENCE_INTERVAL_MS);
    const enis = [veni({ intent: "Released" })];
    const claims = { needs: [], claimed: new Set(["10.0.16.3"]), isJustEmptied: () => false };
    expect(theEni({ enis, claims })).toMatchObject({ detached: true, staysDetached: true });
    // Of no use to the node as long as it is there.
    expect(boundCount({ enis: [theEni({ enis, claims })] })).toBe(0);
    expect(theEni({ enis, claims: { ...claims, claimed: new Set() } })).not.toHaveProperty("staysDetached");
    expect(theEni({ enis })).not.toHaveProperty("staysDetached");
  });
});
