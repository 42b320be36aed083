import { InvalidArgumentError, Option } from "commander";
import { AGENT_RUN_FOLDER, AGENT_STATE_FOLDER } from "../api/agent-paths.ts";
import { parseGoDuration } from "../api/go-duration.ts";
import { daemonCommand } from "../command-line/daemon-command.ts";
import { hostAndPort } from "../command-line/host-and-port.ts";
import type { PrimaryEgress } from "./nft/primary-egress.ts";

export interface AgentOptions {
  nodeName: string;
  /** Tells this process from its predecessor and its successor on the same node. */
  instance: string;
  kubeconfig: string | undefined;
  coolDownMs: number;
  portMapping: boolean;
  bandwidth: boolean;
  /** Whether pods are masqueraded outside, as ip-masq-agent's ConfigMap says. */
  ipMasq: boolean;
  /** The interface by which pods reach link-local addresses. */
  linkLocal: PrimaryEgress["linkLocal"];
  pluginsSource: string;
  cniBin: string;
  cniConf: string;
  runFolder: string;
  stateFolder: string;
  /** Undefined: no device plugin. */
  kubeletFolder: string | undefined;
  /** Undefined: no container runtime is asked. */
  criSocket: string | undefined;
  /** The host's /etc, for drop-ins of its network daemons; undefined: none are written. */
  hostEtc: string | undefined;
  /** Whether those drop-ins are to be there; else those of an earlier agent are taken away. */
  dropIns: boolean;
  /** Where the metrics are served besides the health socket; undefined: nowhere. */
  metricsAddress: { hostname: string; port: number } | undefined;
  logLevel: string;
  /** Only ask the running agent: whether it lives, or whether it also does its part. */
  probe: "alive" | "ready" | undefined;
}

/**
 * Reads the command line.
 * @throws CommanderError with one sentence on what is wrong; with exit code 0 after `--help`
 */
export function parseAgentOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): AgentOptions {
  const command = daemonCommand(
    "tke-eni-agent",
    "Sets up the ENIs of its node and gives pods their addresses; one on each node, privileged, in the host's network.",
  )
    .option("--node-name <name>", "name of this node (NODE_NAME)", env["NODE_NAME"])
    .option(
      "--instance <name>",
      "name of this process among agents of the node (POD_NAME); default: random",
      env["POD_NAME"] ?? crypto.randomUUID().slice(0, 8),
    )
    .option("--cool-down <duration>", "rest of an address between two pods", duration, 30_000)
    .option("--port-mapping", "chain the portmap plugin, for hostPort", false)
    .option("--bandwidth", "chain the bandwidth plugin, for kubernetes.io/*-bandwidth annotations", false)
    .option(
      "--ip-masq",
      "let pods go outside with the node's primary address, but for what ConfigMap kube-system/ip-masq-agent-config excepts",
      false,
    )
    .addOption(
      new Option(
        "--link-local <interface>",
        "interface by which pods reach 169.254.0.0/16: the node's primary one, with its address, or their ENI",
      )
        .choices(["primary", "eni"])
        .default("primary"),
    )
    .option("--plugins-source <folder>", "CNI plugins to install", "/opt/tke-eni/bin")
    .option("--cni-bin <folder>", "where the runtime looks for CNI plugins", "/opt/cni/bin")
    .option("--cni-conf <folder>", "where the runtime looks for CNI configurations", "/etc/cni/net.d")
    .option("--run-folder <folder>", "folder of the agent's sockets", AGENT_RUN_FOLDER)
    .option("--state-folder <folder>", "folder of the agent's memory", AGENT_STATE_FOLDER)
    .option(
      "--kubelet-folder <folder>",
      "the kubelet's folder; empty: offer no device plugin",
      "/var/lib/kubelet",
    )
    .option(
      "--cri-socket <path>",
      "the container runtime's socket; empty: ask no runtime",
      "/run/containerd/containerd.sock",
    )
    .option(
      "--host-etc <folder>",
      "the host's /etc, where its network daemons are told to leave pods' links and ENIs alone; empty: not touched",
      "/host/etc",
    )
    .option("--no-drop-ins", "take those files away again")
    .option(
      "--metrics-address <host:port>",
      "serve /metrics there as well, without authentication; default: only on the health socket",
      hostAndPort("127.0.0.1:61680"),
    )
    .addOption(
      new Option(
        "--probe <what>",
        "ask the running agent of the same --instance whether it is alive, or ready, and exit",
      ).choices(["alive", "ready"]),
    );
  const given = command.parse(["bun", "tke-eni-agent", ...argv]).opts();
  if (!given["nodeName"]) {
    throw new InvalidArgumentError("--node-name is missing: give it, or set NODE_NAME to the node's name");
  }
  return {
    nodeName: given["nodeName"],
    instance: given["instance"],
    kubeconfig: given["kubeconfig"],
    coolDownMs: given["coolDown"],
    portMapping: given["portMapping"],
    bandwidth: given["bandwidth"],
    ipMasq: given["ipMasq"],
    linkLocal: given["linkLocal"],
    pluginsSource: given["pluginsSource"],
    cniBin: given["cniBin"],
    cniConf: given["cniConf"],
    runFolder: given["runFolder"],
    stateFolder: given["stateFolder"],
    kubeletFolder: given["kubeletFolder"] || undefined,
    criSocket: given["criSocket"] || undefined,
    hostEtc: given["hostEtc"] || undefined,
    dropIns: given["dropIns"],
    metricsAddress: given["metricsAddress"],
    logLevel: given["logLevel"],
    probe: given["probe"],
  };
}

function duration(text: string): number {
  const ms = parseGoDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('It must be a duration such as "2m" or "30s".');
  return ms;
}
