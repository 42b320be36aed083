import {
  ENI_TABLE_BASE,
  FOREIGN_SENDER_PREFERENCE,
  MARK_MASK,
  MARK_SHIFT,
  PODS_TABLE,
} from "../../api/data-path.ts";
import { addAddress, deleteAddress } from "../../netlink/address.ts";
import {
  AF_INET,
  equalIpAddress,
  formatIpAddress,
  hostPrefix,
  type IpAddress,
  type IpPrefix,
  parseIpAddress,
  parseIpPrefix,
} from "../../netlink/ip-address.ts";
import { type Link, setLink } from "../../netlink/link.ts";
import { type NetlinkMessage, tolerating } from "../../netlink/message.ts";
import {
  deleteRoute,
  type InstalledRoute,
  type Route,
  RTPROT_STATIC,
  replaceRoute,
  TABLE_MAIN,
} from "../../netlink/route.ts";
import { addRule, deleteRule, type InstalledRule, type Rule } from "../../netlink/rule.ts";
import type { DriftKind } from "../drift/drift.ts";
import type { ForeignAddress } from "../pool/foreign-addresses.ts";
import type { StoredEni } from "../store/agent-store.ts";
import { unsoundness } from "./eni-spec.ts";
import type { ObservedNetwork } from "./observed-network.ts";
import { findEniLink } from "./primary-link.ts";

const PREF_PODS = PODS_TABLE;
const PREF_MARK = 1536;
const PREF_FROM = 1537;
const PREF_NO_POD = 1538;
const PREF_FOREIGN_TO = PODS_TABLE + 1;
const PREF_FOREIGN_FROM = FOREIGN_SENDER_PREFERENCE;
/** Of the route that says "no" when the ENI's own route is gone. */
const BACKSTOP_METRIC = 4096;
const ANYWHERE: IpPrefix = parseIpPrefix("0.0.0.0/0");

/**
 * What it takes to bring the kernel from what was observed to what the ENIs need, in an order in which each step can work.
 * Empty when all is in place.
 *
 * Only what is recognisably ours is taken away: rules of our preferences and form, default routes of our form in tables above
 * 4000. An ENI whose link is gone but that still has a number keeps its rules and the `unreachable` route: what its pods send
 * must not fall through to the primary, where the cloud drops it as spoofed.
 */
export function planNetwork(
  observed: ObservedNetwork,
  enis: readonly StoredEni[],
  foreign: ForeignNeeds,
): PlannedAct[] {
  const placed = enis.map((eni) => ({ eni, link: findEniLink(observed, eni.mac) }));
  const of =
    ({ eniId }: StoredEni) =>
    ({ message, drift: kind }: Mending): PlannedAct => ({ eniId, message, drift: { kind, eniId } });
  const { surplus, missing } = compareRules(observed, {
    wanted: [...placed.flatMap(({ eni, link }) => rulesOf(eni, link)), ...foreignRules(enis, foreign)],
    isUnexplained: (address) =>
      foreign.isHeld(address) &&
      !foreign.hasOwnLink(address) &&
      !foreign.addresses.some((known) => known.address === address),
  });
  return [
    ...placed.flatMap(({ eni, link }) =>
      link === undefined ? [] : linkActs(observed, eni, link).map(of(eni)),
    ),
    ...placed.flatMap(({ eni, link }) => routeActs(observed, eni, link).map(of(eni))),
    // Before the new ones: of two alike the kernel deletes the first, and the second stays either way.
    ...surplus.map((rule) => ({
      message: tolerating(deleteRule(rule), "ENOENT"),
      drift: ruleDrift(rule, enis.find(({ table }) => table === rule.table)?.eniId),
    })),
    ...missing.map(({ eniId, rule }) => ({
      eniId,
      message: tolerating(addRule(rule), "EEXIST"),
      drift: ruleDrift(rule, eniId),
    })),
    ...staleRouteActs(
      observed,
      enis.map(({ table }) => table),
    ).map((message) => ({ message })),
    ...foreignRouteActs(observed, foreign),
  ];
}

/** What pods need whose links other plugins make (docs/design/cni.md). */
export interface ForeignNeeds {
  readonly addresses: readonly ForeignAddress[];
  /** Whether a pod has the address: as long as one does, nothing that leads to it or from it is taken away. */
  isHeld(address: string): boolean;
  /** Whether its pod is known to have a link of ours: what is left of a pod that had the address before it goes nevertheless. */
  hasOwnLink(address: string): boolean;
  /** Source of what the node sends to such a pod; undefined while it is not known. */
  readonly nodeAddress: string | undefined;
}

/** One thing to do, and the ENI that is not ready before it is done. */
export interface PlannedAct {
  eniId?: string | undefined;
  message: NetlinkMessage;
  /** What it mends on a node that was set up already; undefined where it is no more than tidying up after an ENI. */
  drift?: MendedDrift | undefined;
}

export interface MendedDrift {
  readonly kind: DriftKind;
  /** Of an ENI; undefined for what all share. */
  readonly eniId?: string | undefined;
}

interface Mending {
  message: NetlinkMessage;
  drift: DriftKind;
}

interface WantedRule {
  eniId?: string;
  rule: Rule;
}

function linkActs({ addresses }: ObservedNetwork, eni: StoredEni, link: Link): Mending[] {
  const own = parseIpAddress(eni.primaryIp);
  const wanted = { index: link.index, prefix: hostPrefix(own) };
  const held = addresses.filter((a) => a.index === link.index && equalIpAddress(a.prefix.address, own));
  const wide = held.filter(({ prefix }) => prefix.length !== wanted.prefix.length);
  const ofAddress = [
    // A shorter prefix brings a connected route into main, and the whole subnet would leave by this ENI.
    ...wide.map((address) => tolerating(deleteAddress(address), "EADDRNOTAVAIL")),
    ...(held.length > wide.length ? [] : [tolerating(addAddress(wanted), "EEXIST")]),
  ];
  return [
    ...(link.up ? [] : [{ message: setLink(link.index, { up: true }), drift: "eni-down" } as const]),
    ...ofAddress.map((message) => ({ message, drift: "eni-address" }) as const),
  ];
}

function routeActs({ routes }: ObservedNetwork, eni: StoredEni, link: Link | undefined): Mending[] {
  const inTable = routes.filter((r) => r.table === eni.table && r.destination.length === 0);
  const wanted = routesOf(eni, link);
  return wanted
    .filter((route) => !inTable.some((installed) => isRoute(installed, route)))
    .map((route) => ({ message: replaceRoute(route), drift: "eni-route" }));
}

function routesOf(eni: StoredEni, link: Link | undefined): Route[] {
  const { table, gateway } = eni;
  const backstop: Route = {
    destination: ANYWHERE,
    table,
    type: "unreachable",
    metric: BACKSTOP_METRIC,
  };
  // Without a sound gateway, which only an ENI can lack whose numbers were read back from the kernel, its route stays as it is.
  if (link === undefined || unsoundness(eni) !== undefined) return [backstop];
  return [
    {
      destination: ANYWHERE,
      table,
      gateway: parseIpAddress(gateway),
      index: link.index,
      onlink: true,
    },
    backstop,
  ];
}

function isRoute(installed: InstalledRoute, wanted: Route): boolean {
  return (
    installed.type === (wanted.type ?? "unicast") &&
    (installed.metric ?? 0) === (wanted.metric ?? 0) &&
    // The kernel shows an unreachable route on the loopback.
    (wanted.index === undefined || installed.index === wanted.index) &&
    isSame(installed.gateway, wanted.gateway)
  );
}

function isSame(a: IpAddress | undefined, b: IpAddress | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalIpAddress(a, b);
}

function isSamePrefix(a: IpPrefix | undefined, b: IpPrefix | undefined): boolean {
  return a?.length === b?.length && isSame(a?.address, b?.address);
}

function rulesOf({ eniId, number, table, primaryIp }: StoredEni, link: Link | undefined): WantedRule[] {
  const family = AF_INET;
  const rules: Rule[] = [
    {
      family,
      priority: PREF_MARK,
      mark: { value: number << MARK_SHIFT, mask: MARK_MASK },
      table,
    },
    { family, priority: PREF_FROM, from: hostPrefix(parseIpAddress(primaryIp)), table },
    ...(link === undefined
      ? []
      : [
          {
            family,
            priority: PREF_NO_POD,
            inputLink: link.name,
            action: "unreachable",
          } as const satisfies Rule,
        ]),
  ];
  return rules.map((rule) => ({ eniId, rule }));
}

/** One rule by which the pod sends, and where no route of ours leads to it, one by which main's does. */
function foreignRules(
  enis: readonly StoredEni[],
  { addresses }: Pick<ForeignNeeds, "addresses">,
): WantedRule[] {
  const family = AF_INET;
  return addresses.flatMap(({ address, eniId, device }): WantedRule[] => {
    const table = enis.find((eni) => eni.eniId === eniId)?.table;
    if (table === undefined) return [];
    const prefix = hostPrefix(parseIpAddress(address));
    const from: Rule = { family, priority: PREF_FOREIGN_FROM, from: prefix, table };
    const to: Rule = { family, priority: PREF_FOREIGN_TO, to: prefix, table: TABLE_MAIN };
    return (device === "" ? [from, to] : [from]).map((rule) => ({ eniId, rule }));
  });
}

/** Routes to pods behind a bridge: those that are missing are made, and those to pods that are gone are deleted. */
function foreignRouteActs(
  { links, routes }: ObservedNetwork,
  { addresses, isHeld, nodeAddress }: ForeignNeeds,
): PlannedAct[] {
  const inTable = routes.filter((r) => r.table === PODS_TABLE);
  const wanted = addresses.flatMap(({ address, eniId, device }) => {
    const index = links.find((link) => link.name === device)?.index;
    if (index === undefined || nodeAddress === undefined) return [];
    const route: Route = {
      destination: hostPrefix(parseIpAddress(address)),
      table: PODS_TABLE,
      index,
      scope: "link",
      source: parseIpAddress(nodeAddress),
    };
    return [{ eniId, route }];
  });
  const missing = wanted.filter(
    ({ route }) =>
      !inTable.some(
        (r) =>
          r.index === route.index &&
          isSamePrefix(r.destination, route.destination) &&
          isSame(r.source, route.source),
      ),
  );
  // A pod's own veth has a group, and its route goes with it.
  const groupless = new Set(links.filter(({ group }) => group === 0).map(({ index }) => index));
  const stale = inTable.filter(
    ({ index, destination, scope, protocol }) =>
      index !== undefined &&
      groupless.has(index) &&
      destination.length === 32 &&
      scope === "link" &&
      protocol === RTPROT_STATIC &&
      !isHeld(formatIpAddress(destination.address)),
  );
  return [
    ...missing.map(({ eniId, route }) => ({ eniId, message: replaceRoute(route) })),
    ...stale.map(({ destination, table, index }) => ({
      message: tolerating(deleteRoute({ destination, table, index }), "ESRCH"),
    })),
  ];
}

/** Rules of ours that are too many, and those that are missing. */
function compareRules(
  { rules }: ObservedNetwork,
  { wanted, isUnexplained }: { wanted: readonly WantedRule[]; isUnexplained: (address: string) => boolean },
): { surplus: InstalledRule[]; missing: WantedRule[] } {
  const missing: WantedRule[] = [
    { rule: { family: AF_INET, priority: PREF_PODS, table: PODS_TABLE } },
    ...wanted,
  ];
  const surplus: InstalledRule[] = [];
  for (const installed of rules.filter(isOurs)) {
    const position = missing.findIndex(({ rule }) => isRule(installed, rule));
    // A second copy of a rule is surplus too.
    if (position >= 0) missing.splice(position, 1);
    else if (!servesHolder(installed, isUnexplained)) surplus.push(installed);
  }
  return { surplus, missing };
}

/**
 * What a rule that is missing or too many means. The rules of an ENI that has ended go without a word, and those of pods with links of
 * other plugins come and go with the pods.
 */
function ruleDrift({ priority }: Rule, eniId: string | undefined): MendedDrift | undefined {
  if (priority === PREF_PODS) return { kind: "pods-rule" };
  const isOfEni = priority === PREF_MARK || priority === PREF_FROM || priority === PREF_NO_POD;
  return isOfEni && eniId !== undefined ? { kind: "eni-rule", eniId } : undefined;
}

/** Whether a pod still sends by this rule although it is not known as one with a link of another plugin: the store may have been lost. */
function servesHolder(
  { priority, from, to }: InstalledRule,
  isUnexplained: (address: string) => boolean,
): boolean {
  if (priority !== PREF_FOREIGN_FROM && priority !== PREF_FOREIGN_TO) return false;
  const address = (from ?? to)?.address;
  return address !== undefined && isUnexplained(formatIpAddress(address));
}

function isOurs({ priority, mark, from, to, inputLink, action, table, inverted }: InstalledRule): boolean {
  if (inverted) return false;
  const eniTable = table !== undefined && table > ENI_TABLE_BASE;
  switch (priority) {
    case PREF_PODS:
      return table === PODS_TABLE;
    case PREF_MARK:
      return eniTable && mark?.mask === MARK_MASK;
    case PREF_FROM:
      return eniTable && from !== undefined;
    case PREF_FOREIGN_FROM:
      return eniTable && from?.length === 32;
    case PREF_FOREIGN_TO:
      return table === TABLE_MAIN && to?.length === 32 && from === undefined;
    case PREF_NO_POD:
      return action === "unreachable" && inputLink !== undefined;
    default:
      return false;
  }
}

function isRule(installed: InstalledRule, wanted: Rule): boolean {
  return (
    installed.priority === wanted.priority &&
    installed.action === (wanted.action ?? "lookup") &&
    installed.table === wanted.table &&
    installed.inputLink === wanted.inputLink &&
    installed.outputLink === undefined &&
    isSamePrefix(installed.to, wanted.to) &&
    installed.mark?.value === wanted.mark?.value &&
    installed.mark?.mask === wanted.mark?.mask &&
    isSamePrefix(installed.from, wanted.from)
  );
}

/** Our default routes in tables of ENIs that have no number any more. */
function staleRouteActs({ routes }: ObservedNetwork, tables: readonly number[]): NetlinkMessage[] {
  return routes
    .filter(
      (r) =>
        r.table > ENI_TABLE_BASE &&
        !tables.includes(r.table) &&
        r.destination.length === 0 &&
        ((r.type === "unreachable" && r.metric === BACKSTOP_METRIC) || (r.type === "unicast" && r.onlink)),
    )
    .map(({ destination, table, type, metric, gateway, index }) =>
      tolerating(
        deleteRoute({
          destination,
          table,
          type,
          metric,
          ...(type === "unicast" && { gateway, index }),
        }),
        "ESRCH",
      ),
    );
}
