import { type Environment, parseEnvironment } from "../cni/environment.ts";
import { CniError, CODES, encodeError } from "../cni/error.ts";
import {
  type NetworkConfiguration,
  parseNetworkConfiguration,
  parseVersionRequest,
} from "../cni/network-configuration.ts";
import { encodeVersions, LATEST } from "../cni/version.ts";
import { SystemCallError } from "../netlink/errno.ts";
import { NetlinkError } from "../netlink/netlink-error.ts";
import type { Plugin } from "./plugin.ts";

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
  let cniVersion = LATEST.name;
  try {
    const environment = parseEnvironment(variables);
    const input = readInput();
    if (environment.command === "VERSION") return success(encodeVersions(parseVersionRequest(input)));
    const configuration = parseNetworkConfiguration(input);
    cniVersion = configuration.version.name;
    return success(await obey(plugin, environment, { configuration }));
  } catch (error) {
    return { exitCode: 1, output: encodeError(asCniError(error), cniVersion) };
  }
}

async function obey(
  plugin: Plugin,
  environment: Environment,
  { configuration }: { configuration: NetworkConfiguration },
): Promise<string> {
  const { version } = configuration;
  const { command } = environment;
  if (!version.commands.includes(command)) {
    throw new CniError(
      CODES.incompatibleVersion,
      `CNI_COMMAND is "${command}", which cniVersion "${version.name}" does not have`,
    );
  }
  switch (command) {
    case "ADD":
      return JSON.stringify(
        version.encodeResult(await plugin.add({ attachment: environment, configuration })),
      );
    case "DEL":
      await plugin.del({ attachment: environment, configuration });
      return "";
    case "STATUS":
      plugin.status(configuration);
      return "";
    default:
      // Success would tell the runtime that something was looked at or cleaned up.
      throw new CniError(
        CODES.invalidEnvironment,
        `CNI_COMMAND is "${command}", which this plugin does not answer: set disableCheck and disableGC in the configuration list`,
      );
  }
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
