import type { Command } from "./environment.ts";
import { CniError, CODES } from "./error.ts";
import type { Result, ResultAddress, ResultInterface } from "./result.ts";

/** What tells one version of the CNI specification from another, for a plugin. */
export interface SpecVersion {
  readonly name: string;
  readonly commands: readonly Command[];
  /** The result of an ADD in this version's words. */
  encodeResult(result: Result): object;
}

const FIRST_COMMANDS = ["ADD", "DEL", "VERSION"] as const;
const WITH_CHECK = [...FIRST_COMMANDS, "CHECK"] as const;
const ALL_COMMANDS = [...WITH_CHECK, "GC", "STATUS"] as const;

/** Every version that the plugins speak, oldest first. */
const VERSIONS: readonly SpecVersion[] = [
  { name: "0.3.0", commands: FIRST_COMMANDS, encodeResult: (result) => encodeOld("0.3.0", result) },
  { name: "0.3.1", commands: FIRST_COMMANDS, encodeResult: (result) => encodeOld("0.3.1", result) },
  { name: "0.4.0", commands: WITH_CHECK, encodeResult: (result) => encodeOld("0.4.0", result) },
  {
    name: "1.0.0",
    commands: WITH_CHECK,
    encodeResult: (result) => encode("1.0.0", withoutNewKeys(result)),
  },
  { name: "1.1.0", commands: ALL_COMMANDS, encodeResult: (result) => encode("1.1.0", result) },
];

/** The version for answers to a caller whose own is not known. */
export const LATEST_VERSION = "1.1.0";

/** @throws CniError 1 when the plugins do not speak it. */
export function specVersion(name: string): SpecVersion {
  const version = VERSIONS.find((known) => known.name === name);
  if (version !== undefined) return version;
  throw new CniError(
    CODES.incompatibleVersion,
    `network configuration: cniVersion is "${name}", and this plugin speaks ${supportedNames().join(", ")}`,
  );
}

/** The answer to VERSION, which repeats the caller's own version whether it is spoken or not. */
export function encodeVersions(asked: string | undefined): string {
  return JSON.stringify({ cniVersion: asked ?? LATEST_VERSION, supportedVersions: supportedNames() });
}

function supportedNames(): string[] {
  return VERSIONS.map(({ name }) => name);
}

/** Up to 0.4.0 each address says its family. */
function encodeOld(cniVersion: string, result: Result): object {
  const ips = result.ips.map((ip) => ({ version: familyOf(ip), ...ip }));
  return encode(cniVersion, { ...withoutNewKeys(result), ips });
}

function encode(cniVersion: string, { interfaces, ips, routes, dns = {} }: Result): object {
  return { cniVersion, ...(interfaces && { interfaces }), ips, routes, dns };
}

function familyOf({ address }: ResultAddress): "4" | "6" {
  return address.includes(":") ? "6" : "4";
}

function withoutNewKeys({ interfaces, ...rest }: Result): Result {
  return { ...rest, ...(interfaces && { interfaces: interfaces.map(oldInterface) }) };
}

function oldInterface({ mtu: _, socketPath: __, pciID: ___, ...known }: ResultInterface): ResultInterface {
  return known;
}
