import { expect } from "bun:test";
import { join } from "node:path";
import type { CompiledPlugins, PluginName } from "./compiled-plugins.ts";
import type { ThrowAwayNamespace } from "./throw-away-namespaces.ts";

export const CONTAINER = "c0ffee0000000000000000000000000000000000000000000000000000000001";
export const OTHER_CONTAINER = "c0ffee0000000000000000000000000000000000000000000000000000000002";

/** Where a plugin of a test runs. */
export interface PluginWorld {
  readonly plugins: CompiledPlugins;
  /** Stands for the node. */
  readonly host: ThrowAwayNamespace;
  /** For the releases that it queues. */
  readonly folder: string;
  /** Of the agent. */
  readonly socket: string;
}

export interface Invocation {
  readonly plugin?: PluginName;
  readonly version?: string;
  readonly container?: string;
  readonly netns: string;
  readonly ifName?: string;
  readonly args?: string;
  /** Keys of the network configuration that differ. */
  readonly configuration?: object;
  readonly cwd?: string;
  /** Kills it after so many milliseconds. */
  readonly killAfterMs?: number;
}

export interface Outcome {
  readonly exitCode: number;
  readonly output: string;
  // biome-ignore lint/suspicious/noExplicitAny: results and errors, of which each test looks at a few fields
  readonly json: any;
}

/** Runs a plugin as a runtime does, in the host's namespace. */
export async function callPlugin(
  { plugins, host, folder, socket }: PluginWorld,
  command: string,
  invocation: Invocation,
): Promise<Outcome> {
  const {
    plugin = "tke-route-eni",
    version = "1.1.0",
    container = CONTAINER,
    netns,
    ifName = "eth0",
    args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=uid-1",
    configuration = {},
    cwd = folder,
    killAfterMs,
  } = invocation;
  const process = Bun.spawn(["ip", "netns", "exec", host.name, plugins.path(plugin)], {
    cwd,
    env: {
      PATH: Bun.env["PATH"],
      CNI_COMMAND: command,
      CNI_CONTAINERID: container,
      CNI_NETNS: netns,
      CNI_IFNAME: ifName,
      CNI_ARGS: args,
      CNI_PATH: plugins.folder,
    },
    stdin: new TextEncoder().encode(
      JSON.stringify({
        cniVersion: version,
        name: "tke-route-eni",
        type: plugin,
        ipam: { type: "tke-eni-ipamc", backend: `unix://${socket}`, releases: join(folder, "releases") },
        ...configuration,
      }),
    ),
    stdout: "pipe",
    stderr: "pipe",
    ...(killAfterMs !== undefined && { timeout: killAfterMs, killSignal: "SIGKILL" }),
  });
  const [exitCode, output, errors] = await Promise.all([
    process.exited,
    process.stdout.text(),
    process.stderr.text(),
  ]);
  expect(errors).toBe("");
  return { exitCode, output, json: output === "" ? undefined : JSON.parse(output) };
}
