import { describe, expect, it } from "bun:test";
import type { NetworkView } from "../links/node-network.ts";
import { emptyPool } from "../pool/pool-state.ts";
import type { SeenEni } from "./seen-objects.ts";
import { eniUse, linksReady } from "./wanted-statuses.ts";

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
