import { NetworkNamespace } from "../../src/netlink/namespace.ts";
import { spawnIn } from "./spawn-in.ts";

/** A pod as a runtime names it to a plugin. */
export interface CniPod {
  readonly name: string;
  readonly containerId: string;
  /** Path of its network namespace. */
  readonly netns: string;
}

/** A CNI plugin on a node, called as a runtime calls it. */
export interface CniPluginOptions {
  readonly name: string;
  readonly executable: string;
  /** Folders of the plugins that it may call, as CNI_PATH has them. */
  readonly path: string;
  /** Path of the node's network namespace. */
  readonly node: string;
  /** Network configuration for one plugin. */
  readonly configuration: object;
}

/** One call, and how long its process was there. */
export interface CniCall {
  readonly ms: number;
  readonly exitCode: number;
  readonly output: string;
}

export class CniPlugin {
  readonly name: string;
  readonly #options: CniPluginOptions;
  readonly #node: NetworkNamespace;
  /** What ADD answered, which a runtime hands to DEL. */
  readonly #results = new Map<string, object>();

  constructor(options: CniPluginOptions) {
    this.name = options.name;
    this.#options = options;
    this.#node = NetworkNamespace.open(options.node);
  }

  /** Runs the plugin once; the time is from before its start until it has ended and its answer is read. */
  async try(command: "ADD" | "DEL", pod: CniPod): Promise<CniCall> {
    const { executable, path, configuration } = this.#options;
    const prevResult = this.#results.get(pod.containerId);
    const input = JSON.stringify(command === "ADD" ? configuration : { ...configuration, prevResult });
    const began = performance.now();
    const child = spawnIn(this.#node, [executable], {
      env: {
        PATH: process.env["PATH"] ?? "",
        CNI_COMMAND: command,
        CNI_CONTAINERID: pod.containerId,
        CNI_NETNS: pod.netns,
        CNI_IFNAME: "eth0",
        CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod.name};K8S_POD_UID=${pod.containerId.slice(0, 8)};K8S_POD_INFRA_CONTAINER_ID=${pod.containerId}`,
        CNI_PATH: path,
      },
      stdin: new TextEncoder().encode(input),
    });
    const [exitCode, output] = await Promise.all([child.exited, child.stdout.text()]);
    const ms = performance.now() - began;
    if (command === "DEL") this.#results.delete(pod.containerId);
    else if (exitCode === 0) this.#results.set(pod.containerId, JSON.parse(output));
    return { ms, exitCode, output };
  }

  /** @throws Error with the plugin's answer when it failed */
  async call(command: "ADD" | "DEL", pod: CniPod): Promise<number> {
    const { ms, exitCode, output } = await this.try(command, pod);
    if (exitCode !== 0) throw new Error(`${this.name} ${command} of ${pod.name} failed: ${output.trim()}`);
    return ms;
  }

  /** One after the other. @returns how long each took, ms */
  async each(command: "ADD" | "DEL", pods: readonly CniPod[]): Promise<number[]> {
    const times: number[] = [];
    for (const pod of pods) times.push(await this.call(command, pod));
    return times;
  }

  /** The address that ADD gave the pod. @throws Error where it has none */
  addressOf({ name, containerId }: CniPod): string {
    const { ips } = (this.#results.get(containerId) ?? {}) as { ips?: readonly { address: string }[] };
    const address = ips?.[0]?.address.split("/")[0];
    if (address === undefined) throw new Error(`${name} has no address`);
    return address;
  }

  /** All at once. @returns how long it took until the last had ended, ms */
  async atOnce(command: "ADD" | "DEL", pods: readonly CniPod[]): Promise<number> {
    const began = performance.now();
    await Promise.all(pods.map((pod) => this.call(command, pod)));
    return performance.now() - began;
  }

  close(): void {
    this.#node.close();
  }
}
