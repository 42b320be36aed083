// What people set for the pool, of the cluster and of a node: followed while ipamd runs, and what is wrong told and ignored. The
// real ipamd against a real API server and vpc-sim; its pauses pass eight times as fast.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { conditionOf, necs, type Pool, podSubnet, startPool, until, vsubs } from "./ipamd-harness.ts";

// Each wait has a deadline of its own.
setDefaultTimeout(60_000);

const MIN = "tke.cloud.tencent.com/route-eni-ip-min-warm-target";
const MAX = "tke.cloud.tencent.com/route-eni-ip-max-warm-target";
const MAX_ATTACH = "tke.cloud.tencent.com/route-eni-max-attach";
const MAX_PER_ENI = "tke.cloud.tencent.com/max-ip-per-route-eni";
const POD_NUM = "tke.cloud.tencent.com/desired-route-eni-pod-num";
const DISABLED = "tke.cloud.tencent.com/disable-node-eni";
const SUBNETS = "tke.cloud.tencent.com/route-eni-subnet-ids";

let pool: Pool;

beforeAll(async () => {
  pool = await startPool({
    subnets: [podSubnet("subnet-small001", "10.0.20.0/27"), podSubnet("subnet-large001", "10.0.32.0/22")],
  });
  await pool.restart({ subnetIds: ["subnet-pods0001", "subnet-pods0002", "subnet-small001"] });
}, 300_000);

afterAll(async () => {
  await pool?.stop();
}, 60_000);

const warm = (min: string | null, max: string | null) => ({ [MIN]: min, [MAX]: max });

describe("settings of a node", () => {
  test.concurrent("warm targets grow a node at once, empty it in TKE's time, and give way to the flags", async () => {
    await pool.addNode("warm");
    pool.agentOf("warm");
    await pool.untilAddresses("warm", 3);
    await pool.annotateConfig("warm", warm("6", "8"));
    await pool.untilAddresses("warm", 6);
    await pool.annotateConfig("warm", warm("0", "0"));
    await until("0/0 in force", async () => (await pool.kube.get(necs, "warm")).status?.warm?.max === 0);
    // Two minutes of surplus, then all of it: the ENI without an address goes too.
    await until("no ENI of warm", async () => (await pool.enisOf("warm")).length === 0, 35_000);
    expect((await pool.readyOf("warm"))?.status).toBe("True");
    await pool.addPods("warm", 1);
    await pool.untilAddresses("warm", 1);
    await pool.annotateConfig("warm", warm(null, null));
    await pool.untilAddresses("warm", 4);
  });

  test.concurrent("a wrong warm target is ignored with one Event; the last good one stays in force", async () => {
    await pool.addNode("wrong");
    await pool.untilAddresses("wrong", 3);
    await pool.annotateConfig("wrong", warm("5", "5"));
    await pool.untilAddresses("wrong", 5);
    await pool.annotateConfig("wrong", warm("9", "2"));
    const event = await pool.untilEvent("wrong", "InvalidSetting");
    expect(event.type).toBe("Warning");
    expect(event.involvedObject).toMatchObject({ kind: "Node", name: "wrong" });
    expect(event.message).toBe(
      `${MIN} "9" is above ${MAX}, which is 2: a warm target of 5/5 is in force; correct or remove it`,
    );
    await pool.addPods("wrong", 1);
    await pool.untilAddresses("wrong", 6);
    expect((await pool.kube.get(necs, "wrong")).status?.warm).toEqual({ min: 5, max: 5 });
    const told = await pool.eventsOf("wrong", "InvalidSetting");
    expect(told.map(({ count }) => count)).toEqual([1]);
  });

  test.concurrent("one warm target without the other counts for nothing", async () => {
    await pool.addNode("half", { necAnnotations: { [MIN]: "7" } });
    await pool.untilAddresses("half", 3);
    const event = await pool.untilEvent("half", "InvalidSetting");
    expect(event.message).toContain(`counts only together with ${MAX}`);
  });

  test.concurrent("route-eni-max-attach bounds the ENIs, and is not taken below what pods use", async () => {
    await pool.addNode("attach", { necAnnotations: { [MAX_ATTACH]: "1" } });
    const agent = pool.agentOf("attach");
    await pool.addPods("attach", 12);
    await pool.untilAddresses("attach", 9);
    const full = await pool.untilReason("attach", "ENIFull", "12 pods need an address");
    expect(full.message).toContain("9 that its settings and maxPods allow");
    await pool.annotateConfig("attach", { [MAX_ATTACH]: "2" });
    const all = await pool.untilAddresses("attach", 15);
    expect(await pool.enisOf("attach")).toHaveLength(2);
    for (const vip of all) agent.held.add(vip.metadata.name);
    await until("all in use", async () =>
      (await pool.addressesOf("attach")).every(({ status }) => status?.use?.state === "InUse"),
    );
    await pool.annotateConfig("attach", { [MAX_ATTACH]: "1" });
    const event = await pool.untilEvent("attach", "InvalidSetting");
    expect(event.message).toContain("pods hold addresses on 2 ENIs; move pods off the node first");
    expect((await pool.kube.get(necs, "attach")).status?.limit?.enis).toBe(2);
  });

  test.concurrent("a lower route-eni-max-attach empties the least used ENI, once nothing on it is in use", async () => {
    await pool.addNode("fewer");
    const agent = pool.agentOf("fewer");
    await pool.addPods("fewer", 8);
    await pool.untilAddresses("fewer", 11);
    const big = (await pool.addressesOf("fewer")).filter(
      (vip, _, all) => all.filter((other) => other.spec.eniID === vip.spec.eniID).length === 9,
    );
    for (const vip of big.slice(0, 8)) agent.held.add(vip.metadata.name);
    await until(
      "eight in use",
      async () =>
        (await pool.addressesOf("fewer")).filter(({ status }) => status?.use?.state === "InUse").length === 8,
    );
    await pool.annotateConfig("fewer", { [MAX_ATTACH]: "1" });
    await until("one ENI", async () => (await pool.enisOf("fewer")).length === 1);
    expect((await pool.enisOf("fewer"))[0]?.metadata.name).toBe(big[0]?.spec.eniID as string);
    await pool.untilAddresses("fewer", 9);
  });

  test.concurrent("max-ip-per-route-eni bounds the addresses of each ENI", async () => {
    await pool.addNode("per-eni", { necAnnotations: { [MAX_PER_ENI]: "4" } });
    await pool.addPods("per-eni", 6);
    await pool.untilAddresses("per-eni", 9);
    const counts = (await pool.enisOf("per-eni")).map(({ status }) => status?.cloud?.addresses ?? 0);
    expect(counts.sort()).toEqual([1, 4, 4]);
    await pool.annotateConfig("per-eni", { [MAX_PER_ENI]: "none" });
    const event = await pool.untilEvent("per-eni", "InvalidSetting");
    expect(event.message).toContain(`"none" is not a whole number from 1 to 9999: 4 is in force`);
  });

  test.concurrent("desired-route-eni-pod-num and maxPods bound the addresses in all", async () => {
    await pool.addNode("pod-num", { annotations: { [POD_NUM]: "5" } });
    await pool.addNode("max-pods", { maxPods: 6 });
    await pool.addPods("pod-num", 8);
    await pool.addPods("max-pods", 8);
    await pool.untilAddresses("pod-num", 5);
    await pool.untilAddresses("max-pods", 6);
    await pool.untilReason("pod-num", "ENIFull");
    await pool.untilReason("max-pods", "ENIFull");
    await pool.annotateNode("pod-num", { [POD_NUM]: "7" });
    await pool.untilAddresses("pod-num", 7);
    await pool.untilAddresses("max-pods", 6);
    expect((await pool.kube.get(necs, "max-pods")).status).toMatchObject({ addresses: "6/6", room: 0 });
  });

  test.concurrent("disable-node-eni takes a node's ENIs away as its pods leave, and gives them back", async () => {
    await pool.addNode("off");
    const agent = pool.agentOf("off");
    const [vip] = await pool.untilAddresses("off", 3);
    const address = vip?.metadata.name ?? "";
    const [pod = ""] = await pool.addPods("off", 1);
    agent.held.add(address);
    await pool.untilAddresses("off", 4);
    await until("in use", async () =>
      (await pool.addressesOf("off")).some(({ status }) => status?.use?.state === "InUse"),
    );
    await pool.annotateNode("off", { [DISABLED]: "true" });
    const [left] = await pool.untilAddresses("off", 1);
    expect(left?.metadata.name).toBe(address);
    await pool.untilReason("off", "Disabled");
    await pool.deletePods([pod]);
    agent.held.clear();
    await until("no ENI of off", async () => (await pool.enisOf("off")).length === 0);
    expect((await pool.readyOf("off"))?.status).toBe("False");
    await pool.annotateNode("off", { [DISABLED]: "perhaps" });
    expect((await pool.untilEvent("off", "InvalidSetting")).message).toContain("true is in force");
    await pool.annotateNode("off", { [DISABLED]: null });
    await pool.untilAddresses("off", 3);
    await pool.untilReason("off", "Serving");
  });

  test.concurrent("the label route-eni-subnet-ids names the subnets of a node's new ENIs", async () => {
    await pool.addNode("labelled", { labels: { [SUBNETS]: "subnet-small001" } });
    await pool.addNode("mislabelled", { labels: { [SUBNETS]: "subnet-nowhere1" } });
    // It answers later too, when the subnet that the label names is configured no more.
    pool.agentOf("labelled");
    await pool.untilAddresses("labelled", 3);
    await pool.untilAddresses("mislabelled", 3);
    expect((await pool.enisOf("labelled")).map(({ spec }) => spec.subnetID)).toEqual(["subnet-small001"]);
    expect((await pool.enisOf("mislabelled")).map(({ spec }) => spec.subnetID)).toEqual(["subnet-pods0001"]);
    const event = await pool.untilEvent("mislabelled", "InvalidSetting");
    expect(event.message).toContain("subnet-nowhere1, which is none of the configured subnets");
  });
});

describe("settings over a change of leader", () => {
  test("flags reach every node without an annotation, and a wrong annotation leaves the last good one in force", async () => {
    await pool.addNode("plain");
    await pool.addNode("annotated", { necAnnotations: { [MIN]: "2", [MAX]: "2" } });
    await pool.untilAddresses("plain", 3);
    await pool.untilAddresses("annotated", 2);
    await pool.stopIpamd();
    await pool.annotateConfig("annotated", warm("two", "2"));
    await pool.restart({
      subnetIds: ["subnet-pods0001", "subnet-pods0002", "subnet-small001"],
      warm: { min: 5, max: 5 },
    });
    await pool.untilAddresses("plain", 5);
    const event = await pool.untilEvent("annotated", "InvalidSetting");
    expect(event.message).toContain("a warm target of 2/2 is in force");
    await pool.untilAddresses("annotated", 2);
    expect((await pool.kube.get(necs, "annotated")).status?.warm).toEqual({ min: 2, max: 2 });
  });
});

describe("the ConfigMap tke-eni-ipamd", () => {
  const configured = (...subnets: string[]) => ({
    TKE_ENI_IPAMD_VPC_ID: "vpc-sim00001",
    TKE_ENI_IPAMD_SUBNET_ID: subnets.join(":"),
  });
  const subnet = async (id: string) => (await pool.kube.find(vsubs, id))?.status;

  test("a subnet that is added is used without a restart; one that is removed drains, and says how far it is", async () => {
    await pool.configure(configured("subnet-pods0001", "subnet-pods0002", "subnet-large001"));
    await until("the new subnet", async () => (await subnet("subnet-large001"))?.state === "Active");
    await pool.addNode("moving");
    const agent = pool.agentOf("moving");
    const before = await pool.untilAddresses("moving", 5);
    const [old] = await pool.enisOf("moving");
    expect(old?.spec.subnetID).toBe("subnet-large001");
    const address = before[0]?.metadata.name ?? "";
    agent.held.add(address);
    await pool.addPods("moving", 1);
    await until("in use", async () =>
      (await pool.addressesOf("moving")).some(({ status }) => status?.use?.state === "InUse"),
    );

    await pool.configure(configured("subnet-pods0001", "subnet-pods0002"));
    const drained = async () => {
      const status = await subnet("subnet-large001");
      return {
        state: status?.state,
        ...conditionOf({ status: { conditions: status?.conditions } }, "Drained"),
      };
    };
    await until("the drain", async () => (await drained()).state === "Draining");
    // What no pod holds goes at once, and the node has as much of another subnet.
    await until("what is free to go", async () => {
      const left = (await pool.addressesOf("moving")).filter(({ spec }) => spec.eniID === old?.metadata.name);
      return left.length === 1 && left[0]?.metadata.name === address;
    });
    await until("addresses in their place", async () => (await pool.addressesOf("moving")).length === 6);
    // Another test's node may have had an ENI there, which goes as well.
    const told = await until("how far it is", async () => {
      const now = await drained();
      return now.message?.includes("1 ENI with 1 address on moving left, 1 in use by pods") && now;
    });
    expect(told).toMatchObject({ state: "Draining", status: "False", reason: "InUse" });

    agent.held.clear();
    await until(
      "the end of the old ENI",
      async () => (await pool.cloudEni(old?.metadata.name ?? "")) === undefined,
    );
    const end = await until("the end of the drain", async () => {
      const now = await drained();
      return now.state === "Disabled" && now;
    });
    expect(end).toMatchObject({ status: "True", reason: "Drained" });

    await pool.configure(configured("subnet-pods0001", "subnet-pods0002", "subnet-large001"));
    await until("the subnet's return", async () => {
      const now = await drained();
      return now.state === "Active" && now.status === undefined;
    });
  });

  test("a wrong value is ignored with an Event", async () => {
    const [before] = [await subnet("subnet-pods0001")];
    expect(before?.state).toBe("Active");
    await pool.configure({ ...configured(), TKE_ENI_IPAMD_SUBNET_ID: "subnet-pods0001,subnet-pods0002" });
    const event = await pool.untilEvent("tke-eni-ipamd", "InvalidSetting");
    expect(event.involvedObject).toMatchObject({ kind: "ConfigMap", namespace: "kube-system" });
    expect(event.message).toContain("must be subnet ids joined by colons");
    expect(event.message).toContain(
      "subnet-pods0001:subnet-pods0002:subnet-large001 is in force; correct it in ConfigMap tke-eni-ipamd",
    );
    await pool.addNode("undeterred");
    await pool.untilAddresses("undeterred", 5);
    expect((await subnet("subnet-pods0001"))?.state).toBe("Active");
  });

  test("a subnet that the cloud does not know is named, and the others serve", async () => {
    await pool.configure(configured("subnet-pods0001", "subnet-pods0002", "subnet-nowhere1"));
    const event = await pool.untilEvent("tke-eni-ipamd", "UnknownSubnet");
    expect(event.message).toContain("the cloud knows no subnet subnet-nowhere1");
    await pool.addNode("served", { zone: 2 });
    await pool.untilAddresses("served", 5);
  });
});
