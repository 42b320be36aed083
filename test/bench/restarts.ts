// What agents that are replaced, and a node that boots, cost the pods: on a real node with a real kubelet.
import { consoleProgress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import { deploy } from "../cluster/deploy.ts";
import { down } from "../cluster/down.ts";
import { createManyPods, deleteManyPods, manyPods, manyRun } from "../cluster/many-pods.ts";
import { rebootNode } from "../cluster/reboot-node.ts";
import { failedSandboxes, restartUnderLoad } from "../cluster/restarts-under-load.ts";
import { up } from "../cluster/up.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import type { BenchWorld, Measured } from "./bench.ts";

const NODE = "node-1";
const RESTARTS = 20;
const PODS_AT_ONCE = 4;
const PODS_OF_BOOT = 60;
const NONE = { op: "<=", value: 0 } as const;

export async function benchRestarts({ say }: BenchWorld): Promise<Measured> {
  const images = await buildOurImages(consoleProgress);
  const vpcSim = [await compileExecutable("vpc-sim", consoleProgress)];
  await using started = new AsyncDisposableStack();
  started.defer(() => down(consoleProgress));
  const options = { nodes: 1, instanceType: "S5.4XLARGE32", temporary: true, vpcSim };
  const cluster = await up(options, consoleProgress);
  await deploy(cluster, images, { progress: consoleProgress });

  say(`replacing the agent ${RESTARTS} times while ${PODS_AT_ONCE} pods at a time come and go`);
  const load = { node: NODE, restarts: RESTARTS, atOnce: PODS_AT_ONCE };
  const restarted = await restartUnderLoad(cluster, load);
  for (const failure of [...restarted.failedAdds, ...restarted.failedPods]) say(failure);

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
      { name: `a boot with ${PODS_OF_BOOT} pods: until all run again`, value: bootSeconds, unit: "s" },
      { name: "failed ADDs after it", value: sandboxesOfBoot.length, unit: "", goal: NONE },
      { name: "pods that ended Failed after it", value: failedOfBoot.length, unit: "", goal: NONE },
    ],
    raw: { restarted, failedOfBoot, sandboxesOfBoot },
  };
}
