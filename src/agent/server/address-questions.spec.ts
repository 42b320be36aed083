import { beforeEach, describe, expect, it } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import {
  AllocateRequestSchema,
  CheckRequestSchema,
  CollectGarbageRequestSchema,
  LinkKind,
  ReleaseRequestSchema,
  StatusRequestSchema,
} from "../../gen/tke/eni/agent/v1/address_pb.ts";
import { parseIpAddress } from "../../netlink/ip-address.ts";
import { createManualClock, type ManualClock } from "../../time/testing/manual-clock.ts";
import type { Pool } from "../pool/pool.ts";
import { poolInMemory } from "../pool/testing/pool-in-memory.ts";
import { addressService } from "./address-service.ts";

const CONTEXT = { signal: new AbortController().signal, timeoutMs: () => 60_000 } as HandlerContext;

let clock: ManualClock;
let pool: Pool;
let problems: string[];
/** ENIs for which the kernel was brought to what the pool says. */
let settled: string[];
/** What happens meanwhile. */
let meanwhile: () => void;
let service: ReturnType<typeof addressService>;
/** What was asked of who makes links, and whether it works. */
let links: { asked: unknown[]; work: boolean };

beforeEach(() => {
  clock = createManualClock();
  problems = [];
  settled = [];
  meanwhile = () => {};
  pool = poolInMemory({ clock, coolDownMs: 1 });
  links = { asked: [], work: true };
  service = addressService({
    links: {
      make(...asked) {
        links.asked.push(asked);
        if (!links.work) return undefined;
        return {
          host: { name: "eni1", mac: "02:00:00:00:00:01" },
          pod: { name: "eth0", mac: "02:00:00:00:00:02" },
        };
      },
      take(...asked) {
        links.asked.push(asked);
        return links.work;
      },
    },
    pool: () => pool,
    factsOf: () => ({ nodeAddress: "10.0.1.11", table: 4003, mac: "20:90:6f:00:00:11", mtu: 1500 }),
    settle: async (eniId) => {
      settled.push(eniId);
      meanwhile();
      return problems;
    },
    problemsOf: () => problems,
    readyCondition: () => undefined,
    failed() {},
    clock,
  });
});

function serve(): void {
  pool.take({ type: "opened" });
  pool.take({ type: "enis-ready", eniIds: new Set(["eni-1", "eni-2"]) });
  for (const number of [5, 6, 7]) see(`10.0.16.${number}`);
}

function see(address: string, { eniId = "eni-1", instanceId = "ins-1" } = {}): void {
  pool.take({
    type: "object-seen",
    object: { uid: `uid-${address}`, eniId, subnetId: "subnet-1", instanceId, address },
  });
}

function attachment(containerId: string) {
  return { containerId, ifName: "eth0", podNamespace: "shop", podName: containerId, podUid: "u" };
}

function allocate(containerId: string, more: { network?: string; link?: LinkKind; device?: string } = {}) {
  const request = create(AllocateRequestSchema, { attachment: attachment(containerId), ...more });
  return Promise.resolve(service.allocate(request, CONTEXT));
}

function check(containerId: string) {
  return service.check(create(CheckRequestSchema, { attachment: attachment(containerId) }), CONTEXT);
}

async function collect(network: string, valid: readonly string[] = []) {
  const request = create(CollectGarbageRequestSchema, { network, valid: valid.map(attachment) });
  const { collected = [] } = await service.collectGarbage(request, CONTEXT);
  return collected.map(({ containerId }) => containerId);
}

function refusal(act: () => unknown): ConnectError {
  try {
    act();
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** Whom the address is on record for. */
function holderOf(address: string) {
  const holding = pool.state.addresses.get(address)?.holding;
  return holding?.kind === "in-use" ? holding.attachment : undefined;
}

describe("Allocate", () => {
  beforeEach(serve);

  it("stores the network, and nothing of it for a plugin that tells none", async () => {
    await allocate("new", { network: "a", link: LinkKind.ROUTED });
    await allocate("old");
    expect(holderOf("10.0.16.5")).toEqual({ ...attachment("new"), network: "a" });
    expect(holderOf("10.0.16.6")).toEqual(attachment("old"));
    expect(settled).toEqual([]);
  });

  it("answers for a link of another plugin when what its pod needs is in the kernel", async () => {
    await allocate("c1", { network: "a", link: LinkKind.FOREIGN, device: "cni0" });
    expect(holderOf("10.0.16.5")).toMatchObject({ foreign: { device: "cni0" } });
    expect(settled).toEqual(["eni-1"]);
    problems = ["eni-1 is not ready: its link is down"];
    const refused = await allocate("c2", { link: LinkKind.FOREIGN }).catch((error) => error);
    expect(refused.code).toBe(Code.Unavailable);
    expect(refused.message).toContain(
      "10.0.16.6 cannot be used now, since eni-1 is not ready: its link is down",
    );
  });

  it("does not answer with what was given back while the kernel was set up", async () => {
    meanwhile = () => pool.release(attachment("c1"));
    const refused = await allocate("c1", { link: LinkKind.FOREIGN }).catch((error) => error);
    expect(refused).toBeInstanceOf(ConnectError);
    expect(refused.code).toBe(Code.Aborted);
  });
});

describe("the pod's link", () => {
  const netns = "/run/netns/a";
  const netnsInode = "4026532000";

  function ask(more: object = {}, context = CONTEXT) {
    const request = create(AllocateRequestSchema, {
      attachment: attachment("c1"),
      makeLink: true,
      netns,
      netnsInode,
      ...more,
    });
    return Promise.resolve(service.allocate(request, context));
  }

  beforeEach(serve);

  it("is made where the plugin lets it, with the plugin's MTU before the ENI's", async () => {
    const { link } = await ask();
    expect(link).toMatchObject({
      hostName: "eni1",
      hostMac: "02:00:00:00:00:01",
      podMac: "02:00:00:00:00:02",
    });
    await ask({ linkMtu: 1400 });
    const allocation = {
      addresses: [{ address: parseIpAddress("10.0.16.5"), nodeAddress: parseIpAddress("10.0.1.11") }],
      group: 4003,
      podsTable: 512,
    };
    expect(links.asked).toMatchObject([
      [attachment("c1"), { netns, netnsInode, allocation: { ...allocation, mtu: 1500 } }],
      [attachment("c1"), { netns, netnsInode, allocation: { ...allocation, mtu: 1400 } }],
    ]);
  });

  it("is left to the plugin where that is older, where another plugin makes it, and for a caller that has gone", async () => {
    expect((await ask({ makeLink: false })).link).toBeUndefined();
    expect((await ask({ attachment: attachment("c2"), link: LinkKind.FOREIGN })).link).toBeUndefined();
    const gone = { ...CONTEXT, signal: AbortSignal.abort() };
    expect((await ask({ attachment: attachment("c3") }, gone)).link).toBeUndefined();
    expect(links.asked).toEqual([]);
  });

  it("is left to the plugin where it cannot be made: the address is answered all the same", async () => {
    links.work = false;
    const { link, addresses } = await ask();
    expect({ link, addresses }).toMatchObject({ link: undefined, addresses: [{ address: "10.0.16.5" }] });
  });

  it("is taken away where the plugin lets it, with what is known of the namespace", async () => {
    await ask();
    links.asked.length = 0;
    const release = (more: object) =>
      service.release(create(ReleaseRequestSchema, { attachment: attachment("c1"), ...more }), CONTEXT);
    expect(await release({ takeLink: true, netns, netnsInode })).toMatchObject({
      addresses: ["10.0.16.5"],
      linkTaken: true,
    });
    // Of a namespace that is dead nothing is told.
    expect(await release({ takeLink: true })).toMatchObject({ addresses: [], linkTaken: true });
    links.work = false;
    expect(await release({ takeLink: true })).toMatchObject({ linkTaken: false });
    expect(await release({})).toMatchObject({ linkTaken: false });
    expect(links.asked).toMatchObject([
      [{ containerId: "c1" }, { netns, netnsInode }],
      [{ containerId: "c1" }, undefined],
      [{ containerId: "c1" }, undefined],
    ]);
  });
});

it.each([
  ["", "eth0"],
  ["c1", ""],
  ["c/1", "eth0"],
  ["c1\0", "eth0"],
  ["c".repeat(201), "eth0"],
  ["c1", "a/b"],
  ["c1", "x".repeat(16)],
])("a key that no runtime makes is refused: %j %j", async (containerId, ifName) => {
  serve();
  const request = create(AllocateRequestSchema, { attachment: { ...attachment("c1"), containerId, ifName } });
  const refused = await Promise.resolve(service.allocate(request, CONTEXT)).catch((error) => error);
  expect(refused.code).toBe(Code.InvalidArgument);
  expect(pool.state.waiters).toEqual([]);
});

describe("Check", () => {
  beforeEach(serve);

  it("gives what Allocate answered, and changes nothing", async () => {
    const allocated = await allocate("c1");
    const before = pool.state;
    expect(await check("c1")).toMatchObject({ allocated, problems: [] });
    expect(pool.state).toBe(before);
  });

  it("does not know an attachment without an address", () => {
    expect(refusal(() => check("c1")).code).toBe(Code.NotFound);
  });

  it("says what is wrong with the ENI, and what the address's object says", async () => {
    await allocate("c1");
    problems = ["eni-1 is not ready: its link is down"];
    expect((await check("c1")).problems).toEqual(problems);
    problems = [];
    see("10.0.16.5", { eniId: "eni-2" });
    expect((await check("c1")).problems).toEqual([
      "VpcIP 10.0.16.5 names eni-2, and the pod sends by eni-1: delete the pod, so that it is made anew",
    ]);
    see("10.0.16.5", { instanceId: "ins-2" });
    expect((await check("c1")).problems).toEqual([
      "VpcIP 10.0.16.5 names instance ins-2, and this node is ins-1",
    ]);
    pool.take({ type: "object-gone", address: "10.0.16.5" });
    expect((await check("c1")).problems?.[0]).toContain("VpcIP 10.0.16.5 has gone");
  });
});

describe("an attachment with an address of each family", () => {
  const both = ["10.0.16.5", "2001:db8::5"];

  beforeEach(async () => {
    serve();
    await allocate("c1", { network: "a" });
    // As the kernel shows what a later agent gave.
    const stranger = { address: "2001:db8::5", containerId: "c1", linkName: "eni1", eniId: "eni-1" };
    pool.take({ type: "strangers-seen", strangers: [stranger] });
    see("2001:db8::5");
  });

  it("is answered with both, the IPv6 one without an address of the node, and Check says the same", async () => {
    const allocated = await allocate("c1", { network: "a" });
    expect(allocated.addresses).toMatchObject([
      { address: "10.0.16.5", nodeAddress: "10.0.1.11", eniId: "eni-1" },
      { address: "2001:db8::5", nodeAddress: "", eniId: "eni-1" },
    ]);
    expect(allocated).toMatchObject({ group: 4003, mtu: 1500 });
    expect(await check("c1")).toMatchObject({ allocated, problems: [] });
  });

  it("is told by the name of its object what is wrong with either", async () => {
    pool.take({ type: "object-gone", address: "2001:db8::5" });
    see("10.0.16.5", { instanceId: "ins-2" });
    problems = ["eni-1 is not ready: its link is down"];
    expect((await check("c1")).problems).toEqual([
      "VpcIP 10.0.16.5 names instance ins-2, and this node is ins-1",
      "VpcIP 2001-0db8-0000-0000-0000-0000-0000-0005 has gone: the address may be somebody else's, so delete the pod",
      "eni-1 is not ready: its link is down",
    ]);
  });

  it("gives both back, once", async () => {
    const release = () =>
      service.release(create(ReleaseRequestSchema, { attachment: attachment("c1") }), CONTEXT);
    expect((await release()).addresses).toEqual(both);
    expect((await release()).addresses).toEqual([]);
    expect(both.map(holderOf)).toEqual([undefined, undefined]);
  });

  it("is collected once", async () => {
    await clock.advance(120_000);
    expect(await collect("a")).toEqual(["c1"]);
    expect(both.map(holderOf)).toEqual([undefined, undefined]);
  });
});

describe("CollectGarbage", () => {
  beforeEach(serve);

  it("takes back what is older than two minutes, of this network, and not named", async () => {
    await allocate("c1", { network: "a" });
    await allocate("c2", { network: "b" });
    expect(await collect("a")).toEqual([]);
    await clock.advance(119_999);
    expect(await collect("a")).toEqual([]);
    await clock.advance(1);
    await allocate("c3", { network: "a" });
    expect(await collect("a", ["c1"])).toEqual([]);
    expect(await collect("a")).toEqual(["c1"]);
    expect(holderOf("10.0.16.5")).toBeUndefined();
    expect(holderOf("10.0.16.6")?.containerId).toBe("c2");
    expect(holderOf("10.0.16.7")?.containerId).toBe("c3");
  });

  it("never takes back what was given without a network", async () => {
    await allocate("c1");
    await clock.advance(1_000_000);
    expect(await collect("a")).toEqual([]);
    expect(await collect("").catch((error) => error.code)).toBe(Code.InvalidArgument);
    expect(holderOf("10.0.16.5")?.containerId).toBe("c1");
  });
});

describe("Status", () => {
  it("is a success from the moment addresses are handed out, also when none is left", () => {
    const ask = () => service.status(create(StatusRequestSchema), CONTEXT);
    expect(refusal(ask).code).toBe(Code.Unavailable);
    pool.take({ type: "opened" });
    ask();
  });
});
