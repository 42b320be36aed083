import { describe, expect, it } from "bun:test";
import type { VpcIP } from "../../api/vpc-ip.ts";
import type { NetworkView } from "../links/node-network.ts";
import { emptyPool } from "../pool/pool-state.ts";
import { type SeenEni, seenAddress } from "./seen-objects.ts";
import { addressStatus, eniUse, linksReady } from "./wanted-statuses.ts";

const now = Date.parse("2026-01-02T03:04:05Z");
const mac = "20:90:6f:00:00:11";
const ready = { eniId: "eni-1", mac, state: "Ready", ifName: "eth1", mtu: 1500, table: 4003 } as const;
const view: NetworkView = { primary: undefined, enis: [ready], problem: undefined };
const pool = { ...emptyPool({ coolDownMs: 1, instanceId: "ins-1" }), open: true };
const seen: SeenEni = {
  name: "eni-1",
  uid: "u",
  resourceVersion: "1",
  instanceId: "ins-1",
  spec: { eniId: "eni-1", mac, primaryIp: "10.0.16.2", gateway: "10.0.16.1", subnetId: "subnet-1" },
  claim: { uid: "u" },
  use: undefined,
};

describe("eniUse()", () => {
  it("says what the node has of the ENI", () => {
    expect(eniUse(seen, { pool, view, now })).toEqual({
      state: "Ready",
      ifName: "eth1",
      table: 4003,
      since: "2026-01-02T03:04:05.000Z",
    });
    expect(eniUse(seen, { pool, view: { ...view, enis: [] }, now })?.state).toBe("NoLink");
  });

  it("is silent about another instance's, and before it is known who holds what", () => {
    expect(eniUse({ ...seen, instanceId: "ins-2" }, { pool, view, now })).toBeUndefined();
    expect(eniUse(seen, { pool: { ...pool, open: false }, view, now })).toBeUndefined();
  });

  it("answers the token", () => {
    const reclaim = { token: "t1", mode: "now" } as const;
    const promise = { kind: "reclaimable", token: "t1", since: 0 } as const;
    const promised = { ...pool, claims: new Map([["eni-1", { uid: "u", reclaim, promise }]]) };
    expect(eniUse(seen, { pool: promised, view, now })).toMatchObject({ state: "Reclaimable", token: "t1" });
    const refused = { ...pool, claims: new Map([["eni-1", { uid: "u", reclaim, refusedToken: "t1" }]]) };
    expect(eniUse(seen, { pool: refused, view, now })).toMatchObject({ state: "Refused", token: "t1" });
  });
});

describe("addressStatus()", () => {
  const vip = (name: string, status: VpcIP["status"] = {}): VpcIP => ({
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcIP",
    metadata: { name, uid: "u" },
    spec: { type: "Pod", subnetID: "subnet-1", eniID: "eni-1", node: "node-1", instanceID: "ins-1" },
    status,
  });
  const statusOf = (seen: ReturnType<typeof seenAddress>) => {
    const { object } = seen;
    const holding = { kind: "free", since: 0, restingSince: 0 } as const;
    const record = {
      address: object.address,
      eniId: object.eniId,
      subnetId: object.subnetId,
      object,
      holding,
    };
    return addressStatus(seen, { pool: { ...pool, addresses: new Map([[object.address, record]]) }, now });
  };

  it("says of an IPv4 address who uses it, and nothing else", () => {
    expect(statusOf(seenAddress(vip("10.0.16.5")))).toEqual({
      use: { state: "Free", since: "1970-01-01T00:00:00.000Z" },
    });
  });

  it("says of an IPv6 one, by whose text the pool knows it, that it is not served, since when, and what to do", () => {
    const name = "2001-0db8-0000-0000-0000-0000-0000-0005";
    const seen = seenAddress(vip(name));
    expect([seen.name, seen.object.address]).toEqual([name, "2001:db8::5"]);
    const said = statusOf(seen);
    expect(said).toMatchObject({
      use: { state: "Free" },
      conditions: [
        {
          type: "Served",
          status: "False",
          reason: "FamilyNotServed",
          message: expect.stringMatching(
            /^2001:db8::5 is an IPv6 address, .*: delete the VpcIP 2001-0db8-.*-0005, or update tke-eni-agent/,
          ),
          lastTransitionTime: "2026-01-02T03:04:05.000Z",
        },
      ],
    });
    const since = "2025-12-31T00:00:00Z";
    const [condition] = said?.conditions ?? [];
    const before = condition && [{ ...condition, lastTransitionTime: since }];
    expect(
      statusOf(seenAddress(vip(name, { conditions: before })))?.conditions?.[0]?.lastTransitionTime,
    ).toBe(since);
  });

  it("is silent about an address that the pool does not have in this life", () => {
    expect(addressStatus(seenAddress(vip("10.0.16.5")), { pool, now })).toBeUndefined();
  });
});

describe("linksReady()", () => {
  const cases: [string, NetworkView, string, string, RegExp][] = [
    ["all in place", view, "True", "Ready", /eth1/],
    ["no ENI yet", { ...view, enis: [] }, "False", "NoENI", /no ENI/],
    [
      "a link that is not here",
      { ...view, enis: [{ ...ready, state: "NoLink" }] },
      "False",
      "LinkMissing",
      /no link has its MAC address 20:90/,
    ],
    [
      "no carrier",
      { ...view, enis: [{ ...ready, state: "LinkDown" }] },
      "False",
      "LinkMissing",
      /no carrier/,
    ],
    [
      "an ENI that cannot be set up",
      { ...view, enis: [{ ...ready, state: "NoLink", problem: "EINVAL" }] },
      "False",
      "SetUpFailed",
      /EINVAL/,
    ],
    ["nothing works", { ...view, problem: "nft is missing" }, "False", "SetUpFailed", /nft is missing/],
  ];
  for (const [what, network, status, reason, message] of cases) {
    it(`tells ${what}`, () => {
      const condition = linksReady(network, { before: [], now });
      expect(condition).toMatchObject({ type: "LinksReady", status, reason });
      expect(condition.message).toMatch(message);
    });
  }

  it("moves its date only with its status", () => {
    const before = { ...linksReady(view, { before: [], now }), lastTransitionTime: "2020-01-01T00:00:00Z" };
    expect(linksReady(view, { before: [before], now }).lastTransitionTime).toBe("2020-01-01T00:00:00Z");
    const changed = linksReady({ ...view, enis: [] }, { before: [before], now });
    expect(changed.lastTransitionTime).toBe("2026-01-02T03:04:05.000Z");
  });
});
