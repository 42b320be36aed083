// Pods that found no node, and what a node may have: the real ipamd against a real API server and vpc-sim; its pauses pass twelve
// times as fast. It keeps no address ready, so that each address is there for a pod.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { SchedulablePod } from "../../src/ipamd/waiting/slim-pod.ts";
import { nodes, type Pod, pods } from "../../src/kube/core-resources.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { necs, type Pool, startPool, throughout, until } from "./ipamd-harness.ts";

// Each wait has a deadline of its own.
setDefaultTimeout(120_000);

const schedulable: Resource<SchedulablePod> = pods as Resource<Pod> as Resource<SchedulablePod>;

let pool: Pool;

beforeAll(async () => {
  pool = await startPool({ factor: 12 });
  // Until the spec of quotas has seen what holds meanwhile.
  await pool.control.addFault({
    actions: ["DescribeNetworkInterfaceLimit"],
    effect: { kind: "refuse", code: "InternalError" },
  });
  await pool.addNode("untold", { instanceType: "S5.4XLARGE32" });
  await pool.restart({ warm: { min: 0, max: 0 } });
}, 300_000);

afterAll(async () => {
  await pool?.stop();
}, 60_000);

/** Makes pods that the scheduler has given up for lack of addresses, as it says so. */
async function addWaitingPods(
  count: number,
  spec: Partial<SchedulablePod["spec"]> & { cpu?: string } = {},
  message = "0/2 nodes are available: 2 Insufficient tke.cloud.tencent.com/eni-ip.",
): Promise<string[]> {
  const { cpu = "10m", ...rest } = spec;
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    const name = pool.unique("waiting-");
    names.push(name);
    const requests = { "tke.cloud.tencent.com/eni-ip": "1", cpu };
    await pool.kube.create(schedulable, {
      metadata: { name, namespace: "default" },
      spec: {
        ...rest,
        containers: [{ name: "c", image: "none", resources: { requests, limits: requests } }],
      },
    });
    await pool.kube.mergePatch(schedulable, name, {
      namespace: "default",
      subresource: "status",
      patch: {
        status: {
          conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }],
        },
      },
    });
  }
  return names;
}

const countOf = async (node: string) => (await pool.addressesOf(node)).length;
const waitingOf = async (node: string) => (await pool.kube.get(necs, node)).status?.waiting ?? 0;

/** As the scheduler does it. */
async function bind(pod: string, node: string): Promise<void> {
  const binding = {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name: pod },
    target: { kind: "Node", name: node },
  };
  await pool.apiServer.kubectl(
    ["create", "--raw", `/api/v1/namespaces/default/pods/${pod}/binding`, "-f", "-"],
    { input: JSON.stringify(binding) },
  );
}

describe("pods that found no node for lack of an address", () => {
  test.concurrent("make a node grow that their selector names, by as many as there are, and are bound to", async () => {
    await pool.addNode("fits", { labels: { pool: "one" } });
    await pool.addNode("other", { labels: { pool: "two" } });
    await pool.untilReason("fits", "Serving");
    await pool.untilReason("other", "Serving");
    const names = await addWaitingPods(3, { nodeSelector: { pool: "one" } });
    await pool.untilAddresses("fits", 3);
    expect(await waitingOf("fits")).toBe(3);
    await throughout(1000, "three addresses, all of one node", async () => {
      return (await countOf("fits")) === 3 && (await countOf("other")) === 0;
    });
    for (const name of names) await bind(name, "fits");
    await until("pods in place of waiting ones", async () => {
      const { status } = await pool.kube.get(necs, "fits");
      return status?.demand === 3 && status.waiting === undefined;
    });
    await throughout(1000, "three addresses", async () => (await countOf("fits")) === 3);
  });

  test.concurrent("grow nodes by no more than there are such pods in all, and none that is tainted or cordoned", async () => {
    const labels = { pool: "shared" };
    await pool.addNode("left", { labels });
    await pool.addNode("right", { labels });
    await pool.addNode("tainted", {
      labels,
      taints: [{ key: "dedicated", value: "x", effect: "NoSchedule" }],
    });
    await pool.addNode("cordoned", { labels });
    await pool.kube.mergePatch(nodes, "cordoned", { patch: { spec: { unschedulable: true } } });
    for (const node of ["left", "right", "tainted"]) await pool.untilReason(node, "Serving");
    await addWaitingPods(5, { nodeSelector: labels });
    const total = async () => (await countOf("left")) + (await countOf("right"));
    await until("five addresses", async () => (await total()) === 5);
    await throughout(1500, "five addresses in all", async () => (await total()) <= 5);
    expect(await countOf("tainted")).toBe(0);
    expect(await countOf("cordoned")).toBe(0);

    const tolerations = [{ key: "dedicated", operator: "Exists" }] as const;
    await addWaitingPods(1, { nodeSelector: labels, tolerations });
    await until("six addresses", async () => (await total()) + (await countOf("tainted")) === 6);
    expect(await countOf("cordoned")).toBe(0);
  });

  test.concurrent("grow no node that lacks what else they need, and none where addresses are not what they lack", async () => {
    await pool.addNode("tight", {
      labels: { pool: "tight" },
      allocatable: { cpu: "1", memory: "1Gi", pods: "110" },
    });
    await pool.untilReason("tight", "Serving");
    const nodeSelector = { pool: "tight" };
    await addWaitingPods(2, { nodeSelector, cpu: "2" });
    await addWaitingPods(2, { nodeSelector }, "0/1 nodes are available: 1 Insufficient memory.");
    await addWaitingPods(1, { nodeSelector, cpu: "800m" });
    await pool.untilAddresses("tight", 1);
    await addWaitingPods(1, { nodeSelector, cpu: "800m" });
    await throughout(1500, "one address", async () => (await countOf("tight")) === 1);
  });
});

describe("quotas", () => {
  test.concurrent("while the cloud does not tell them the table holds, and then what the cloud says", async () => {
    const quotaOf = async () => (await pool.kube.find(necs, "untold"))?.status?.quota;
    await until("the table's quota", async () => (await quotaOf())?.addressesPerENI === 30);
    expect(await quotaOf()).toEqual({ enis: 8, addressesPerENI: 30 });
    await pool.control.clearFaults();
    await until("the cloud's quota", async () => (await quotaOf())?.addressesPerENI === 40, 30_000);
  });

  test.concurrent("a quota that was lowered is noticed by the refusal, one that was raised within ten minutes", async () => {
    // A type of its own: quotas are remembered by type.
    const { instanceId } = await pool.addNode("ticket", { instanceType: "S5.MEDIUM4" });
    await pool.addPods("ticket", 9);
    await pool.untilAddresses("ticket", 9);
    await pool.control.changeQuota(instanceId, { eniQuota: 2 });
    await pool.addPods("ticket", 3);
    const says = "12 pods need an address, and the instance can have 9";
    expect(await pool.untilReason("ticket", "QuotaReached", says)).toMatchObject({ status: "False" });
    expect(await pool.enisOf("ticket")).toHaveLength(1);

    await pool.control.changeQuota(instanceId, { eniQuota: 4 });
    await pool.untilAddresses("ticket", 12, 80_000);
    await pool.untilReason("ticket", "Serving");
  });

  test("a VPC that may have no more ENIs is named on the node, until its limit is raised", async () => {
    const { vpcMaxEnis } = await pool.control.readSettings();
    await pool.control.changeSettings({ vpcMaxEnis: (await pool.cloudEnis()).length });
    await pool.addNode("limited");
    await pool.addPods("limited", 2);
    const condition = await pool.untilReason("limited", "VPCLimit");
    expect(condition.status).toBe("False");
    expect(condition.message).toContain(`a VPC may have ${(await pool.cloudEnis()).length} ENIs here`);
    expect(condition.message).toContain("raise the limit of ENIs, or remove ENIs that nobody needs");
    const event = await pool.untilEvent("limited", "ENILimit");
    expect(event).toMatchObject({ type: "Warning", involvedObject: { kind: "Node" }, count: 1 });
    await pool.control.changeSettings({ vpcMaxEnis });
    await pool.untilAddresses("limited", 2);
    await pool.untilReason("limited", "Serving");
    expect(await pool.eventsOf("limited", "ENILimit")).toHaveLength(1);
  });
});
