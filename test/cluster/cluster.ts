import {
  type CommandOptions,
  type CommandResult,
  runCommand,
  tryCommand,
} from "../../tools/build/run-command.ts";
import { loadClusterRecord } from "./cluster-record.ts";
import { isAlive } from "./daemon.ts";
import { loadDaemons } from "./daemon-records.ts";
import { kubeconfigPath } from "./folders.ts";
import { kubectl } from "./kubectl.ts";
import { enterNode } from "./node-mounts.ts";
import { type NodeMachine, nodeMachine } from "./world.ts";

/** The cluster that runs on this machine. */
export interface Cluster {
  /** Path of the administrator's kubeconfig, which works from this machine's root namespace, nodes and pods. */
  readonly kubeconfig: string;
  readonly nodes: readonly NodeMachine[];
  /** Runs kubectl as administrator and returns its standard output; throws with what it said if it fails. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** The command before a command that is to run in a node, in its network, mounts and host name. */
  enterNode(node: string): Promise<string[]>;
  /** Runs a command in a node and returns its standard output; throws with what it said if it fails. */
  nodeExec(node: string, argv: readonly string[], options?: CommandOptions): Promise<string>;
  /** Runs a command in a node and returns what it left, whatever its exit code. */
  tryNodeExec(node: string, argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

/** The cluster that an earlier `up` started. Throws if there is none, or it is not whole. */
export async function openCluster(): Promise<Cluster> {
  const record = await loadClusterRecord();
  if (record === undefined)
    throw new Error("No cluster runs on this machine: start one with `npm run cluster -- up`.");
  if (!record.complete) {
    throw new Error("An `up` did not come to its end on this machine: run `npm run cluster -- up` again.");
  }

  async function enter(name: string): Promise<string[]> {
    const holder = (await loadDaemons()).get(`${name}-holder`);
    if (holder === undefined) throw new Error(`The cluster has no node "${name}".`);
    return enterNode(holder);
  }

  return {
    kubeconfig: kubeconfigPath,
    nodes: Array.from({ length: record.nodes }, (_, index) => nodeMachine(index + 1, record.instanceType)),
    kubectl: (args, options) => kubectl(kubeconfigPath, args, options),
    enterNode: enter,
    nodeExec: async (node, argv, options) => runCommand([...(await enter(node)), ...argv], options),
    tryNodeExec: async (node, argv, options) => tryCommand([...(await enter(node)), ...argv], options),
  };
}

/** Whether the cluster of this machine came up whole and its owner, if it has one, lives. */
export async function clusterIsInUse(): Promise<boolean> {
  const record = await loadClusterRecord();
  if (!record?.complete) return false;
  const apiServer = (await loadDaemons()).get("kube-apiserver");
  return (
    apiServer !== undefined && isAlive(apiServer) && (record.owner === undefined || isAlive(record.owner))
  );
}
