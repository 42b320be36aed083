// What a Node says of its network, and what an audit says of all: the real ipamd against a real API server and vpc-sim; its pauses
// pass eight times as fast.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { NEC_ANNOTATIONS } from "../../src/api/annotations.ts";
import { IPAMD_MANAGER } from "../../src/api/field-managers.ts";
import { CLOUD_FINALIZER } from "../../src/api/vpc-ip.ts";
import { type AuditRequest, runAudit } from "../../src/ipamd/audit/run-audit.ts";
import { nodes } from "../../src/kube/core-resources.ts";
import { conditionOf, necs, type Pool, startPool, until, venis, vips } from "./ipamd-harness.ts";

// Each wait has a deadline of its own.
setDefaultTimeout(60_000);

const TAINT = "tke.cloud.tencent.com/eni-ip-unavailable";

let pool: Pool;

beforeAll(async () => {
  pool = await startPool();
  await pool.restart();
}, 300_000);

afterAll(async () => {
  await pool?.stop();
}, 60_000);

const taintsOf = async (node: string) =>
  ((await pool.kube.get(nodes, node)).spec.taints ?? []).map(({ key }) => key).sort();
const signalOf = async (node: string) => conditionOf(await pool.kube.get(nodes, node), "ENIIPUnavailable");

describe("a Node", () => {
  test("is tainted and says why while it has no network, beside the taints of others", async () => {
    await pool.control.addFault({
      actions: ["CreateAndAttachNetworkInterface"],
      calls: 1,
      effect: { kind: "stallTask" },
    });
    await pool.addNode("joining", { taints: [{ key: "dedicated", value: "x", effect: "NoSchedule" }] });
    await until("the taint", async () => (await taintsOf("joining")).join() === `dedicated,${TAINT}`);
    const signal = await until("the condition", () => signalOf("joining"));
    expect(signal).toMatchObject({ status: "True", reason: "Attaching" });
    // ipamd says so before it calls.
    await until("the task", async () => (await pool.control.readTasks()).length === 1);
    await pool.control.releaseStalledTasks();
    await until("the taint's end", async () => (await taintsOf("joining")).join() === "dedicated");
    await until("the condition's end", async () => (await signalOf("joining"))?.status === "False");
    expect(await signalOf("joining")).toMatchObject({ reason: "Serving" });
  });

  test("says what keeps its pods waiting, with one Event that counts, and is untainted when that is over", async () => {
    // On another ENI there would be room for one more, by a call that is allowed.
    await pool.addNode("refused", { necAnnotations: { [NEC_ANNOTATIONS.maxEnis]: "1" } });
    await pool.untilAddresses("refused", 3);
    const { secretId } = pool.credential;
    let count = 0;
    for (const round of ["first", "second"]) {
      await pool.control.denyActions(secretId, ["AssignPrivateIpAddresses"]);
      await pool.addPods("refused", 4);
      await until(
        `the taint of the ${round} time`,
        async () =>
          (await taintsOf("refused")).includes(TAINT) &&
          (await signalOf("refused"))?.reason === "NotAuthorised",
      );
      const told = await until(`the Event of the ${round} time`, async () =>
        (await pool.eventsOf("refused", "NotAuthorised")).find((event) => event.count > count),
      );
      count = told.count;
      expect(told.message).toContain("AssignPrivateIpAddresses");
      expect(await pool.eventsOf("refused", "NotAuthorised")).toHaveLength(1);
      await pool.control.denyActions(secretId, []);
      await until("the taint's end", async () => !(await taintsOf("refused")).includes(TAINT));
      await pool.untilReason("refused", "Serving");
    }
  });

  test("carries neither where the flags say so", async () => {
    await pool.restart({ nodeTaint: false, nodeCondition: false });
    await pool.kube.create(nodes, {
      metadata: { name: "no-signals" },
      spec: { providerID: "qcloud:///800001/ins-ffffffff" },
    });
    await pool.untilReason("no-signals", "NoInstance");
    await Bun.sleep(500);
    expect(await taintsOf("no-signals")).not.toContain(TAINT);
    expect(await signalOf("no-signals")).toBeUndefined();
    await pool.kube.delete(nodes, "no-signals");
    await pool.restart();
  });
});

describe("an audit", () => {
  async function audit(output: AuditRequest["output"] = "json") {
    let printed = "";
    const request: AuditRequest = {
      clusterId: "cluster-a",
      vpcId: "vpc-sim00001",
      subnetIds: ["subnet-pods0001", "subnet-pods0002"],
      output,
      print: (text) => {
        printed += text;
      },
    };
    // What is younger than two minutes may be on its way; the audit's time is ahead.
    const clock = { ...pool.clock, now: () => pool.clock.now() + 600_000 };
    const world = { transport: await pool.connect(), cloud: pool.connectCloud(), clock };
    return { found: await runAudit(world, request), printed };
  }

  test("finds nothing to do in a cluster at rest", async () => {
    await pool.addNode("quiet");
    pool.agentOf("quiet");
    await pool.untilAddresses("quiet", 3);
    const { found, printed } = await audit();
    expect(found).toBe("clean");
    expect(printed).not.toContain("quarantined");
  });

  test("names each disagreement and what becomes of it while ipamd is away, and ipamd ends all of them within a minute", async () => {
    const names = ["cloud-less", "cloud-more", "ip-lost", "eni-lost", "detached", "strayed", "nec-wrong"];
    const owners = new Map<string, { eniId: string; instanceId: string; addresses: string[] }>();
    await Promise.all(
      names.map(async (name) => {
        const { instanceId } = await pool.addNode(name);
        pool.agentOf(name);
        const addresses = (await pool.untilAddresses(name, 3)).map(({ metadata }) => metadata.name);
        const [veni] = await pool.enisOf(name);
        owners.set(name, { eniId: veni?.metadata.name ?? "", instanceId, addresses });
      }),
    );
    const of = (name: string) => {
      const found = owners.get(name);
      if (found === undefined) throw new Error(name);
      return { ...found, first: found.addresses[0] ?? "" };
    };
    await pool.stopIpamd();
    const stripped = { patch: { metadata: { finalizers: [] } } };

    await pool.control.unassignAddresses(of("cloud-less").eniId, [of("cloud-less").first]);
    const {
      addresses: [added = ""],
    } = await pool.control.assignAddresses(of("cloud-more").eniId, {
      addresses: ["10.0.16.230"],
    });
    await pool.kube.mergePatch(vips, of("ip-lost").first, stripped);
    await pool.kube.delete(vips, of("ip-lost").first);
    for (const address of of("eni-lost").addresses) {
      await pool.kube.mergePatch(vips, address, stripped);
      await pool.kube.delete(vips, address);
    }
    await pool.kube.mergePatch(venis, of("eni-lost").eniId, stripped);
    await pool.kube.delete(venis, of("eni-lost").eniId);
    await pool.control.detachEni(of("detached").eniId);
    const stray = "10.0.16.231";
    await pool.kube.apply(
      vips,
      {
        metadata: { name: stray, finalizers: [CLOUD_FINALIZER] },
        spec: {
          type: "Pod",
          subnetID: "subnet-pods0001",
          eniID: of("strayed").eniId,
          node: "strayed",
          instanceID: of("strayed").instanceId,
        },
      },
      { fieldManager: IPAMD_MANAGER },
    );
    await pool.kube.applyStatus(
      necs,
      { metadata: { name: "nec-wrong" }, status: { instanceID: "ins-ffffffff", eniInfos: [] } },
      { fieldManager: IPAMD_MANAGER },
    );
    await until("the cloud's tasks", async () => (await pool.control.readTasks()).length === 0);

    const { printed } = await audit();
    const told = JSON.stringify(printed);
    for (const subject of [
      of("cloud-less").first,
      added,
      of("ip-lost").first,
      of("eni-lost").eniId,
      of("detached").eniId,
      stray,
      "nec-wrong",
    ]) {
      expect(told).toContain(subject);
    }
    expect((await audit("table")).printed).toContain("has no VpcIP");

    const began = performance.now();
    await pool.restart();
    let restless = "";
    await until("every node at rest", async () => {
      const found = await Promise.all(names.map((name) => differencesOf(name, of(name).instanceId)));
      restless = found.flat().join("; ");
      const { status } = await pool.kube.get(necs, "nec-wrong");
      return restless === "" && status?.instanceID === of("nec-wrong").instanceId;
    }).catch((error) => {
      throw new Error(`${error.message}: ${restless}`);
    });
    // A minute of ipamd's time, beside what a new leader waits before it begins.
    expect(performance.now() - began).toBeLessThan((60_000 + 25_000) / 8 + 2000);
    expect(await pool.kube.find(vips, stray)).toBeUndefined();
    expect((await audit()).found).toBe("clean");
  });

  /** Between a node's one ENI in the cloud and its objects. */
  async function differencesOf(node: string, instanceId: string): Promise<string[]> {
    const enis = await pool.cloudEnisOf(instanceId);
    const inCloud = enis.flatMap((eni) => eni.addresses.filter((it) => !it.primary).map((it) => it.address));
    const list = await pool.addressesOf(node);
    const pairs = [
      [enis.map((eni) => eni.eniId), (await pool.enisOf(node)).map(({ metadata }) => metadata.name)],
      [inCloud, list.map(({ metadata }) => metadata.name)],
    ].map((pair) => pair.map((names) => names.toSorted().join()));
    const differing = pairs
      .filter(([a, b]) => a !== b)
      .map(([a, b]) => `${node}: ${a} in the cloud, ${b} in objects`);
    if (enis.length !== 1 || list.length < 3)
      differing.push(`${node}: ${enis.length} ENIs, ${list.length} addresses`);
    return differing;
  }

  test("leaves alone what has no one right answer, and names it", async () => {
    const { instanceId } = await pool.addNode("untagged");
    pool.agentOf("untagged");
    await pool.untilAddresses("untagged", 3);
    const [veni] = await pool.enisOf("untagged");
    const eniId = veni?.metadata.name ?? "";
    await until(
      "the agent's word",
      async () => (await pool.kube.get(venis, eniId)).status?.use?.state === "Ready",
    );
    await pool.control.changeTags(eniId, { remove: ["tke-eni/cluster-id", "tke-eni/cluster-uid"] });
    const { found, printed } = await audit("table");
    expect(found).toBe("quarantined");
    expect(printed).toContain(eniId);
    expect(printed).toContain("it has lost its tags");
    expect(await pool.addressesOf("untagged")).toHaveLength(3);
    expect(await pool.cloudEnisOf(instanceId)).toHaveLength(1);
  });
});
