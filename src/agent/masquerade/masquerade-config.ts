import { parse } from "yaml";
import { parseGoDuration } from "../../api/go-duration.ts";
import { AF_INET, formatIpPrefix, type IpPrefix, parseIpPrefix } from "../../netlink/ip-address.ts";
import type { PrimaryEgress } from "../nft/primary-egress.ts";

/** What the key `config` of ip-masq-agent's ConfigMap says. */
export interface MasqueradeConfig {
  /** IPv4 blocks to which pods go with their own address. */
  readonly nonMasqueradeCidrs: readonly string[];
  /** IPv4 blocks of pods that go everywhere with their own address. */
  readonly nonMasqueradeSrcCidrs: readonly string[];
  /** Whether what goes to link-local addresses is masqueraded; undefined where that is not said. */
  readonly masqLinkLocal: boolean | undefined;
}

/** Why a configuration cannot be used: one sentence with the value at fault. */
export class MasqueradeConfigError extends Error {
  override readonly name = "MasqueradeConfigError";
}

/** What ip-masq-agent does without a configuration: RFC 1918 is not masqueraded. */
export const DEFAULT_MASQUERADE: MasqueradeConfig = {
  nonMasqueradeCidrs: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
  nonMasqueradeSrcCidrs: [],
  masqLinkLocal: undefined,
};

/** ip-masq-agent's own limit, "to protect against really bad mistakes". */
const MOST_BLOCKS = 64;

const KEYS = [
  "NonMasqueradeCIDRs",
  "NonMasqueradeSrcCIDRs",
  "MasqLinkLocal",
  "MasqLinkLocalIPv6",
  "ResyncInterval",
] as const;
type Key = (typeof KEYS)[number];

/**
 * Reads YAML or JSON as ip-masq-agent does: keys in whatever case, and a key that is left out is as by default. What has to do
 * with IPv6 alone is checked and has no effect, and neither has ResyncInterval, since changes are seen at once.
 *
 * @throws MasqueradeConfigError
 */
export function parseMasqueradeConfig(text: string): MasqueradeConfig {
  const values = keysOf(documentOf(text));
  const masqLinkLocal = boolean(values, "MasqLinkLocal");
  boolean(values, "MasqLinkLocalIPv6");
  checkInterval(values.get("ResyncInterval"));
  return {
    nonMasqueradeCidrs: blocks(values, "NonMasqueradeCIDRs") ?? DEFAULT_MASQUERADE.nonMasqueradeCidrs,
    nonMasqueradeSrcCidrs: blocks(values, "NonMasqueradeSrcCIDRs") ?? [],
    masqLinkLocal,
  };
}

/** @param linkLocal by which interface link-local destinations are reached where the configuration does not say */
export function egressOf(config: MasqueradeConfig, linkLocal: PrimaryEgress["linkLocal"]): PrimaryEgress {
  const { nonMasqueradeCidrs, nonMasqueradeSrcCidrs, masqLinkLocal } = config;
  return {
    linkLocal: masqLinkLocal === undefined ? linkLocal : masqLinkLocal ? "primary" : "eni",
    masquerade: { exceptTo: nonMasqueradeCidrs, exceptFrom: nonMasqueradeSrcCidrs },
  };
}

function documentOf(text: string): object {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split("\n");
    throw new MasqueradeConfigError(`it is neither YAML nor JSON: ${reason}`);
  }
  if (document === null || document === undefined) return {};
  if (typeof document !== "object" || Array.isArray(document)) {
    throw new MasqueradeConfigError(
      `it must be an object with keys such as ${KEYS[0]}, not ${show(document)}`,
    );
  }
  return document;
}

/** The values by the names that we have for them. */
function keysOf(document: object): Map<Key, unknown> {
  const values = new Map<Key, unknown>();
  for (const [name, value] of Object.entries(document)) {
    const key = KEYS.find((it) => it.toLowerCase() === name.toLowerCase());
    if (key === undefined) {
      throw new MasqueradeConfigError(`the key ${show(name)} is not known: use ${KEYS.join(", ")}`);
    }
    if (values.has(key)) throw new MasqueradeConfigError(`the key ${key} is there twice, in different case`);
    // Go takes null for a key that is left out.
    if (value !== null) values.set(key, value);
  }
  return values;
}

function boolean(values: ReadonlyMap<Key, unknown>, key: Key): boolean | undefined {
  const value = values.get(key);
  if (value === undefined || typeof value === "boolean") return value;
  throw new MasqueradeConfigError(`${key} is ${show(value)}: it must be true or false`);
}

function checkInterval(value: unknown): void {
  if (value === undefined) return;
  if (typeof value === "string" && parseGoDuration(value) !== undefined) return;
  throw new MasqueradeConfigError(
    `ResyncInterval is ${show(value)}: it must be a duration in quotes, such as "1m0s"`,
  );
}

function blocks(values: ReadonlyMap<Key, unknown>, key: Key): string[] | undefined {
  const value = values.get(key);
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) {
    throw new MasqueradeConfigError(
      `${key} is ${show(value)}: it must be a list of blocks, such as ["10.0.0.0/8"]`,
    );
  }
  if (value.length > MOST_BLOCKS) {
    throw new MasqueradeConfigError(
      `${key} has ${value.length} blocks, more than ${MOST_BLOCKS}: put neighbours together`,
    );
  }
  const prefixes = value.map((text: unknown) => prefix(key, text));
  return prefixes.filter(({ address }) => address.family === AF_INET).map(formatIpPrefix);
}

function prefix(key: Key, text: unknown): IpPrefix {
  let parsed: IpPrefix | undefined;
  try {
    if (typeof text === "string" && text.includes("/")) parsed = parseIpPrefix(text);
  } catch {
    // Told below.
  }
  if (parsed === undefined) {
    throw new MasqueradeConfigError(
      `${key} has ${show(text)}, which is no block in CIDR notation, such as 10.0.0.0/8`,
    );
  }
  const { address, length } = parsed;
  const bytes = address.bytes.map(
    (byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, length - 8 * index))),
  );
  const aligned = formatIpPrefix({ address: { ...address, bytes }, length });
  if (formatIpPrefix(parsed) !== aligned) {
    throw new MasqueradeConfigError(
      `${key} has ${show(text)}, which is not the beginning of a block: write ${aligned}`,
    );
  }
  return parsed;
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
