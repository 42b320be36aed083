import { NEC_ANNOTATIONS, NODE_ANNOTATIONS, NODE_LABELS } from "../../api/annotations.ts";
import type { NodeENIConfig } from "../../api/node-eni-config.ts";
import type { InterfaceLimit } from "../../cloud/cloud-vpc.ts";
import type { Node } from "../../kube/core-resources.ts";
import { amountOf } from "../waiting/quantity.ts";
import type { SettingProblem } from "./setting-problem.ts";

/** How many addresses beyond its pods a node keeps ready: it grows below `min` and gives back above `max`. */
export interface WarmTarget {
  min: number;
  max: number;
}

/** What people set for a node, as far as it was accepted. What is absent was not set. */
export interface AcceptedSettings {
  warm?: WarmTarget;
  maxEnis?: number;
  maxAddressesPerEni?: number;
  maxAddresses?: number;
  disabled?: boolean;
  subnetIds?: readonly string[];
}

/** What is in force for a node. */
export interface NodeSettings {
  warm: WarmTarget;
  /** Shared ENIs, the primary one not counted. */
  maxEnis: number;
  /** Secondary addresses of one ENI. */
  maxAddressesPerEni: number;
  /** Secondary addresses in all: what ENIs can hold, the annotation and the node's maxPods allow. */
  maxAddresses: number;
  /** The node gets no ENIs. */
  disabled: boolean;
  /** The only subnets for new ENIs of the node; absent: all that are configured. */
  subnetIds?: readonly string[];
  /** What of this was set by people, and stays in force when a wrong value takes its place. */
  accepted: AcceptedSettings;
}

export interface NodeSettingsInput {
  config: Pick<NodeENIConfig, "metadata" | "spec">;
  node: {
    metadata: Pick<Node["metadata"], "labels" | "annotations">;
    status?: Pick<NonNullable<Node["status"]>, "capacity">;
  };
  /** For what nobody has set. */
  defaults: { warm: WarmTarget };
  /** Of the instance: its primary ENI and primary addresses included. */
  quota: InterfaceLimit;
  /** What pods hold now: ENIs with such addresses, the most on one of them, and in all. */
  inUse: { enis: number; mostPerEni: number; total: number };
  /** Container subnets that are configured. */
  subnets: readonly string[];
}

/**
 * What is in force for a node. A wrong value is ignored: the value that was last accepted in its place stays, or the default
 * where there never was one. A limit below what pods use is wrong as well, unless it was accepted before they came.
 *
 * @param lastGood what the reading before said; absent on the first one, when nothing is known of the past: a limit below use is
 *   then raised to it
 * @returns problems, one for each value that is not in force: to be told once for each key and value, since a message
 *   may count what is in use
 */
export function readNodeSettings(
  input: NodeSettingsInput,
  lastGood: NodeSettings | undefined,
): { settings: NodeSettings; problems: SettingProblem[] } {
  const { config, node, quota, inUse } = input;
  const ofConfig = config.metadata.annotations ?? {};
  const ofNode = node.metadata.annotations ?? {};
  const before = lastGood?.accepted;
  const ownEnis = Math.max(0, quota.enis - 1);
  const ownPerEni = Math.max(0, quota.addressesPerEni - 1);

  const warm = readWarm(ofConfig, { before: before?.warm, defaults: input.defaults.warm });
  const maxEnis = readLimit(
    [
      { key: NEC_ANNOTATIONS.maxEnis, value: ofConfig[NEC_ANNOTATIONS.maxEnis] },
      { key: "spec.maxRouteENI", value: config.spec.maxRouteENI?.toString() },
    ],
    {
      least: 0,
      before: before && { value: before.maxEnis },
      inUse: inUse.enis,
      use: `pods hold addresses on ${inUse.enis} ENIs`,
      otherwise: `the quota of ${ownEnis}`,
    },
  );
  const maxPerEni = readLimit(
    [
      { key: NEC_ANNOTATIONS.maxAddressesPerEni, value: ofConfig[NEC_ANNOTATIONS.maxAddressesPerEni] },
      { key: "spec.maxIPPerENI", value: config.spec.maxIPPerENI?.toString() },
    ],
    {
      least: 1,
      before: before && { value: before.maxAddressesPerEni },
      inUse: inUse.mostPerEni,
      use: `pods hold ${inUse.mostPerEni} addresses of one ENI`,
      otherwise: `the quota of ${ownPerEni}`,
    },
  );
  const maxAddresses = readLimit(
    [{ key: NODE_ANNOTATIONS.maxAddresses, value: ofNode[NODE_ANNOTATIONS.maxAddresses] }],
    {
      least: 0,
      before: before && { value: before.maxAddresses },
      inUse: inUse.total,
      use: `pods hold ${inUse.total} addresses`,
      otherwise: "what quota and maxPods allow",
    },
  );
  const disabled = readDisabled(ofNode[NODE_ANNOTATIONS.disabled], before?.disabled);
  const subnetIds = readSubnetIds(node.metadata.labels?.[NODE_LABELS.subnetIds], {
    before: before?.subnetIds,
    configured: input.subnets,
  });

  const accepted = definedOnly({
    warm: warm.accepted,
    maxEnis: maxEnis.accepted,
    maxAddressesPerEni: maxPerEni.accepted,
    maxAddresses: maxAddresses.accepted,
    disabled: disabled.accepted,
    subnetIds: subnetIds.accepted,
  });
  const enis = Math.min(ownEnis, maxEnis.accepted ?? ownEnis);
  const perEni = Math.min(ownPerEni, maxPerEni.accepted ?? ownPerEni);
  const maxPods = amountOf(node.status?.capacity?.["pods"]) ?? Number.POSITIVE_INFINITY;
  return {
    settings: {
      warm: warm.accepted ?? input.defaults.warm,
      maxEnis: enis,
      maxAddressesPerEni: perEni,
      maxAddresses: Math.min(enis * perEni, maxPods, maxAddresses.accepted ?? Number.POSITIVE_INFINITY),
      disabled: disabled.accepted ?? false,
      ...(subnetIds.accepted !== undefined && { subnetIds: subnetIds.accepted }),
      accepted,
    },
    problems: [warm, maxEnis, maxPerEni, maxAddresses, disabled, subnetIds].flatMap((r) => r.problems),
  };
}

/** What became of one thing that can be set. */
interface Reading<T> {
  accepted: T | undefined;
  problems: SettingProblem[];
}

const MOST = 9999;

function readWarm(
  annotations: Readonly<Record<string, string>>,
  { before, defaults }: { before: WarmTarget | undefined; defaults: WarmTarget },
): Reading<WarmTarget> {
  const { minWarm, maxWarm } = NEC_ANNOTATIONS;
  const given = [minWarm, maxWarm].flatMap((key) => {
    const value = annotations[key];
    return value === undefined ? [] : [{ key, value }];
  });
  if (given.length === 0) return { accepted: undefined, problems: [] };

  const inForce = before ?? defaults;
  const refuse = (faults: readonly (readonly [Given, string])[]): Reading<WarmTarget> => ({
    accepted: before,
    problems: faults.map(([what, why]) =>
      problem(what, why, `a warm target of ${inForce.min}/${inForce.max}`),
    ),
  });
  const bad = given.filter(({ value }) => wholeNumber(value, 0) === undefined);
  if (bad.length > 0) return refuse(bad.map((what) => [what, notWhole(0)]));
  const [first, second] = given;
  if (first === undefined || second === undefined) {
    const other = first?.key === minWarm ? maxWarm : minWarm;
    return refuse(given.map((what) => [what, `counts only together with ${other}, which is not set`]));
  }
  const warm = { min: Number(first.value), max: Number(second.value) };
  if (warm.min <= warm.max) return { accepted: warm, problems: [] };
  return refuse([[first, `is above ${maxWarm}, which is ${warm.max}`]]);
}

interface Given {
  key: string;
  value: string;
}

interface LimitRule {
  least: number;
  /** What was accepted last, nothing perhaps; absent on the first reading. */
  before: { value: number | undefined } | undefined;
  inUse: number;
  /** How much is in use, for people. */
  use: string;
  /** What limits where nobody has set a limit, for people. */
  otherwise: string;
}

/** The first that is set counts; where it is wrong and nothing is known of the past, the next. */
function readLimit(
  given: readonly { key: string; value: string | undefined }[],
  rule: LimitRule,
): Reading<number> {
  const at = given.findIndex(({ value }) => value !== undefined);
  const { key = "", value } = given[at] ?? {};
  if (value === undefined) return { accepted: undefined, problems: [] };

  const limit = wholeNumber(value, rule.least);
  if (limit === undefined) {
    const instead = rule.before
      ? { accepted: rule.before.value, problems: [] }
      : readLimit(given.slice(at + 1), rule);
    const inForce = instead.accepted?.toString() ?? rule.otherwise;
    return {
      accepted: instead.accepted,
      problems: [problem({ key, value }, notWhole(rule.least), inForce), ...instead.problems],
    };
  }
  if (limit >= rule.inUse || limit === rule.before?.value) return { accepted: limit, problems: [] };
  const accepted = rule.before ? rule.before.value : rule.inUse;
  const why = `is below what is in use (${rule.use}; move pods off the node first)`;
  return {
    accepted,
    problems: [problem({ key, value }, why, accepted?.toString() ?? rule.otherwise)],
  };
}

function readDisabled(value: string | undefined, before: boolean | undefined): Reading<boolean> {
  if (value === undefined) return { accepted: undefined, problems: [] };
  if (value === "true" || value === "yes") return { accepted: true, problems: [] };
  if (value === "false" || value === "no") return { accepted: false, problems: [] };
  const inForce = before === true ? "true" : "false";
  const key = NODE_ANNOTATIONS.disabled;
  return {
    accepted: before,
    problems: [problem({ key, value }, "is none of true, yes, false and no", inForce)],
  };
}

function readSubnetIds(
  value: string | undefined,
  { before, configured }: { before: readonly string[] | undefined; configured: readonly string[] },
): Reading<readonly string[]> {
  if (value === undefined) return { accepted: undefined, problems: [] };
  const ids = new Set(value.split(/[._]/).filter((id) => id !== ""));
  const known = [...ids].filter((id) => configured.includes(id));
  const stillKnown = before?.filter((id) => configured.includes(id)) ?? [];
  const accepted = [known, stillKnown].find((list) => list.length > 0);
  if (ids.size > 0 && known.length === ids.size) return { accepted, problems: [] };

  const unknown = [...ids].filter((id) => !configured.includes(id));
  const why =
    ids.size === 0
      ? "names no subnet"
      : `names ${unknown.join(", ")}, which is none of the configured subnets (${configured.join(", ")})`;
  const inForce = accepted?.join(", ") ?? "every configured subnet of the node's zone";
  return { accepted, problems: [problem({ key: NODE_LABELS.subnetIds, value }, why, inForce)] };
}

function wholeNumber(text: string, least: number): number | undefined {
  if (!/^(0|[1-9]\d{0,3})$/.test(text)) return undefined;
  const number = Number(text);
  return number < least ? undefined : number;
}

function notWhole(least: number): string {
  return `is not a whole number from ${least} to ${MOST}`;
}

function problem({ key, value }: Given, why: string, inForce: string): SettingProblem {
  return {
    key,
    value,
    message: `${key} "${value}" ${why}: ${inForce} is in force; correct or remove it`,
  };
}

/** Without members that are undefined. */
function definedOnly<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
