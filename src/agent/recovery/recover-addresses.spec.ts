import { describe, expect, it } from "bun:test";
import type { VpcIP } from "../../api/vpc-ip.ts";
import { vpcIpName } from "../../api/vpc-ip-name.ts";
import { AF_INET, parseIpPrefix } from "../../netlink/ip-address.ts";
import type { Link } from "../../netlink/link.ts";
import type { InstalledRoute } from "../../netlink/route.ts";
import type { InstalledRule } from "../../netlink/rule.ts";
import { FOUND_BY_VETH } from "../pool/pool-state.ts";
import { type RecoverySources, recoverAddresses } from "./recover-addresses.ts";

const now = { wall: 1_000_000, monotonic: 500 };
const nothing: RecoverySources = {
  objects: [],
  links: [],
  routes: [],
  rules: [],
  sandboxes: [],
  stored: [],
  eniOfTable: (table) => (table === 4003 ? "eni-1" : undefined),
  now,
};

function vip(address: string, use?: NonNullable<VpcIP["status"]>["use"]): VpcIP {
  return {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcIP",
    metadata: { name: vpcIpName(address), uid: `uid-${address}` },
    spec: { type: "Pod", subnetID: "subnet-1", eniID: "eni-1", node: "node-1", instanceID: "ins-1" },
    status: { use },
  };
}

function veth(index: number, alias: string): Link {
  return {
    index,
    name: `eni${index}`,
    mac: undefined,
    group: 4003,
    alias,
    mtu: 1500,
    flags: 0,
    up: true,
    lowerUp: true,
    kind: "veth",
    master: undefined,
    peerIndex: undefined,
    peerNetnsId: undefined,
  };
}

function podRoute(address: string, index: number): InstalledRoute {
  return {
    destination: parseIpPrefix(address),
    table: 512,
    type: "unicast",
    scope: "link",
    protocol: 4,
    index,
  };
}

function sandbox(id: string, ...addresses: string[]) {
  return { id, podNamespace: "default", podName: `pod-${id}`, podUid: `u-${id}`, ready: true, addresses };
}

function holdings(sources: Partial<RecoverySources>) {
  return Object.fromEntries(recoverAddresses({ ...nothing, ...sources }).map((r) => [r.address, r.holding]));
}

describe("recoverAddresses()", () => {
  it("finds a pod with a link of another plugin by the rule for its address, and behind which link it is", () => {
    const rule = (address: string): InstalledRule => ({
      family: AF_INET,
      priority: 1540,
      from: parseIpPrefix(address),
      action: "lookup",
      table: 4003,
      protocol: 4,
      inverted: false,
    });
    const bridge = { ...veth(9, ""), name: "cni0", group: 0, alias: undefined, kind: "bridge" };
    const found = recoverAddresses({
      ...nothing,
      objects: [vip("10.0.16.5"), vip("10.0.16.6")],
      links: [bridge],
      routes: [podRoute("10.0.16.6", 9)],
      rules: [rule("10.0.16.5"), rule("10.0.16.6")],
      sandboxes: [sandbox("c1", "10.0.16.5"), sandbox("c2", "10.0.16.6")],
    });
    expect(found).toMatchObject([
      {
        eniId: "eni-1",
        holding: { kind: "in-use", netns: "", attachment: { containerId: "c1", foreign: { device: "" } } },
      },
      {
        eniId: "eni-1",
        holding: { kind: "in-use", attachment: { containerId: "c2", foreign: { device: "cni0" } } },
      },
    ]);
  });

  it("takes a route in the pods' table for a holder, and the runtime's word for who that is", () => {
    expect(
      holdings({
        objects: [vip("10.0.16.5")],
        links: [veth(7, "c1")],
        routes: [podRoute("10.0.16.5", 7)],
        sandboxes: [sandbox("c1")],
      }),
    ).toMatchObject({
      "10.0.16.5": {
        kind: "in-use",
        attachment: { containerId: "c1", ifName: "eth0", podNamespace: "default", podName: "pod-c1" },
        netns: FOUND_BY_VETH,
      },
    });
  });

  it("takes a running sandbox for the holder of its address, with no route in the kernel", () => {
    expect(holdings({ objects: [vip("10.0.16.5")], sandboxes: [sandbox("c1", "10.0.16.5")] })).toMatchObject({
      "10.0.16.5": { kind: "in-use", attachment: { containerId: "c1" } },
    });
  });

  it("leaves pods of another network alone", () => {
    expect(holdings({ sandboxes: [sandbox("c1", "10.244.0.7")] })).toEqual({});
  });

  it("keeps what a pod holds although its object is gone", () => {
    const [record] = recoverAddresses({
      ...nothing,
      links: [veth(7, "c1")],
      routes: [podRoute("10.0.16.5", 7)],
    });
    expect(record).toMatchObject({ eniId: "eni-1", holding: { kind: "in-use" } });
    expect(record?.object).toBeUndefined();
  });

  it("lets everything rest that was ever used, and nothing that never was", () => {
    const since = "2026-01-01T00:00:00Z";
    expect(
      holdings({
        objects: [vip("10.0.16.5", { state: "InUse", containerID: "c1", since }), vip("10.0.16.6")],
      }),
    ).toMatchObject({
      "10.0.16.5": { kind: "cooling-down", containerId: "c1", vethGone: false, since: now.wall },
      "10.0.16.6": { kind: "free" },
    });
  });

  it("knows whom an address is for", () => {
    const { spec, ...rest } = vip("10.0.16.5");
    const records = recoverAddresses({
      ...nothing,
      objects: [{ ...rest, spec: { ...spec, claim: "shop/web-0" } }],
    });
    expect(records).toMatchObject([{ object: { claim: "shop/web-0" } }]);
  });

  it("keeps a promise that was published", () => {
    const since = "2026-01-01T00:00:00Z";
    expect(
      holdings({ objects: [vip("10.0.16.5", { state: "Reclaimable", token: "t1", since })] }),
    ).toMatchObject({ "10.0.16.5": { kind: "reclaimable", token: "t1", since: Date.parse(since) } });
  });

  it("keeps a promise that was stored before the machine booted, of this life of the address only", () => {
    const stored = (uid: string) =>
      [
        {
          address: "10.0.16.5",
          eniId: "eni-1",
          subnetId: "subnet-1",
          object: { uid, instanceId: "ins-1" },
          holding: { kind: "reclaimable", token: "t1", since: 5 },
        },
      ] as const;
    expect(
      holdings({ objects: [vip("10.0.16.5")], stored: stored("uid-10.0.16.5") })["10.0.16.5"]?.kind,
    ).toBe("reclaimable");
    expect(
      holdings({ objects: [vip("10.0.16.5")], stored: stored("uid-of-before") })["10.0.16.5"]?.kind,
    ).toBe("cooling-down");
  });

  it("believes a container one address only", () => {
    const records = recoverAddresses({
      ...nothing,
      objects: [vip("10.0.16.5"), vip("10.0.16.6")],
      links: [veth(7, "c1")],
      routes: [podRoute("10.0.16.5", 7), podRoute("10.0.16.6", 7)],
    });
    expect(records.filter(({ holding }) => holding.kind === "in-use")).toHaveLength(1);
  });

  it("finds both addresses of a pod with one of each family, by its link's routes or by the runtime", () => {
    const objects = [vip("10.0.16.5"), vip("2001:db8::5"), vip("2001:db8::6")];
    const both = {
      "10.0.16.5": { kind: "in-use", attachment: { containerId: "c1", ifName: "eth0" } },
      "2001:db8::5": { kind: "in-use", attachment: { containerId: "c1", ifName: "eth0" } },
      "2001:db8::6": { kind: "free" },
    };
    const routes = [podRoute("10.0.16.5", 7), podRoute("2001:db8::5", 7)];
    expect(holdings({ objects, links: [veth(7, "c1")], routes })).toMatchObject(both);
    const sandboxes = [sandbox("c1", "10.0.16.5", "2001:db8::5")];
    expect(holdings({ objects, sandboxes })).toMatchObject(both);
    expect(
      holdings({ objects, links: [veth(7, "c1")], routes: routes.slice(0, 1), sandboxes }),
    ).toMatchObject(both);
  });

  it("takes no IPv6 address of a container's second link for one of its first", () => {
    expect(
      holdings({
        objects: [vip("10.0.16.5"), vip("2001:db8::5")],
        links: [veth(7, "c1"), veth(8, "c1")],
        routes: [podRoute("10.0.16.5", 7), podRoute("2001:db8::5", 8)],
      }),
    ).toMatchObject({
      "10.0.16.5": { kind: "in-use" },
      "2001:db8::5": { kind: "cooling-down", containerId: "c1", vethGone: false },
    });
  });

  it("lets nobody else have the second address of a container before its veth is gone", () => {
    expect(
      holdings({
        objects: [vip("10.0.16.5"), vip("10.0.16.6")],
        links: [veth(7, "c1"), veth(8, "c1")],
        routes: [podRoute("10.0.16.5", 7), podRoute("10.0.16.6", 8)],
      }),
    ).toMatchObject({
      "10.0.16.5": { kind: "in-use", attachment: { containerId: "c1" } },
      "10.0.16.6": { kind: "cooling-down", containerId: "c1", vethGone: false },
    });
  });
});
