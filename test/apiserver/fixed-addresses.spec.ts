// ipamd where each pod brings its address: real API server, vpc-sim's API over the real SDK, agents by hand.
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import {
  CLAIM_FINALIZER,
  VPC_IP_CLAIM,
  type VpcIPClaim,
  type VpcIPClaimSpec,
} from "../../src/api/vpc-ip-claim.ts";
import type { ClaimOptions } from "../../src/ipamd/claims/claim-world.ts";
import { pods } from "../../src/kube/core-resources.ts";
import type { Resource } from "../../src/kube/resource.ts";
import type { KubeTransport } from "../../src/kube/transport.ts";
import { type HandAgent, type Pool, startPool, throughout, until, vips } from "./ipamd-harness.ts";

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
  await pool.restart({
    warm: { min: 0, max: 0 },
    claims: {
      partitionGraceMs: 60_000,
      expiresAfterMs: undefined,
      ownerReferences: false,
      poolSize: 0,
      ...options,
    },
  });
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
}

/** A pod that is bound to a node, with the claim that the extender writes before. */
async function run(
  on: string,
  { name = pool.unique("pod-"), policy = "Never", annotations = {} }: PodWish = {},
) {
  const { uid } = (
    await pool.kube.create(pods, {
      metadata: {
        name,
        namespace: NAMESPACE,
        annotations: { "tke.cloud.tencent.com/vpc-ip-claim-delete-policy": policy, ...annotations },
      },
      spec: { containers: [{ name: "c", image: "none" }] },
    })
  ).metadata;
  const there = await pool.kube.find(claims, name, IN);
  if (there === undefined) {
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

const claimOf = (name: string) => pool.kube.find(claims, name, IN);

/** Waits until the claim says that its address is bound on a node, and the pod's agent has given it. */
async function untilBound(name: string, on: string): Promise<string> {
  const claim = await until(
    `${name} bound on ${on}`,
    async () => {
      const it = await claimOf(name);
      return it?.status?.state === "Bound" && it.status.node === on && it;
    },
    30_000,
  );
  const address = claim.spec.address ?? "";
  agents.get(on)?.hold(address, `${NAMESPACE}/${name}`);
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
