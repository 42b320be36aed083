import { beforeEach, describe, expect, test } from "bun:test";
import type { NodeENIConfig } from "../../api/node-eni-config.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { Node } from "../../kube/core-resources.ts";
import type { Occurrence } from "../../kube/event-series.ts";
import { isHeld } from "../objects/is-held.ts";
import { Notices } from "../signals/notices.ts";
import { SettingsBook } from "./settings-book.ts";

const MIN = "tke.cloud.tencent.com/route-eni-ip-min-warm-target";
const MAX = "tke.cloud.tencent.com/route-eni-ip-max-warm-target";
const MOST_ENIS = "tke.cloud.tencent.com/route-eni-max-attach";

let told: Occurrence[];
let book: SettingsBook;

beforeEach(() => {
  told = [];
  book = new SettingsBook(new Notices({ record: (it) => void told.push(it) }), { warm: { min: 5, max: 5 } });
});

function config(annotations: Record<string, string> = {}, status?: NodeENIConfig["status"]): NodeENIConfig {
  return {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "NodeENIConfig",
    metadata: { name: "node-1", annotations },
    spec: {},
    ...(status && { status }),
  };
}

const node: Node = {
  metadata: { name: "node-1", uid: "uid-1", resourceVersion: "1", creationTimestamp: "2026-03-01T12:00:00Z" },
  spec: {},
  status: { capacity: { pods: "61" } },
};

function vip(name: string, eniID: string, state: "InUse" | "Refused" | "Free"): VpcIP {
  return {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcIP",
    metadata: { name },
    spec: { type: "Pod", subnetID: "subnet-a", eniID, node: "node-1", instanceID: "ins-1" },
    status: { use: { state, since: "2026-03-01T12:00:00Z" } },
  };
}

function read(of: NodeENIConfig, addresses: VpcIP[] = []) {
  const quota = { enis: 4, addressesPerEni: 10 };
  return book.read({ node, config: of, quota, addresses, subnetIds: ["subnet-a"] });
}

describe("SettingsBook", () => {
  test("takes what is set, and tells of a warm target that has changed, once", () => {
    expect(read(config())).toMatchObject({ warm: { min: 5, max: 5 }, maxEnis: 3, maxAddresses: 27 });
    expect(read(config({ [MIN]: "1", [MAX]: "2" })).warm).toEqual({ min: 1, max: 2 });
    read(config({ [MIN]: "1", [MAX]: "2" }));
    expect(told).toMatchObject([{ type: "Normal", reason: "SucceedSetRouteENIWarmTarget" }]);
    expect(told[0]?.message).toContain("1 to 2");
    // Taken back, and set again.
    expect(read(config()).warm).toEqual({ min: 5, max: 5 });
    read(config({ [MIN]: "1", [MAX]: "2" }));
    expect(told).toHaveLength(2);
  });

  test("a wrong value leaves the last good one in force, and is told once for each value", () => {
    read(config({ [MOST_ENIS]: "2" }));
    expect(read(config({ [MOST_ENIS]: "many" })).maxEnis).toBe(2);
    read(config({ [MOST_ENIS]: "many" }));
    expect(told.map(({ type, reason }) => [type, reason])).toEqual([["Warning", "InvalidSetting"]]);
    read(config({ [MOST_ENIS]: "lots" }));
    expect(told).toHaveLength(2);
    // Corrected, and wrong again in the same way.
    read(config({ [MOST_ENIS]: "2" }));
    read(config({ [MOST_ENIS]: "lots" }));
    expect(told).toHaveLength(3);
  });

  test("a new leader keeps what the former one has published where it finds a wrong value", () => {
    const status: NodeENIConfig["status"] = {
      warm: { min: 1, max: 9 },
      limit: { enis: 2, addressesPerENI: 6, addresses: 12 },
    };
    expect(read(config({ [MOST_ENIS]: "many", [MIN]: "8", [MAX]: "3" }, status))).toMatchObject({
      maxEnis: 2,
      warm: { min: 1, max: 9 },
    });
  });

  test("a limit below what pods hold is refused; refused and silent addresses are told apart", () => {
    const addresses = [vip("10.0.16.3", "eni-1", "InUse"), vip("10.0.16.4", "eni-2", "Refused")];
    read(config());
    expect(read(config({ [MOST_ENIS]: "1" }), addresses).maxEnis).toBe(3);
    expect(told[0]?.message).toContain("pods hold addresses on 2 ENIs");
    expect(read(config({ [MOST_ENIS]: "1" }), [vip("10.0.16.3", "eni-1", "Free")]).maxEnis).toBe(1);
  });

  test("a node that went and comes back under its name is told anew", () => {
    read(config({ [MOST_ENIS]: "many" }));
    book.forget("node-1");
    expect(read(config({ [MOST_ENIS]: "many" })).maxEnis).toBe(3);
    expect(told).toHaveLength(2);
  });
});

test("an agent that refuses to give an address back says by it that a pod holds it", () => {
  expect(isHeld(vip("a", "e", "Refused"))).toBe(true);
  expect(isHeld(vip("a", "e", "InUse"))).toBe(true);
  expect(isHeld(vip("a", "e", "Free"))).toBe(false);
  expect(isHeld({})).toBe(false);
});
