// What people see of the pool of addresses, on a real cluster: targets, limits, subnets, signals, and that nothing is lost.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { NEC_ANNOTATIONS, NODE_ANNOTATIONS, NODE_LABELS } from "../../src/api/annotations.ts";
import { CLUSTER_CONFIGURATION } from "../../src/api/cluster-configuration.ts";
import { ENI_TAGS } from "../../src/api/eni-tags.ts";
import type { VpcSubnet } from "../../src/api/vpc-subnet.ts";
import { simulatedWorld } from "../../src/sim/config.ts";
import { ControlClient } from "../../src/sim/control/client.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import type { Cluster } from "./cluster.ts";
import { deploy } from "./deploy.ts";
import { down } from "./down.ts";
import { findLeader, killLeader } from "./ipamd-leader.ts";
import { addressesOf, configOf, enisOf, eventsAbout, getJson, observeNode, readinessOf } from "./observe.ts";
import { allRun, createSleepers, deleteSleepers, type SleeperView, sleepers } from "./sleepers.ts";
import { up } from "./up.ts";
import { repowerMachine } from "./vpc-sim.ts";
import { waitUntil } from "./wait-until.ts";
import { controlApi, nodeMachine, spareSubnet } from "./world.ts";

const UP_DEADLINE_MS = 900_000; // Kubernetes may have to be built.
const TEST_MS = 180_000;
const INTERVAL_MS = 250;
const MAX_PODS = 20;

let cluster: Cluster;
const control = new ControlClient(controlApi);

beforeAll(async () => {
  const images = await buildOurImages(silentProgress);
  const vpcSim = [await compileExecutable("vpc-sim", silentProgress)];
  cluster = await up({ nodes: 5, maxPods: MAX_PODS, temporary: true, vpcSim }, silentProgress);
  // Of the two nodes of the second zone, one is for the subnet that runs out, and the other for those that come and go.
  await label("node-3", `${NODE_LABELS.subnetIds}=subnet-pods0002`);
  await deploy(cluster, images, { progress: silentProgress, overlay: join(import.meta.dir, "pool-overlay") });
}, UP_DEADLINE_MS);

afterAll(() => down(silentProgress), 60_000);

function until<T>(what: string, check: () => Promise<T | undefined | false>, deadlineMs: number): Promise<T> {
  return waitUntil(what, check, { deadlineMs, intervalMs: INTERVAL_MS });
}

function label(node: string, change: string): Promise<string> {
  return cluster.kubectl(["label", "node", node, "--overwrite", change]);
}

/** @param changes `KEY=VALUE`, or `KEY-` to remove it */
function annotate(kind: "nec" | "node", node: string, ...changes: string[]): Promise<string> {
  return cluster.kubectl(["annotate", kind, node, "--overwrite", ...changes]);
}

function warm(min: number | string, max: number | string): string[] {
  return [`${NEC_ANNOTATIONS.minWarm}=${min}`, `${NEC_ANNOTATIONS.maxWarm}=${max}`];
}

function setSubnets(...ids: string[]): Promise<string> {
  const { namespace, name, keys } = CLUSTER_CONFIGURATION;
  const patch = JSON.stringify({ data: { [keys.subnetIds]: ids.join(":") } });
  return cluster.kubectl(["-n", namespace, "patch", "configmap", name, "--type=merge", `--patch=${patch}`]);
}

/** How many addresses the node has in the objects. */
async function countOf(node: string): Promise<number> {
  return (await addressesOf(cluster, node)).length;
}

/** Whether the columns of a node's NodeENIConfig say this: they are written after what they count. */
async function columnsMatch(node: string, pattern: RegExp): Promise<boolean> {
  const table = await cluster.kubectl(["get", "nec", node]);
  if (pattern.test(table)) return true;
  throw new Error(table);
}

/** How many pods of these tests are on the node. */
async function podsOn(node: string): Promise<number> {
  const { items } = await getJson<{ items: unknown[] }>(
    cluster,
    "pods",
    `--field-selector=spec.nodeName=${node}`,
  );
  return items.length;
}

async function inUseOf(node: string): Promise<string[]> {
  const addresses = await addressesOf(cluster, node);
  return addresses
    .filter(({ status }) => status?.use?.state === "InUse")
    .map(({ metadata }) => metadata.name);
}

/** The ENIs of a node, as the cloud has them. */
async function cloudEnisOf(node: number) {
  const { instanceId } = nodeMachine(node);
  return (await control.readState()).enis.filter((eni) => !eni.primary && eni.instanceId === instanceId);
}

/** Whether pods are reached from another node, through the VPC. */
async function areReached(pods: readonly SleeperView[]): Promise<boolean> {
  const pings = pods.map(({ status }) =>
    cluster.tryNodeExec("node-1", ["ping", "-c", "1", "-W", "1", status.podIP ?? ""]),
  );
  return (await Promise.all(pings)).every(({ exitCode }) => exitCode === 0);
}

async function audit(): Promise<string> {
  const { pod } = await findLeader(cluster);
  // It ends with 3 when something waits for a person, which kubectl takes for a failure.
  const command = ["-n", "kube-system", "exec", pod, "--", "tke-eni-ipamd", "audit"];
  return cluster.kubectl(command).catch((error: Error) => error.message);
}

/** What ended the containers of ipamd that have ended. */
async function ipamdsLastWords(): Promise<string> {
  const { items } = await getJson<{
    items: {
      status: { containerStatuses?: { lastState: { terminated?: { message?: string } } }[] };
    }[];
  }>(cluster, "pods", "-n", "kube-system", "-l", "k8s-app=tke-eni-ipamd");
  return items
    .flatMap(({ status }) => status.containerStatuses ?? [])
    .map(({ lastState }) => lastState.terminated?.message ?? "")
    .join("\n");
}

/** One node each, so that they can all run at once: what takes time is intervals, not work. */
describe("a node", () => {
  test.concurrent(
    "keeps as many addresses ready as its NodeENIConfig is annotated with, and no more than its limits",
    async () => {
      const node = "node-1";
      await annotate("nec", node, ...warm(7, 7));
      await until("7 addresses", async () => (await countOf(node)) === 7, 10_000);
      await until(
        "the event about it",
        async () =>
          (await cluster.kubectl(["describe", "node", node])).includes("SucceedSetRouteENIWarmTarget"),
        10_000,
      );

      // Half of the pair, a maximum below the minimum, and what is no number.
      await expect(annotate("nec", node, `${NEC_ANNOTATIONS.minWarm}-`)).rejects.toThrow(
        /route-eni-ip-max-warm-target counts only together with .*min-warm-target, which is not set: set both or neither/,
      );
      await expect(annotate("nec", node, ...warm(9, 8))).rejects.toThrow(
        /min-warm-target is "9", above .*max-warm-target "8": lower the minimum or raise the maximum/,
      );
      await expect(annotate("nec", node, ...warm("five", 7))).rejects.toThrow(
        /min-warm-target is "five": set a whole number/,
      );

      await createSleepers(cluster, "limited", { count: 10, node });
      await allRun(cluster, "limited", { deadlineMs: 60_000 });
      await until(
        "both ENIs in use, as ipamd sees it",
        async () =>
          (await configOf(cluster, node)).status?.eniInfos?.filter((it) => (it.inUse ?? 0) > 0).length === 2,
        20_000,
      );
      await expect(annotate("nec", node, `${NEC_ANNOTATIONS.maxEnis}=1`)).rejects.toThrow(
        /route-eni-max-attach is "1", but pods hold addresses on 2 ENIs: set at least that, or move pods off the node/,
      );
      await expect(annotate("nec", node, `${NEC_ANNOTATIONS.maxAddressesPerEni}=1`)).rejects.toThrow(
        /max-ip-per-route-eni is "1", but pods hold \d addresses of one ENI/,
      );

      // The kubelet's maxPods is a limit, too.
      await annotate("nec", node, ...warm(15, 15));
      // One may be that which another node loses meanwhile: it gets its object when the former one has gone.
      await until("as many addresses as maxPods", async () => (await countOf(node)) === MAX_PODS, 60_000);
      await until("the columns to say so", () => columnsMatch(node, / 3\/3 +20\/20 /), 10_000);

      // What is above a limit goes at once.
      await annotate("node", node, `${NODE_ANNOTATIONS.maxAddresses}=12`);
      await until("12 addresses", async () => (await countOf(node)) === 12, 40_000);
      await until("12 slots", async () => (await observeNode(cluster, node)).allocatable === 12, 10_000);
      await until("the columns to say so", () => columnsMatch(node, / 12\/12 /), 10_000);
      await annotate("node", node, `${NODE_ANNOTATIONS.maxAddresses}=3`);
      const ignored = /^InvalidSetting: .*desired-route-eni-pod-num "3" is below what is in use/;
      await until(
        "the event that a limit below use is ignored",
        async () => (await eventsAbout(cluster, "Node", node)).some((it) => ignored.test(it)),
        10_000,
      );
      expect(await inUseOf(node)).toHaveLength(10);
      await deleteSleepers(cluster, "limited");
    },
    TEST_MS,
  );

  test.concurrent(
    "without ENIs is left alone; with nothing kept ready it gets addresses as pods come, and not one more",
    async () => {
      const node = "node-2";
      await annotate("node", node, `${NODE_ANNOTATIONS.disabled}=true`);
      await until("no ENI in the cloud", async () => (await cloudEnisOf(2)).length === 0, 60_000);
      expect(await observeNode(cluster, node)).toMatchObject({
        tainted: true,
        unavailable: { status: "True", reason: "Disabled" },
      });
      expect((await observeNode(cluster, node)).unavailable?.message).toContain("disable-node-eni");

      await annotate("nec", node, ...warm(0, 0));
      await annotate("node", node, `${NODE_ANNOTATIONS.disabled}-`);
      await until(
        "the node to take a pod",
        async () => {
          const { tainted, unavailable, allocatable } = await observeNode(cluster, node);
          return !tainted && unavailable?.status === "False" && allocatable === 1;
        },
        15_000,
      );
      await until("no object to be left", async () => (await countOf(node)) === 0, 10_000);
      expect(await cloudEnisOf(2)).toEqual([]);

      await createSleepers(cluster, "first", { count: 1, node });
      const [first] = await allRun(cluster, "first", { deadlineMs: 20_000 });
      await until(
        "its use to be told",
        async () => Bun.deepEquals(await inUseOf(node), [first?.status.podIP ?? ""]),
        10_000,
      );
      expect(await countOf(node)).toBe(1);

      // The scheduler finds room for one of them.
      let most = 0;
      const others = 12;
      await createSleepers(cluster, "burst", { count: others, node });
      const meanwhile = async () => {
        most = Math.max(most, await countOf(node));
      };
      await allRun(cluster, "burst", { deadlineMs: 60_000, meanwhile });
      await until("the objects of all", async () => (await inUseOf(node)).length === others + 1, 10_000);
      expect(Math.max(most, await countOf(node))).toBe(others + 1);
      await until(
        "room for one more than is used",
        async () => (await observeNode(cluster, node)).allocatable === others + 2,
        10_000,
      );
      await deleteSleepers(cluster, "burst");
      await deleteSleepers(cluster, "first");
      await annotate("nec", node, ...warm(3, 3));
    },
    TEST_MS,
  );

  test.concurrent(
    "whose subnet an outsider has emptied says so, and takes pods again when there are addresses",
    async () => {
      const node = "node-3";
      await annotate("nec", node, ...warm(0, 0));
      const had = await countOf(node);
      await createSleepers(cluster, "served", { count: had, node });
      await allRun(cluster, "served", { deadlineMs: 30_000 });
      const { subnets } = await control.readState();
      const left = subnets.find(({ subnetId }) => subnetId === "subnet-pods0002")?.available ?? 0;
      const { addresses } = await control.takeAddresses("subnet-pods0002", { count: left });

      await createSleepers(cluster, "hungry", { count: 1, node });
      const { unavailable } = await until(
        "taint and condition",
        async () => {
          const seen = await observeNode(cluster, node);
          return seen.tainted && seen.unavailable?.status === "True" && seen;
        },
        20_000,
      );
      expect(unavailable?.reason).toBe("SubnetFull");
      expect(unavailable?.message).toMatch(/add a subnet/);
      expect(await readinessOf(cluster, node)).toMatchObject({ status: "False", reason: "SubnetFull" });
      expect(await cluster.kubectl(["get", "nec", node])).toMatch(/False +SubnetFull/);
      const told = (reason: string) => async () =>
        (await eventsAbout(cluster, "Pod", "hungry-0")).some(
          (it) => it.startsWith(`${reason}: `) && /subnet full.*: add a subnet of the node's zone/.test(it),
        );
      await until("the agent's event on the pod, after ten seconds", told("FailedAllocateAddress"), 20_000);
      // The plugin gives the agent a minute, and the kubelet repeats what it says.
      await until("the kubelet's event", told("FailedCreatePodSandBox"), 75_000);

      await control.giveBackAddresses("subnet-pods0002", { addresses });
      await allRun(cluster, "hungry", { deadlineMs: 30_000 });
      await until(
        "taint and condition to go",
        async () => {
          const seen = await observeNode(cluster, node);
          return !seen.tainted && seen.unavailable?.status === "False";
        },
        10_000,
      );
    },
    TEST_MS,
  );

  test.concurrent(
    "that lost an address in the console is told of by the audit, and has what it needs within a minute",
    async () => {
      const node = "node-4";
      await createSleepers(cluster, "bereft", { count: 1, node });
      const [pod] = await allRun(cluster, "bereft", { deadlineMs: 30_000 });
      const lost = pod?.status.podIP ?? "";
      await until("its use to be told", async () => (await inUseOf(node)).includes(lost), 10_000);
      const [eni] = await cloudEnisOf(4);
      await control.unassignAddresses(eni?.eniId ?? "", [lost]);
      const began = performance.now();
      const told = await until(
        "the audit to tell",
        async () => {
          const output = await audit();
          return output.includes(lost) && output;
        },
        20_000,
      );
      expect(told).toMatch(
        new RegExp(`repairs-itself +address/${lost} +(in-use-not-in-cloud|address-on-another-eni)`),
      );
      expect(told).toContain("restart default/bereft-0, which has no network");
      await until(
        "its object to go, and another in its place",
        async () => {
          const names = (await addressesOf(cluster, node)).map(({ metadata }) => metadata.name);
          return !names.includes(lost) && names.length === 6;
        },
        60_000 - (performance.now() - began),
      );
      await until(
        "the event about it",
        async () =>
          (await eventsAbout(cluster, "Pod", "bereft-0")).some((it) => it.startsWith("AddressLost: ")),
        20_000,
      );
      await deleteSleepers(cluster, "bereft");
      await until("the end of all traces", async () => (await inUseOf(node)).length === 0, 20_000);
    },
    TEST_MS,
  );

  test.concurrent(
    "whose instance is stopped says so and loses nothing, and serves again once that runs",
    async () => {
      const node = "node-5";
      const machine = nodeMachine(5);
      await createSleepers(cluster, "unplugged", { count: 2, node });
      const pods = await allRun(cluster, "unplugged", { deadlineMs: 30_000 });
      const before = (await addressesOf(cluster, node)).map(({ metadata }) => metadata.uid);
      const enis = (await cloudEnisOf(5)).map(({ eniId }) => eniId);
      await control.stopInstance(machine.instanceId);
      await until(
        "the reason",
        async () => (await readinessOf(cluster, node))?.reason === "InstanceStopped",
        120_000,
      );
      // The Node's condition is another object, written after the node's own.
      await until(
        "the Node's condition",
        async () =>
          (await observeNode(cluster, node)).unavailable?.message.includes("it keeps its ENIs and addresses"),
        10_000,
      );
      await repowerMachine(machine);
      await until(
        "the node to serve",
        async () => {
          const { tainted } = await observeNode(cluster, node);
          return !tainted && (await readinessOf(cluster, node))?.status === "True";
        },
        60_000,
      );
      await until("its pods to be reached", () => areReached(pods), 20_000);
      const after = (await addressesOf(cluster, node)).map(({ metadata }) => metadata.uid);
      expect(after).toEqual(expect.arrayContaining(before));
      expect((await cloudEnisOf(5)).map(({ eniId }) => eniId)).toEqual(enis);
      await deleteSleepers(cluster, "unplugged");
    },
    TEST_MS,
  );
});

/** Tests that run at once are those between two that do not. */
function agreement(when: string): void {
  test(
    `cloud, objects and agents agree ${when}`,
    () =>
      until(
        "a clean audit",
        async () => {
          const output = await audit();
          if (output === "Cloud, objects and agents agree.\n") return true;
          throw new Error(output);
        },
        60_000,
      ),
    TEST_MS,
  );
}

agreement("after all that");

describe("nothing is lost", () => {
  test.concurrent(
    "when ipamd is killed between a call and its answer",
    async () => {
      const node = "node-4";
      const leader = await findLeader(cluster);
      await control.addFault({
        actions: ["CreateAndAttachNetworkInterface", "CreateNetworkInterface", "AssignPrivateIpAddresses"],
        effect: { kind: "delayAnswer", ms: 8000 },
      });
      await createSleepers(cluster, "grown", { count: 12, node });
      const isOurs = ({ tags }: { tags: Readonly<Record<string, string>> }) => tags["tke-eni/node"] === node;
      await until(
        "the second ENI",
        async () => (await control.readState()).enis.filter(isOurs).length === 2,
        20_000,
      );
      killLeader(leader);
      await control.clearFaults();
      await until(
        "another leader",
        async () => (await findLeader(cluster)).identity !== leader.identity,
        40_000,
      );
      await allRun(cluster, "grown", { deadlineMs: 90_000 });
      const enis = (await control.readState()).enis.filter(isOurs);
      expect(enis).toHaveLength(2);
      expect(enis.map(({ eniId }) => eniId).sort()).toEqual(
        (await enisOf(cluster, node)).map(({ metadata }) => metadata.name).sort(),
      );
      const pods = await sleepers(cluster, "grown");
      await until(
        "the use of all",
        async () => {
          const inUse = new Set(await inUseOf(node));
          return inUse.size === 12 && pods.every(({ status }) => inUse.has(status.podIP ?? ""));
        },
        10_000,
      );
      expect((await configOf(cluster, node)).status?.creating).toBeUndefined();
      await deleteSleepers(cluster, "grown");
    },
    TEST_MS,
  );

  test.concurrent(
    "when pods are deleted while their node has no agent",
    async () => {
      const node = "node-2";
      await createSleepers(cluster, "orphaned", { count: 3, node });
      const pods = await allRun(cluster, "orphaned", { deadlineMs: 30_000 });
      const addresses = pods.map(({ status }) => status.podIP ?? "");
      await label(node, "test/without-agent=yes");
      const agent = [
        "pods",
        "-n",
        "kube-system",
        "-l",
        "k8s-app=tke-eni-agent",
        `--field-selector=spec.nodeName=${node}`,
      ];
      await until(
        "the agent's end",
        async () => (await cluster.kubectl(["get", ...agent, "-o", "name"])) === "",
        60_000,
      );
      await deleteSleepers(cluster, "orphaned");
      await label(node, "test/without-agent-");
      await until(
        "their addresses to be given back",
        async () => {
          const inUse = await inUseOf(node);
          return addresses.every((address) => !inUse.includes(address));
        },
        60_000,
      );
      await createSleepers(cluster, "adopted", { count: 3, node });
      await allRun(cluster, "adopted", { deadlineMs: 60_000 });
      await deleteSleepers(cluster, "adopted");
    },
    TEST_MS,
  );

  test.concurrent(
    "when an ENI is detached in the console: it comes back, and its pods have their network again",
    async () => {
      const node = "node-5";
      await createSleepers(cluster, "cut", { count: 2, node });
      const pods = await allRun(cluster, "cut", { deadlineMs: 30_000 });
      const held = await until(
        "their use to be told",
        async () => {
          const inUse = await inUseOf(node);
          return inUse.length === 2 && inUse;
        },
        10_000,
      );
      const [before] = await cloudEnisOf(5);
      // From here on it is not available, until it has come back.
      await control.detachEni(before?.eniId ?? "");
      await until(
        "the same ENI on the instance",
        async () =>
          (await cloudEnisOf(5)).some(({ eniId, state }) => eniId === before?.eniId && state === "AVAILABLE"),
        75_000,
      );
      await until("the pods to be reached", () => areReached(pods), 20_000);
      expect((await sleepers(cluster, "cut")).map(({ status }) => status.podIP)).toEqual(
        pods.map(({ status }) => status.podIP),
      );
      expect(await inUseOf(node)).toEqual(held);
      await deleteSleepers(cluster, "cut");
    },
    TEST_MS,
  );
});

agreement("although so much has gone wrong");

/** Taint and condition of a node whose pods wait for this reason. */
function shortageOf(node: string, reason: string) {
  return until(
    `taint and condition for ${reason}`,
    async () => {
      const seen = await observeNode(cluster, node);
      return (
        seen.tainted && seen.unavailable?.status === "True" && seen.unavailable.reason === reason && seen
      );
    },
    20_000,
  );
}

function podIsTold(pod: string, words: RegExp): Promise<unknown> {
  return until(
    `the event on ${pod}`,
    async () =>
      (await eventsAbout(cluster, "Pod", pod)).some(
        (it) => it.startsWith("FailedAllocateAddress: ") && words.test(it),
      ),
    20_000,
  );
}

/** What one pod more needs on each of these nodes is another call to the cloud: so they differ. */
describe("a pod that waits for the cloud", () => {
  test.concurrent(
    "is told that the VPC may have no more ENIs, with an event on the node, and has its address when it may",
    async () => {
      const node = "node-4";
      await annotate("nec", node, ...warm(0, 0));
      await annotate("node", node, `${NODE_ANNOTATIONS.disabled}=true`);
      await until("a node without ENIs", async () => (await cloudEnisOf(4)).length === 0, 40_000);
      const { vpcMaxEnis } = await control.readSettings();
      await control.changeSettings({ vpcMaxEnis: 1 });
      await annotate("node", node, `${NODE_ANNOTATIONS.disabled}-`);
      await createSleepers(cluster, "beyond", { count: 1, node });
      const { unavailable } = await shortageOf(node, "VPCLimit");
      expect(unavailable?.message).toContain("raise the limit of ENIs, or remove ENIs that nobody needs");
      await until(
        "the event on the node",
        async () => (await eventsAbout(cluster, "Node", node)).some((it) => it.startsWith("ENILimit: ")),
        10_000,
      );
      await control.changeSettings({ vpcMaxEnis });
      await allRun(cluster, "beyond", { deadlineMs: 60_000 });
      await until("the taint's end", async () => !(await observeNode(cluster, node)).tainted, 10_000);
      await deleteSleepers(cluster, "beyond");
      await annotate("nec", node, `${NEC_ANNOTATIONS.minWarm}-`, `${NEC_ANNOTATIONS.maxWarm}-`);
    },
    TEST_MS,
  );

  test.concurrent(
    "is told that the cloud throttles, for as long as it does, and comes up all the same",
    async () => {
      const node = "node-5";
      const { id } = await control.addFault({
        actions: ["AssignPrivateIpAddresses"],
        effect: { kind: "refuse", code: "RequestLimitExceeded" },
      });
      await annotate("nec", node, ...warm(0, 0));
      const had = await countOf(node);
      await createSleepers(cluster, "patient", { count: had + 1, node });
      const { unavailable } = await shortageOf(node, "Throttled");
      expect(unavailable?.message).toContain("RequestLimitExceeded");
      const waiting = await until(
        "all but one to run",
        async () => {
          const left = (await sleepers(cluster, "patient")).filter(
            ({ status }) => status.phase === "Pending",
          );
          return left.length === 1 && left[0];
        },
        30_000,
      );
      await podIsTold(waiting.metadata.name, /throttled.*: nothing is to be done, it is tried again/);
      await control.removeFault(id);
      await allRun(cluster, "patient", { deadlineMs: 60_000 });
      await until(
        "the node to serve",
        async () => {
          const { tainted } = await observeNode(cluster, node);
          return !tainted && (await readinessOf(cluster, node))?.reason !== "Throttled";
        },
        20_000,
      );
      await deleteSleepers(cluster, "patient");
      await annotate("nec", node, `${NEC_ANNOTATIONS.minWarm}-`, `${NEC_ANNOTATIONS.maxWarm}-`);
    },
    TEST_MS,
  );
});

describe("the cluster's configuration", () => {
  const subnet = (id: string) => getJson<VpcSubnet>(cluster, "vsub", id);
  const drained = async (id: string) =>
    (await subnet(id)).status?.conditions?.find(({ type }) => type === "Drained");

  test(
    "ENIs of another cluster of the same id stop ipamd, until somebody says whose they are",
    async () => {
      const ipamd = ["-n", "kube-system"];
      const other = "uid-of-another-kube-system";
      await control.createEni({
        subnetId: "subnet-pods0001",
        secondaryCount: 1,
        tags: { [ENI_TAGS.clusterId]: "simulated", [ENI_TAGS.clusterUid]: other, [ENI_TAGS.node]: "node-x" },
      });
      // A leader reads all ENIs when it begins, and every half minute.
      await cluster.kubectl([...ipamd, "delete", "pod", (await findLeader(cluster)).pod]);
      await until(
        "ipamd to end, and say why",
        async () => (await ipamdsLastWords()).includes("belong to another cluster of the same id"),
        30_000,
      );
      const adopt = (...options: string[]) =>
        until(
          `adopt ${options.join(" ")}`,
          () =>
            cluster.kubectl([
              ...ipamd,
              "exec",
              "deploy/tke-eni-ipamd",
              "--",
              "tke-eni-ipamd",
              "adopt",
              ...options,
            ]),
          20_000,
        );
      expect(await adopt()).toMatch(new RegExp(`^1 ENIs of UID ${other}: .* of node node-x`, "m"));
      expect(await adopt("--from-uid", other)).toContain("is this cluster's now");
      // Whoever holds it has ended: nobody needs to wait for its calls.
      const released = JSON.stringify({ spec: { holderIdentity: "" } });
      await cluster.kubectl([
        ...ipamd,
        "patch",
        "lease",
        "tke-eni-ipamd",
        "--type=merge",
        `--patch=${released}`,
      ]);
      const wanted = (await countOf("node-2")) + 1;
      await annotate("nec", "node-2", ...warm(wanted, wanted));
      await until("ipamd to work", async () => (await countOf("node-2")) >= wanted, 40_000);
      await annotate("nec", "node-2", ...warm(3, 3));
    },
    TEST_MS,
  );

  test(
    "a subnet that is added is used; one that is removed drains as the pods of its nodes go; and a typing error does nothing",
    async () => {
      await expect(setSubnets("subnet-pods0001;subnet-pods0002")).rejects.toThrow(
        /TKE_ENI_IPAMD_SUBNET_ID is "subnet-pods0001;subnet-pods0002": set subnet ids joined by colons/,
      );
      const { subnetId } = spareSubnet;
      await setSubnets("subnet-pods0001", "subnet-pods0002", subnetId);
      await until("its object", async () => (await subnet(subnetId)).status?.state === "Active", 10_000);
      await label("node-3", `${NODE_LABELS.subnetIds}=subnet-pods0002.${subnetId}`);
      // The first ENI of a node holds nine.
      for (const node of ["node-3", "node-5"]) {
        await createSleepers(cluster, `spread-${node}`, {
          count: Math.max(1, 11 - (await podsOn(node))),
          node,
        });
      }
      for (const node of ["node-3", "node-5"]) {
        await allRun(cluster, `spread-${node}`, { deadlineMs: 60_000 });
        const inSpare = (await enisOf(cluster, node)).filter(({ spec }) => spec.subnetID === subnetId);
        expect(inSpare).not.toEqual([]);
      }

      await setSubnets("subnet-pods0001", "subnet-pods0002");
      const left = async () => (await drained(subnetId))?.message ?? "";
      await until(
        "it to drain",
        async () => / on node-3, node-5 left, [1-9]\d* in use by pods: /.test(await left()),
        20_000,
      );
      expect(await cluster.kubectl(["get", "vsub", subnetId])).toMatch(/ Draining .* in use by pods: /);
      expect((await drained(subnetId))?.reason).toBe("InUse");

      await deleteSleepers(cluster, "spread-node-3");
      await until(
        "the ENIs of the first node to go",
        async () => /^\d ENIs? with \d+ address(es)? on node-5 left, /.test(await left()),
        45_000,
      );
      expect(await sleepers(cluster, "spread-node-5")).not.toEqual([]);
      await deleteSleepers(cluster, "spread-node-5");
      await until("its end", async () => (await drained(subnetId))?.status === "True", 75_000);
      expect((await subnet(subnetId)).status?.state).toBe("Disabled");
      expect((await control.readState()).enis.filter((eni) => eni.subnetId === subnetId)).toEqual([]);
      await label("node-3", `${NODE_LABELS.subnetIds}=subnet-pods0002`);
    },
    TEST_MS,
  );

  test(
    "a zone without a subnet is told on its nodes, until there is one",
    async () => {
      await setSubnets("subnet-pods0001");
      const { unavailable } = await until(
        "the taint",
        async () => {
          const seen = await observeNode(cluster, "node-5");
          return seen.tainted && seen.unavailable?.status === "True" && seen;
        },
        60_000,
      );
      expect(unavailable).toMatchObject({ reason: "NoSubnetInZone" });
      expect(unavailable?.message).toContain("add one to TKE_ENI_IPAMD_SUBNET_ID of ConfigMap tke-eni-ipamd");
      await setSubnets("subnet-pods0001", "subnet-pods0002");
      await until("its end", async () => !(await observeNode(cluster, "node-5")).tainted, 20_000);
      await createSleepers(cluster, "welcome", { count: 1, node: "node-5" });
      await allRun(cluster, "welcome", { deadlineMs: 20_000 });
    },
    TEST_MS,
  );

  const access = async () =>
    (await subnet("subnet-pods0001")).status?.conditions?.find(({ type }) => type === "CloudAccess");

  test(
    "a credential that is revoked is told on the subnets and by an audit, and nobody has to do anything once it is back",
    async () => {
      const [credential] = simulatedWorld().credentials;
      if (credential === undefined) throw new Error("the simulated world has no credential");
      await control.removeCredential(credential.secretId);
      // A call is needed for it to be noticed.
      await annotate("nec", "node-2", ...warm(3, 3));
      await until("it to be told", async () => (await access())?.reason === "CredentialRejected", 45_000);
      expect(await access()).toMatchObject({ status: "False" });
      expect((await access())?.message).toContain("put a valid one in its place");
      expect(await audit()).toMatch(
        /tke-eni-ipamd audit: the cloud does not accept the credential \(.*\): put a valid one into the Secret/,
      );
      await control.putCredential(credential.secretId, { secretKey: credential.secretKey });
      await until("it to pass", async () => (await access())?.status === "True", 30_000);
      await until("what was wanted meanwhile", async () => (await countOf("node-2")) >= 3, 20_000);
    },
    TEST_MS,
  );

  test(
    "a clock that is wrong is told on the subnets and on the node that has to wait for it, until it is set",
    async () => {
      const node = "node-2";
      await control.changeSettings({ clockSkewMs: 400_000 });
      const wanted = (await countOf(node)) + 1;
      await annotate("nec", node, ...warm(wanted, wanted));
      await until(
        "the node's reason",
        async () => (await readinessOf(cluster, node))?.reason === "ClockSkew",
        15_000,
      );
      await until("it to be told", async () => (await access())?.reason === "ClockSkew", 15_000);
      expect((await access())?.message).toContain("set the clock of the machine that ipamd runs on");
      await control.changeSettings({ clockSkewMs: 0 });
      await until("it to pass", async () => (await access())?.status === "True", 30_000);
      await until("what was wanted meanwhile", async () => (await countOf(node)) >= wanted, 20_000);
      await annotate("nec", node, ...warm(3, 3));
    },
    TEST_MS,
  );
});

agreement("in the end");

test("the network has dropped nothing", async () => {
  expect((await control.readDrops()).total).toBe(0);
});
