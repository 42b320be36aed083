import { mkdir } from "node:fs/promises";
import { binaries } from "../../tools/build/binary.ts";
import { installDebianPackages } from "../../tools/build/debian-packages.ts";
import type { Progress } from "../../tools/build/progress.ts";
import { type Cluster, clusterIsInUse, openCluster } from "./cluster.ts";
import { createClusterAuthority } from "./cluster-certificates.ts";
import { type ClusterRecord, saveClusterRecord } from "./cluster-record.ts";
import { startControlPlane } from "./control-plane.ts";
import { identifyDaemon } from "./daemon.ts";
import { takeDown } from "./down.ts";
import { configurationFolder, daemonsFolder, logFolder, runFolder, stateFolder } from "./folders.ts";
import { readHostSysctls } from "./host-sysctls.ts";
import { buildBaseImages } from "./images/base-images.ts";
import { createKubeProxyKubeconfig, startControlPlaneProxy } from "./kube-proxy.ts";
import { createManagementLink, createNetworkNamespaces } from "./network-namespaces.ts";
import { createMountPoints, missingMountPoints } from "./node-mounts.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import {
  createExtenderSecret,
  issueExtenderCertificates,
  writeSchedulerConfiguration,
} from "./scheduler-extender.ts";
import { startNode } from "./start-node.ts";
import { bootMachine, startVpcSim, vpcSimFromSource } from "./vpc-sim.ts";
import { controlPlane, maxNodes, nodeMachine, outsideNamespace, vpcNamespace } from "./world.ts";

/** What else than the pool of addresses the cluster is made for. */
export type ClusterMode = "static";

/** What `up` makes. */
export interface UpOptions {
  readonly nodes: number;
  /** Of each kubelet; 110 unless said otherwise. */
  readonly maxPods?: number;
  /** Type of the nodes' machines, which says how many ENIs and addresses they may have. */
  readonly instanceType?: string;
  /** The cluster is this process's: when it has ended, however it did, the next `up` may take the cluster away. */
  readonly temporary?: boolean;
  /**
   * `static`: kube-scheduler asks the extender of k8s/overlays/simulated-static, which is still to be deployed: until then pods that ask
   * for an address wait.
   */
  readonly mode?: ClusterMode;
  /** As `ControlPlaneOptions` has it. */
  readonly nodeMonitorGrace?: string;
  /** The command that starts vpc-sim, without arguments; from the sources unless said otherwise. */
  readonly vpcSim?: readonly string[];
}

/**
 * Starts the simulated world of docs/design/overview.md on this machine: vpc-sim, a control plane and nodes. What an
 * earlier run that was killed has left is taken away first. Returns when all nodes are registered; they become Ready
 * when something gives them a CNI configuration.
 *
 * @throws when a cluster is up and in use, when a program cannot be built, or when something does not start: then the
 * sentence shows the end of its log, and what did start stays for inspection until the next `up` or `down`.
 */
export async function up(options: UpOptions, progress: Progress): Promise<Cluster> {
  if (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > maxNodes) {
    throw new Error(`A cluster has 1 to ${maxNodes} nodes, not ${options.nodes}.`);
  }
  await refuseIfInUse();
  await installDebianPackages(progress);
  await binaries(undefined, progress);
  const images = await buildBaseImages();
  return oneAtATime(async () => {
    await refuseIfInUse();
    await takeDown(progress);
    return start(options, { images, progress });
  });
}

async function refuseIfInUse(): Promise<void> {
  if (await clusterIsInUse()) {
    throw new Error("A cluster runs on this machine: take it down first with `npm run cluster -- down`.");
  }
}

async function start(
  options: UpOptions,
  { images, progress }: { images: string[]; progress: Progress },
): Promise<Cluster> {
  const nodes = Array.from({ length: options.nodes }, (_, index) =>
    nodeMachine(index + 1, options.instanceType),
  );
  const record = await prepareHost(options);
  await progress.step("starting the VPC and its machines", async () => {
    const machines = [controlPlane, ...nodes];
    await createNetworkNamespaces([
      vpcNamespace,
      outsideNamespace,
      ...machines.map((machine) => machine.namespace),
    ]);
    await createManagementLink();
    await startVpcSim(options.vpcSim ?? vpcSimFromSource);
    for (const machine of machines) await bootMachine(machine);
  });
  const authority = await createClusterAuthority();
  const kubeProxyKubeconfig = await createKubeProxyKubeconfig(authority);
  const extender = options.mode === "static" ? await issueExtenderCertificates(authority) : undefined;
  const controlPlaneOptions = {
    ...(extender !== undefined && { schedulerConfiguration: await writeSchedulerConfiguration(extender) }),
    ...(options.nodeMonitorGrace !== undefined && { nodeMonitorGrace: options.nodeMonitorGrace }),
  };
  await progress.step("starting the control plane", () => startControlPlane(authority, controlPlaneOptions));
  if (extender !== undefined) await createExtenderSecret(extender);
  const parts = {
    authority,
    images,
    kubeProxyKubeconfig,
    maxPods: options.maxPods ?? 110,
  };
  await progress.step(`starting ${nodes.map((node) => node.name).join(", ")}`, () =>
    Promise.all(nodes.map((node) => startNode(node, parts))),
  );
  // By it kube-scheduler reaches the extender's Service.
  const [first] = nodes;
  if (extender !== undefined && first !== undefined) await startControlPlaneProxy(first, kubeProxyKubeconfig);
  await saveClusterRecord({ ...record, complete: true });
  return openCluster();
}

/** Makes folders, and writes down first how the host was. */
async function prepareHost(options: UpOptions): Promise<ClusterRecord> {
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const record: ClusterRecord = {
    nodes: options.nodes,
    ...(options.instanceType === undefined ? {} : { instanceType: options.instanceType }),
    complete: false,
    mountPoints: missingMountPoints(),
    sysctls: readHostSysctls(),
    ...(options.temporary === true ? { owner: identifyDaemon("owner", { pid: process.pid, log: "" }) } : {}),
  };
  await saveClusterRecord(record);
  createMountPoints();
  for (const folder of [configurationFolder, logFolder, runFolder, daemonsFolder]) {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  }
  return record;
}
