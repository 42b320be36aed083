import { type Command, type Environment, parseEnvironment } from "../cni/environment.ts";
import { CniError, CODES, encodeError } from "../cni/error.ts";
import { parseNetworkConfiguration, parseVersionRequest } from "../cni/network-configuration.ts";
import { encodeVersions, LATEST_VERSION, type SpecVersion } from "../cni/version.ts";
import { SystemCallError } from "../netlink/errno.ts";
import { NetlinkError } from "../netlink/netlink-error.ts";
import type { NetworkCall, Plugin } from "./plugin.ts";

export interface Invocation {
  /** The process's environment variables. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Reads the standard input to its end. */
  readonly readInput: () => string;
}

export interface Answer {
  readonly exitCode: 0 | 1;
  /** For the standard output. */
  readonly output: string;
}

/** One run of a plugin: what is asked in the CNI protocol, answered in it. Never throws. */
export async function runPlugin(plugin: Plugin, { variables, readInput }: Invocation): Promise<Answer> {
  let cniVersion = LATEST_VERSION;
  try {
    const environment = parseEnvironment(variables);
    const input = readInput();
    const { command } = environment;
    if (command === "VERSION") return success(encodeVersions(parseVersionRequest(input)));
    const configuration = parseNetworkConfiguration(input);
    cniVersion = configuration.version.name;
    return success(await obey(plugin, environment, { configuration, variables }));
  } catch (error) {
    return { exitCode: 1, output: encodeError(asCniError(error), cniVersion) };
  }
}

async function obey(
  plugin: Plugin,
  environment: Exclude<Environment, { command: "VERSION" }>,
  call: NetworkCall,
): Promise<string> {
  const { version } = call.configuration;
  refuseUnknown(environment.command, version);
  switch (environment.command) {
    case "ADD":
      return JSON.stringify(version.encodeResult(await plugin.add({ ...call, attachment: environment })));
    case "DEL":
      await plugin.del({ ...call, attachment: environment });
      return "";
    case "CHECK":
      await plugin.check({ ...call, attachment: environment });
      return "";
    case "GC":
      await plugin.gc(call);
      return "";
    case "STATUS":
      await plugin.status(call);
      return "";
  }
}

function refuseUnknown(command: Command, { name, commands }: SpecVersion): void {
  if (commands.includes(command)) return;
  throw new CniError(
    CODES.incompatibleVersion,
    `CNI_COMMAND is "${command}", which cniVersion "${name}" does not have`,
  );
}

function success(output: string): Answer {
  return { exitCode: 0, output };
}

function asCniError(error: unknown): CniError {
  if (error instanceof CniError) return error;
  if (error instanceof NetlinkError || error instanceof SystemCallError) {
    return new CniError(CODES.kernelFailure, error.message);
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return new CniError(CODES.internal, `a defect of the plugin: ${message}`, { details: stack });
}
