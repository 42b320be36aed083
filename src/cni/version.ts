import type { Command } from "./environment.ts";
import { CniError, CODES } from "./error.ts";
import type { Result, ResultInterface } from "./result.ts";

/** What tells one version of the CNI specification from another, for a plugin. */
export interface SpecVersion {
  readonly name: string;
  readonly commands: readonly Command[];
  /** The result of an ADD in this version's words. */
  encodeResult(result: Result): object;
}

const V1_0_0: SpecVersion = {
  name: "1.0.0",
  commands: ["ADD", "DEL", "CHECK", "VERSION"],
  encodeResult: (result) => encode("1.0.0", result, ({ mtu: _, ...known }) => known),
};

const V1_1_0: SpecVersion = {
  name: "1.1.0",
  commands: ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"],
  encodeResult: (result) => encode("1.1.0", result, (known) => known),
};

/** Every version that the plugins speak, oldest first. */
const VERSIONS: readonly SpecVersion[] = [V1_0_0, V1_1_0];

/** The version for answers to a caller whose own is not known. */
export const LATEST = V1_1_0;

/** @throws CniError 1 when the plugins do not speak it. */
export function specVersion(name: string): SpecVersion {
  const version = VERSIONS.find((known) => known.name === name);
  if (version !== undefined) return version;
  throw new CniError(
    CODES.incompatibleVersion,
    `network configuration: cniVersion is "${name}", and this plugin speaks ${supportedNames().join(" and ")}`,
  );
}

/** The answer to VERSION, which repeats the caller's own version whether it is spoken or not. */
export function encodeVersions(asked: string | undefined): string {
  return JSON.stringify({ cniVersion: asked ?? LATEST.name, supportedVersions: supportedNames() });
}

function supportedNames(): string[] {
  return VERSIONS.map(({ name }) => name);
}

function encode(
  cniVersion: string,
  { interfaces, ips, routes }: Result,
  encodeInterface: (known: ResultInterface) => ResultInterface,
): object {
  return {
    cniVersion,
    ...(interfaces === undefined ? {} : { interfaces: interfaces.map(encodeInterface) }),
    ips,
    routes,
    dns: {},
  };
}
