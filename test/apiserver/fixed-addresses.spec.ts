// ipamd where each pod brings its address: real API server, vpc-sim's API over the real SDK, agents by hand.
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import {
  CLAIM_FINALIZER,
  VPC_IP_CLAIM,
  type VpcIPClaim,
  type VpcIPClaimSpec,
} from "../../src/api/vpc-ip-claim.ts";
import type { ClaimOptions } from "../../src/ipamd/claims/claim-world.ts";
import { nodes, pods } from "../../src/kube/core-resources.ts";
import type { OwnerReference } from "../../src/kube/kube-object.ts";
import type { Resource } from "../../src/kube/resource.ts";
import type { KubeTransport } from "../../src/kube/transport.ts";
import {
  conditionOf,
  type HandAgent,
  necs,
  type Pool,
  startPool,
  throughout,
  until,
  vips,
} from "./ipamd-harness.ts";

const claims: Resource<VpcIPClaim> = VPC_IP_CLAIM;
const NAMESPACE = "default";
const IN = { namespace: NAMESPACE };

let pool: Pool;
let transport: KubeTransport;
const agents = new Map<string, HandAgent>();

beforeAll(async () => {
  pool = await startPool();
  transport = await pool.connect();
  await start();
}, 120_000);

afterAll(() => pool.stop(), 30_000);

async function start(options: Partial<ClaimOptions> = {}): Promise<void> {
  const ipamd = await pool.restart({
    warm: { min: options.poolSize ?? 0, max: options.poolSize ?? 0 },
    claims: {
      partitionGraceMs: 60_000,
      expiresAfterMs: undefined,
      ownerReferences: false,
      poolSize: 0,
      onlyNominated: false,
      ...options,
    },
  });
  // One that is ended before it has led does not give the Lease back, and the next waits for its end.
  await until("it leads", async () => ipamd.figures() !== undefined, 30_000);
}

/** A node with an agent. */
async function node(zone: 1 | 2 = 1): Promise<string> {
  const name = pool.unique("node-");
  await pool.addNode(name, { zone });
  agents.set(name, pool.agentOf(name));
  await until(`ipamd's word of ${name}`, async () => (await pool.readyOf(name))?.status === "True");
  return name;
}

interface PodWish {
  name?: string;
  policy?: VpcIPClaimSpec["policy"];
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
}

/** A pod that is bound to a node, with the claim that the extender writes before. */
async function run(
  on: string,
  { name = pool.unique("pod-"), policy = "Never", annotations = {}, ownerReferences = [] }: PodWish = {},
) {
  const { uid } = (
    await pool.kube.create(pods, {
      metadata: {
        name,
        namespace: NAMESPACE,
        ownerReferences,
        annotations: { "tke.cloud.tencent.com/vpc-ip-claim-delete-policy": policy, ...annotations },
      },
      spec: { containers: [{ name: "c", image: "none" }] },
    })
  ).metadata;
  // One that is on its way out is waited for, as the extender does.
  const there = await until("no claim that goes", async () => {
    const claim = await pool.kube.find(claims, name, IN);
    return claim?.metadata.deletionTimestamp === undefined && { claim };
  });
  if (there.claim === undefined) {
    await pool.kube.create(claims, {
      metadata: { name, namespace: NAMESPACE, finalizers: [CLAIM_FINALIZER] },
      spec: { policy, node: on, podUID: uid, subnetID: "subnet-pods0001" },
    });
  } else {
    await pool.kube.mergePatch(claims, name, { ...IN, patch: { spec: { node: on, podUID: uid } } });
  }
  const binding = {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name, namespace: NAMESPACE },
    target: { apiVersion: "v1", kind: "Node", name: on },
  };
  await transport.call({
    method: "POST",
    path: `/api/v1/namespaces/${NAMESPACE}/pods/${name}/binding`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(binding),
  });
  return name;
}

/** A claim by hand, before there is a pod of the name. */
async function reserve(name: string, address: string): Promise<void> {
  await pool.kube.create(claims, {
    metadata: { name, namespace: NAMESPACE, finalizers: [CLAIM_FINALIZER] },
    spec: { policy: "Never", address },
  });
}

const claimOf = (name: string) => pool.kube.find(claims, name, IN);

/** Waits until an address is for the pod on its node, has the agent give it, and waits until the claim says so. */
async function untilBound(name: string, on: string): Promise<string> {
  const key = `${NAMESPACE}/${name}`;
  const address = await until(
    `an address for ${name} on ${on}`,
    async () =>
      (await pool.addressesOf(on)).find(
        ({ spec, status }) =>
          (spec.claim === key || status?.use?.pod === key) && status?.cloud?.state === "Assigned",
      )?.metadata.name,
    30_000,
  );
  agents.get(on)?.hold(address, key);
  await until(`${name} bound on ${on}`, async () => {
    const claim = await claimOf(name);
    return claim?.status?.state === "Bound" && claim.status.node === on && claim.spec.address === address;
  });
  return address;
}

/** The pod goes, and its sandbox with it. */
async function end(name: string, address: string): Promise<void> {
  await pool.deletePods([name]);
  for (const agent of agents.values()) agent.letGo(address);
}

const holderOf = async (address: string) =>
  (await pool.cloudEnis()).filter((eni) => eni.addresses.some((it) => it.address === address));

describe("a pod that keeps its address", () => {
  it("gets one of the subnet that its claim names, and keeps it on its node", async () => {
    const a = await node();
    const name = await run(a);
    const address = await untilBound(name, a);
    expect((await pool.kube.get(vips, address)).spec).toMatchObject({
      node: a,
      claim: `${NAMESPACE}/${name}`,
      subnetID: "subnet-pods0001",
    });
    await end(name, address);
    await until("kept", async () => (await claimOf(name))?.status?.state === "Kept");
    await throughout(1500, "the address stays", async () => (await holderOf(address)).length === 1);
    await run(a, { name });
    expect(await untilBound(name, a)).toBe(address);
  }, 60_000);
});

describe("pods that come to a new node together", () => {
  it("share the ENI that is made for them, and no second one is made while it is being attached", async () => {
    const a = pool.unique("node-");
    // More than half of what an ENI has room for.
    const names = await Promise.all(Array.from({ length: 6 }, () => run(a)));
    await pool.addNode(a);
    agents.set(a, pool.agentOf(a));
    for (const name of names) await untilBound(name, a);
    expect(await pool.cloudEnisOf((await instanceOf(a)) ?? "")).toHaveLength(1);
    expect(await pool.addressesOf(a)).toHaveLength(6);
  }, 60_000);
});

describe("the way back", () => {
  it("goes to another node of the subnet, once the agent has let the address go", async () => {
    const [a, b] = [await node(), await node()];
    const name = await run(a);
    const address = await untilBound(name, a);
    await pool.deletePods([name]);
    await run(b, { name });
    await until("it says whom it waits for", async () => {
      const bound = conditionOf(await claimOf(name), "Bound");
      return bound?.reason === "WaitingForHolder" && bound.message.includes(a);
    });
    await throughout(1000, "it stays while its holder may use it", async () => {
      const [eni] = await holderOf(address);
      return eni?.instanceId === (await instanceOf(a));
    });
    agents.get(a)?.letGo(address);
    expect(await untilBound(name, b)).toBe(address);
    const holders = await holderOf(address);
    expect(holders.map(({ instanceId }) => instanceId)).toEqual([await instanceOf(b)]);
    expect(await pool.callsOf("MigratePrivateIpAddress")).toBeGreaterThan(0);
  }, 60_000);

  it("goes to another node although that of others leaves the same ENI at the same time", async () => {
    const [a, ...others] = [await node(), await node(), await node(), await node()];
    const names: string[] = [];
    const addresses: string[] = [];
    for (const _ of others) {
      const name = await run(a);
      names.push(name);
      addresses.push(await untilBound(name, a));
    }
    await pool.deletePods(names);
    for (const address of addresses) agents.get(a)?.letGo(address);
    const began = performance.now();
    await Promise.all(others.map((other, i) => run(other, { name: names[i] ?? "" })));
    const moved = await Promise.all(others.map((other, i) => untilBound(names[i] ?? "", other)));
    expect(moved).toEqual(addresses);
    // An ENI does one thing at a time; nobody waits for the look at all nodes, every half minute.
    expect(performance.now() - began).toBeLessThan(15_000);
  }, 90_000);

  it("comes back while it is asked for elsewhere, also after its agent has promised it", async () => {
    const [a, b] = [await node(), await node()];
    const name = await run(a);
    const address = await untilBound(name, a);
    // The other node has no room: the address cannot come there.
    await pool.annotateConfig(b, { "tke.cloud.tencent.com/route-eni-max-attach": "0" });
    await pool.deletePods([name]);
    await run(b, { name });
    agents.get(a)?.letGo(address);
    await until(
      "promised",
      async () => (await pool.kube.get(vips, address)).status?.use?.state === "Reclaimable",
    );
    const { uid } = (await pool.kube.get(vips, address)).metadata;
    await pool.deletePods([name]);
    await run(a, { name });
    expect(await untilBound(name, a)).toBe(address);
    await until("a new life", async () => {
      const vip = await pool.kube.find(vips, address);
      return vip !== undefined && vip.metadata.uid !== uid && vip.status?.use?.state !== "Reclaimable";
    });
  }, 60_000);

  it("does not leave a node that is cut off before the grace, and then leaves it", async () => {
    await start({ partitionGraceMs: 5_000 });
    const [a, b] = [await node(), await node()];
    const name = await run(a);
    const address = await untilBound(name, a);
    const agent = agents.get(a);
    if (agent !== undefined) agent.silent = true;
    await sayReady(a, "Unknown");
    await pool.deletePods([name]);
    await run(b, { name });
    await until("it says how long it waits", async () =>
      conditionOf(await claimOf(name), "Bound")?.message.includes("cannot be reached"),
    );
    await throughout(2500, "it stays for the grace", async () => {
      const [eni] = await holderOf(address);
      return eni?.instanceId === (await instanceOf(a));
    });
    expect(await untilBound(name, b)).toBe(address);
    expect((await holderOf(address)).map(({ instanceId }) => instanceId)).toEqual([await instanceOf(b)]);
    await start();
  }, 90_000);

  it("leaves a node at once that people have put out of service", async () => {
    const [a, b] = [await node(), await node()];
    const name = await run(a);
    const address = await untilBound(name, a);
    const agent = agents.get(a);
    if (agent !== undefined) agent.silent = true;
    await sayReady(a, "Unknown");
    await pool.deletePods([name]);
    await pool.kube.mergePatch(nodes, a, {
      patch: { spec: { taints: [{ key: "node.kubernetes.io/out-of-service", effect: "NoExecute" }] } },
    });
    await run(b, { name });
    expect(await untilBound(name, b)).toBe(address);
  }, 60_000);

  it("is kept when the Node goes, on an ENI that is attached to nothing", async () => {
    const [a, b] = [await node(), await node()];
    const [name, other] = [await run(a), await run(a)];
    const address = await untilBound(name, a);
    const returned = await untilBound(other, a);
    await end(name, address);
    await end(other, returned);
    await pool.kube.delete(nodes, a);
    await until(
      "detached",
      async () => {
        const [eni] = await holderOf(address);
        return eni?.instanceId === null;
      },
      40_000,
    );
    await throughout(3000, "it is not deleted", async () => (await holderOf(address)).length === 1);
    await pool.kube.delete(claims, other, IN);
    await untilReturned(other, returned);
    expect(await holderOf(address)).toHaveLength(1);
    await run(b, { name });
    expect(await untilBound(name, b)).toBe(address);
    await until(
      "nothing is left of the Node",
      async () => (await pool.kube.find(necs, a)) === undefined,
      40_000,
    );
  }, 120_000);

  it("survives an ipamd that ends in the middle of a move", async () => {
    const [a, b] = [await node(), await node()];
    const name = await run(a);
    const address = await untilBound(name, a);
    await end(name, address);
    await run(b, { name });
    await until("the move is under way", async () => {
      const vip = await pool.kube.find(vips, address);
      return vip === undefined || vip.status?.cloud?.state === "Releasing" || vip.spec.node === b;
    });
    await start();
    expect(await untilBound(name, b)).toBe(address);
    expect(await holderOf(address)).toHaveLength(1);
  }, 60_000);
});

describe("a pod that ends before it has an address", () => {
  it("leaves a claim that is wanted on no node, and gives the next pod of its name one elsewhere", async () => {
    const [a, b] = [await node(), await node()];
    const refuse = { kind: "refuse", code: "InternalError" } as const;
    const actions = ["AssignPrivateIpAddresses", "CreateNetworkInterface", "CreateAndAttachNetworkInterface"];
    await pool.control.addFault({ actions, effect: refuse });
    const name = await run(a);
    await until("it waits", async () => conditionOf(await claimOf(name), "Bound")?.status === "False");
    await pool.deletePods([name]);
    await until("it is kept, and for no node", async () => {
      const { spec, status } = (await claimOf(name)) ?? {};
      return status?.state === "Kept" && spec?.node === undefined && spec?.address === undefined;
    });
    await pool.control.clearFaults();
    await throughout(1500, "no address comes", async () => (await pool.addressesOf(a)).length === 0);
    await run(b, { name });
    await untilBound(name, b);
  }, 60_000);
});

describe("the end of a claim", () => {
  it("comes with its pod where that keeps nothing, and the address goes back to the VPC", async () => {
    const a = await node();
    const name = await run(a, { policy: "Immediate" });
    const address = await untilBound(name, a);
    await end(name, address);
    await untilReturned(name, address);
  }, 60_000);

  it("waits for the pod when people delete it, and says so", async () => {
    const a = await node();
    const name = await run(a);
    const address = await untilBound(name, a);
    await until("given", async () => (await pool.kube.get(vips, address)).status?.use?.state === "InUse");
    await pool.kube.delete(claims, name, IN);
    await until("it says why it waits", async () => {
      const released = conditionOf(await claimOf(name), "Released");
      return released?.reason === "PodLives" && released.message.includes(name);
    });
    await throughout(1500, "the pod keeps its address", async () => (await holderOf(address)).length === 1);
    await end(name, address);
    await untilReturned(name, address);
  }, 60_000);

  it("comes when its time is over, and not while a pod of the name is there", async () => {
    await start({ expiresAfterMs: 3_000 });
    const a = await node();
    const [name, other] = [await run(a), await run(a)];
    const address = await untilBound(name, a);
    const stays = await untilBound(other, a);
    await end(name, address);
    await until("it says when", async () => {
      const { state, expiresAt } = (await claimOf(name))?.status ?? {};
      return state === "Kept" && expiresAt !== undefined && Date.parse(expiresAt) > Date.now();
    });
    await end(other, stays);
    await run(a, { name: other });
    await untilBound(other, a);
    await untilReturned(name, address);
    expect(await holderOf(stays)).toHaveLength(1);
    expect((await claimOf(other))?.status?.expiresAt).toBeUndefined();
    await start();
  }, 60_000);

  it("comes as the claim says from when people have changed it", async () => {
    await start({ expiresAfterMs: 600_000 });
    const a = await node();
    const name = await run(a);
    const address = await untilBound(name, a);
    await end(name, address);
    const keptFor = async () => {
      const { state, keptSince, expiresAt } = (await claimOf(name))?.status ?? {};
      if (state !== "Kept" || keptSince === undefined || expiresAt === undefined) return undefined;
      return Math.round((Date.parse(expiresAt) - Date.parse(keptSince)) / 1000);
    };
    await until("it is kept as ipamd's flag says", async () => (await keptFor()) === 600);
    for (const seconds of [86_400, 300]) {
      await pool.kube.mergePatch(claims, name, { ...IN, patch: { spec: { expiresAfterSeconds: seconds } } });
      await until("it is kept as the claim says", async () => (await keptFor()) === seconds);
    }
    expect(await holderOf(address)).toHaveLength(1);
    await start();
  }, 60_000);

  it("has the workload's end in it where that is asked for", async () => {
    await start({ ownerReferences: true });
    const a = await node();
    const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: "web", uid: crypto.randomUUID() };
    const name = await run(a, { ownerReferences: [{ ...owner, controller: true }] });
    await untilBound(name, a);
    const claim = await until("an owner", async () => {
      const it = await claimOf(name);
      return (it?.metadata.ownerReferences ?? []).length > 0 && it;
    });
    expect(claim.metadata.ownerReferences).toEqual([owner]);
    // The workload is made anew under its name.
    const next = { ...owner, uid: crypto.randomUUID() };
    await pool.deletePods([name]);
    await run(a, { name, ownerReferences: [{ ...next, controller: true }] });
    await until("the next owner", async () =>
      Bun.deepEquals((await claimOf(name))?.metadata.ownerReferences, [next]),
    );
    await start();
  }, 60_000);
});

describe("a pod that nobody made a claim for", () => {
  it("has one made, once it is bound", async () => {
    const a = await node();
    const [name = ""] = await pool.addPods(a, 1);
    const address = await untilBound(name, a);
    expect((await claimOf(name))?.spec).toMatchObject({ policy: "Immediate", node: a, address });
    await end(name, address);
    await until("the claim is gone", async () => (await claimOf(name)) === undefined, 30_000);
  }, 60_000);
});

describe("a pod that keeps nothing", () => {
  it("may have another address than the former one of its name, which goes back", async () => {
    await start({ poolSize: 1 });
    const [a, b] = [await node(), await node()];
    const [first] = await pool.untilAddresses(a, 1);
    const name = await run(a, { policy: "Immediate" });
    const address = first?.metadata.name ?? "";
    agents.get(a)?.hold(address, `${NAMESPACE}/${name}`);
    expect(await untilBound(name, a)).toBe(address);
    const [warm] = await pool.untilAddresses(b, 1);
    await pool.deletePods([name]);
    await run(b, { name, policy: "Immediate" });
    agents.get(b)?.hold(warm?.metadata.name ?? "", `${NAMESPACE}/${name}`);
    const bound = await untilBound(name, b);
    expect(bound).toBe(warm?.metadata.name ?? "");
    await until("the former address is nobody's", async () => {
      const vip = await pool.kube.get(vips, address);
      return vip.spec.claim === undefined;
    });
    agents.get(a)?.letGo(address);
    await start();
  }, 60_000);
});

describe("where subnets have to be named", () => {
  it("gives a pod that names none nothing, and tells the pod; one that is of a named subnet gets its address", async () => {
    await start({ onlyNominated: true });
    const a = await node();
    const [none = ""] = await pool.addPods(a, 1);
    await pool.untilEvent(none, "WaitingForAddress");
    expect(conditionOf(await claimOf(none), "Bound")).toMatchObject({
      status: "False",
      reason: "NoSubnetNamed",
    });
    const named = { "tke.cloud.tencent.com/nominated-eni-subnets": "subnet-pods0002,subnet-pods0001" };
    const [name = ""] = await pool.addPods(a, 1, named);
    await untilBound(name, a);
    expect((await claimOf(name))?.spec.subnetID).toBe("subnet-pods0001");
    await start();
  }, 60_000);
});

describe("an address that a pod names", () => {
  it("is that pod's, and another's claim of it waits and says whose it is", async () => {
    const a = await node();
    const named = { "tke.cloud.tencent.com/nominated-vpc-ip": "10.0.16.177" };
    const [first = ""] = await pool.addPods(a, 1, named);
    expect(await untilBound(first, a)).toBe("10.0.16.177");
    const second = pool.unique("pod-");
    await reserve(second, "10.0.16.177");
    await run(a, { name: second });
    await until("it says whose it is", async () => {
      const bound = conditionOf(await claimOf(second), "Bound");
      return bound?.reason === "AddressOfAnother" && bound.message.includes(first);
    });
    expect((await pool.kube.get(vips, "10.0.16.177")).spec.claim).toBe(`${NAMESPACE}/${first}`);
  }, 60_000);
});

describe("addresses that are kept ready", () => {
  it("are for whoever comes, and his from then on", async () => {
    await start({ poolSize: 2 });
    const a = await node();
    const [warm] = await pool.untilAddresses(a, 2);
    const address = warm?.metadata.name ?? "";
    await agents.get(a)?.hasSpoken();
    const name = await run(a, { policy: "Immediate" });
    agents.get(a)?.hold(address, `${NAMESPACE}/${name}`);
    await until("it is the claim's", async () => (await claimOf(name))?.spec.address === address);
    expect(await untilBound(name, a)).toBe(address);
    await pool.untilAddresses(a, 3);
    await end(name, address);
    await until("the claim is gone", async () => (await claimOf(name)) === undefined, 30_000);
    await pool.untilAddresses(a, 2);
    await start();
  }, 60_000);
});

describe("a claim by hand", () => {
  it("that no subnet can give is told of, before its pod comes and then, and nobody else on the node suffers from it", async () => {
    const a = await node();
    const [name, elsewhere] = [pool.unique("pod-"), pool.unique("pod-")];
    const make = (of: string, spec: object) =>
      pool.kube.create(claims, {
        metadata: { name: of, namespace: NAMESPACE, finalizers: [CLAIM_FINALIZER] },
        spec: { policy: "Never", ...spec },
      });
    await make(name, { address: "192.168.1.1", subnetID: "subnet-pods0001" });
    await make(elsewhere, { subnetID: "subnet-nope" });
    const told = (of: string, state: string, what: string) => async () => {
      const claim = await claimOf(of);
      const { reason, message } = conditionOf(claim, "Bound") ?? {};
      return claim?.status?.state === state && reason === "InvalidClaim" && message?.includes(what);
    };
    await until("it says so", told(name, "Kept", "192.168.1.1"));
    await until("the other says so", told(elsewhere, "Kept", "subnet-nope"));
    await run(a, { name });
    await until("it still says so", told(name, "Pending", "192.168.1.1"));
    const other = await run(a);
    await untilBound(other, a);
    await throughout(1500, "the node serves", async () => (await pool.readyOf(a))?.status === "True");
  }, 60_000);

  it("whose address is none is refused by the API server", async () => {
    const name = pool.unique("pod-");
    const made = pool.kube.create(claims, {
      metadata: { name, namespace: NAMESPACE, finalizers: [CLAIM_FINALIZER] },
      spec: { policy: "Never", address: "hello" },
    });
    await expect(made).rejects.toThrow("address must be an IPv4 address, such as 10.0.16.20");
  });
});

describe("an address that somebody else has", () => {
  it("is told, and its claim waits without a loop of calls", async () => {
    const a = await node();
    await pool.control.takeAddresses("subnet-pods0001", { addresses: ["10.0.16.200"] });
    const name = pool.unique("pod-");
    await reserve(name, "10.0.16.200");
    await until(
      "it says of which subnet that is",
      async () => (await claimOf(name))?.spec.subnetID === "subnet-pods0001",
    );
    await run(a, { name });
    await until(
      "it says so",
      async () => conditionOf(await claimOf(name), "Bound")?.reason === "AddressTaken",
    );
    const before = await pool.callsOf("AssignPrivateIpAddresses");
    await throughout(
      2000,
      "few calls",
      async () => (await pool.callsOf("AssignPrivateIpAddresses")) - before <= 2,
    );
  }, 60_000);
});

describe("claims that an ipamd without fixed addresses finds", () => {
  it("go when they are deleted, and their addresses are any pod's", async () => {
    const a = await node();
    const name = await run(a);
    const address = await untilBound(name, a);
    await pool.restart({ warm: { min: 1, max: 1 } });
    await until(
      "the address is any pod's",
      async () => (await pool.kube.get(vips, address)).spec.claim === undefined,
    );
    expect(await claimOf(name)).toBeDefined();
    await pool.kube.delete(claims, name, IN);
    await until("the claim is gone", async () => (await claimOf(name)) === undefined);
    await end(name, address);
    await start();
  }, 60_000);
});

/** Waits until a claim is gone, and its address back in the VPC. */
async function untilReturned(name: string, address: string): Promise<void> {
  await until(
    `the end of ${name} and ${address}`,
    async () => {
      const isHeld = (await holderOf(address)).length > 0;
      return (
        !isHeld && (await claimOf(name)) === undefined && (await pool.kube.find(vips, address)) === undefined
      );
    },
    40_000,
  );
}

async function instanceOf(name: string): Promise<string> {
  return (await pool.kube.find(necs, name))?.status?.instanceID ?? "";
}

/** What the node lifecycle controller says of a kubelet. */
async function sayReady(name: string, status: "True" | "Unknown"): Promise<void> {
  const condition = {
    type: "Ready",
    status,
    reason: "Test",
    message: "",
    lastTransitionTime: new Date().toISOString(),
  };
  await pool.kube.mergePatch(nodes, name, {
    subresource: "status",
    patch: { status: { conditions: [condition] } },
  });
}
