import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { ControlClient } from "../../src/sim/control/client.ts";
import type { Progress } from "../../tools/build/progress.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { upStatic } from "../cluster/up-static.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import { controlApi } from "../cluster/world.ts";

/** What scenarios are played on: a cluster, and ways to it. */
export interface StageSet {
  readonly cluster: Cluster;
  readonly kube: KubeClient;
  readonly control: ControlClient;
}

/** What one scenario is played on. */
export interface Stage extends StageSet {
  /** Each scenario does what it is about by it, once: something befalls the cluster then. Resolves when both are done, whether or not all is well again. */
  readonly disturb: (act: () => Promise<unknown>) => Promise<void>;
  /** How much longer than by itself anything may take because of that, ms. */
  readonly patienceMs: number;
}

/**
 * A cluster with fixed addresses for scenarios: node-1, node-2 and node-4 in the first zone, the last with neither ipamd nor the extender, so
 * that it can be cut off, and node-3 in the second. A kubelet is given up after twenty seconds, and a node after ten more. An ENI has room for
 * 29 pods: no scenario needs a second one in its subnet.
 */
export async function raiseStage(progress: Progress): Promise<StageSet> {
  const cluster = await upStatic(
    {
      nodes: 4,
      instanceType: "S5.3XLARGE24",
      nodeMonitorGrace: "20s",
      temporary: true,
      vpcSim: [await compileExecutable("vpc-sim", progress)],
      overlay: `${import.meta.dir}/overlay`,
    },
    progress,
  );
  const kube = createKubeClient(createTransport(await openServerAccess({ kubeconfig: cluster.kubeconfig })));
  return { cluster, kube, control: new ControlClient(controlApi) };
}

/** Waits as `waitUntil` does, with patience for what disturbs. */
export function until<T>(
  { patienceMs }: Pick<Stage, "patienceMs">,
  what: string,
  { withinMs, check }: { withinMs: number; check: () => Promise<T | undefined | false> },
): Promise<T> {
  return waitUntil(what, check, { deadlineMs: withinMs + patienceMs, intervalMs: 200 });
}
