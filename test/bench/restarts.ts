// What agents that are replaced, and a node that boots, cost the pods: on a real node with a real kubelet.
import { NODE_ANNOTATIONS } from "../../src/api/annotations.ts";
import { consoleProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import { deploy } from "../cluster/deploy.ts";
import { down } from "../cluster/down.ts";
import { createManyPods, deleteManyPods, manyPods, manyRun } from "../cluster/many-pods.ts";
import { rebootNode } from "../cluster/reboot-node.ts";
import { failedSandboxes, restartUnderLoad } from "../cluster/restarts-under-load.ts";
import { createSleepers, deleteSleepers, sleepers } from "../cluster/sleepers.ts";
import { up } from "../cluster/up.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import type { BenchWorld, Measured } from "./bench.ts";

const NODE = "node-1";
const RESTARTS = 20;
const PODS_AT_ONCE = 4;
/** Some may be there from before, on their way back. */
const ADDRESSES_WHEN_FULL = 12;
const PODS_OF_BOOT = 60;
const NONE = { op: "<=", value: 0 } as const;

export async function benchRestarts({ say }: BenchWorld): Promise<Measured> {
  const images = await buildOurImages(consoleProgress);
  const vpcSim = [await compileExecutable("vpc-sim", consoleProgress)];
  await using started = new AsyncDisposableStack();
  started.defer(async () => void (await down(consoleProgress)));
  const options = { nodes: 1, instanceType: "S5.4XLARGE32", temporary: true, vpcSim };
  const cluster = await up(options, consoleProgress);
  await deploy(cluster, images, { progress: consoleProgress });

  say(`replacing the agent ${RESTARTS} times while ${PODS_AT_ONCE} pods at a time come and go`);
  const load = { node: NODE, restarts: RESTARTS, atOnce: PODS_AT_ONCE };
  const restarted = await restartUnderLoad(cluster, load);
  for (const failure of [...restarted.failedAdds, ...restarted.failedPods]) say(failure);

  say(`replacing the agent ${RESTARTS} times on a node that is full, with a pod that waits for an address`);
  await cluster.kubectl([
    "annotate",
    "node",
    NODE,
    `${NODE_ANNOTATIONS.maxAddresses}=${ADDRESSES_WHEN_FULL}`,
  ]);
  // They do not ask for the resource: the scheduler would not send one more than there are addresses.
  await createSleepers(cluster, "full", { count: ADDRESSES_WHEN_FULL + 1, node: NODE, asks: false });
  const phases = async () => (await sleepers(cluster, "full")).map(({ status }) => status.phase);
  await waitUntil(
    "all pods but one to run",
    async () => (await phases()).filter((phase) => phase === "Running").length === ADDRESSES_WHEN_FULL,
    { deadlineMs: 120_000, intervalMs: 250 },
  );
  const full = await restartUnderLoad(cluster, { node: NODE, restarts: RESTARTS, atOnce: 0 });
  if ((await phases()).filter((phase) => phase === "Pending").length !== 1) {
    throw new Error("the node was not full all the time: the pod that was to wait has come to run");
  }
  await cluster.kubectl(["annotate", "node", NODE, `${NODE_ANNOTATIONS.maxAddresses}-`]);
  await deleteSleepers(cluster, "full");

  say(`booting the node with ${PODS_OF_BOOT} pods`);
  await createManyPods(cluster, PODS_OF_BOOT);
  const patience = { deadlineMs: 300_000, intervalMs: 250 };
  await waitUntil("all pods to run", () => manyRun(cluster, PODS_OF_BOOT, 0), patience);
  const sandboxesBefore = (await failedSandboxes(cluster)).length;
  const boot = Date.now();
  await rebootNode(cluster, NODE);
  await waitUntil("all pods to run again", () => manyRun(cluster, PODS_OF_BOOT, boot), patience);
  const bootSeconds = (Date.now() - boot) / 1000;
  const failed = (await manyPods(cluster)).filter(({ status }) => status?.phase === "Failed");
  const failedOfBoot = failed.map(
    ({ metadata, status }) => `${metadata.name}: ${status?.reason}: ${status?.message}`,
  );
  for (const failure of failedOfBoot) say(failure);
  const sandboxesOfBoot = (await failedSandboxes(cluster)).slice(sandboxesBefore);
  for (const failure of sandboxesOfBoot) say(failure);
  await deleteManyPods(cluster);

  return {
    figures: [
      {
        name: `pods that came and went during ${RESTARTS} updates of the agent`,
        value: restarted.pods,
        unit: "",
      },
      { name: "failed ADDs meanwhile", value: restarted.failedAdds.length, unit: "", goal: NONE },
      { name: "pods that ended Failed meanwhile", value: restarted.failedPods.length, unit: "", goal: NONE },
      {
        name: "times that the Node was not Ready meanwhile",
        value: restarted.stayedReady ? 0 : 1,
        unit: "",
        goal: NONE,
      },
      {
        name: `times that a full node was not Ready during ${RESTARTS} updates`,
        value: full.stayedReady ? 0 : 1,
        unit: "",
        goal: NONE,
      },
      { name: `a boot with ${PODS_OF_BOOT} pods: until all run again`, value: bootSeconds, unit: "s" },
      { name: "failed ADDs after it", value: sandboxesOfBoot.length, unit: "", goal: NONE },
      { name: "pods that ended Failed after it", value: failedOfBoot.length, unit: "", goal: NONE },
    ],
    raw: { restarted, full, failedOfBoot, sandboxesOfBoot },
  };
}
