import type { DriftKind } from "../drift/drift.ts";
import type { FoundDrift } from "../drift/standing-drift.ts";
import type { StoredEni } from "../store/agent-store.ts";
import type { EniOnNode } from "./node-network.ts";
import type { PlannedAct } from "./plan-network.ts";

/** What an act on a node that was set up already mends, as one sentence a kind and ENI. */
const WRONG: Readonly<Partial<Record<DriftKind, (eni: StoredEni | undefined) => string>>> = {
  "eni-route": (eni) => `a default route of ${eni?.eniId} was gone or changed in table ${eni?.table}`,
  "eni-rule": (eni) => `a rule of ${eni?.eniId} was gone, changed or there twice`,
  "eni-address": (eni) => `the own address ${eni?.primaryIp} of ${eni?.eniId} was gone or had another length`,
  "eni-down": (eni) => `the link of ${eni?.eniId} was set down`,
  "pods-rule": () => "the rule that leads to the pods' routes was gone or there twice",
};

/**
 * What somebody else must have done to ENIs that were in place.
 *
 * @param acts what is to be done now
 * @param settled ENIs that were in place before
 * @returns by key
 */
export function mendedByActs(
  acts: readonly PlannedAct[],
  { enis, settled }: { enis: readonly StoredEni[]; settled: ReadonlySet<string> },
): Map<string, FoundDrift> {
  const found = new Map<string, FoundDrift>();
  for (const { drift } of acts) {
    if (drift === undefined) continue;
    const { kind, eniId } = drift;
    const wasInPlace = eniId === undefined ? settled.size > 0 : settled.has(eniId);
    const wrong = WRONG[kind]?.(enis.find((eni) => eni.eniId === eniId));
    if (!wasInPlace || wrong === undefined) continue;
    const key = `${kind} ${eniId ?? ""}`;
    found.set(key, { key, kind, outcome: "repaired", message: wrong });
  }
  return found;
}

/** ENIs that go by another name than before: rules, maps and sysctls follow. */
export function renamedEnis(before: readonly EniOnNode[], after: readonly EniOnNode[]): FoundDrift[] {
  return after.flatMap(({ eniId, ifName }): FoundDrift[] => {
    const was = before.find((eni) => eni.eniId === eniId)?.ifName;
    if (was === undefined || ifName === undefined || was === ifName) return [];
    const message = `the link of ${eniId} was renamed from ${was} to ${ifName}`;
    return [{ key: `eni-renamed ${eniId}`, kind: "eni-renamed", outcome: "repaired", message }];
  });
}

/**
 * ENIs whose link has gone or carries nothing although nobody has promised them back: their addresses are given to nobody.
 *
 * @param known ENIs that were once in place
 * @param isPromised whether ipamd may take the ENI away
 */
export function deadEnis(
  enis: readonly EniOnNode[],
  { known, isPromised }: { known: ReadonlySet<string>; isPromised: (eniId: string) => boolean },
): FoundDrift[] {
  return enis.flatMap(({ eniId, mac, ifName, state }): FoundDrift[] => {
    if (!known.has(eniId) || isPromised(eniId)) return [];
    if (state === "LinkDown") {
      const message = `${ifName}, the link of ${eniId}, has no carrier: its addresses are given to nobody`;
      return [{ key: `eni-no-carrier ${eniId}`, kind: "eni-no-carrier", outcome: "quarantined", message }];
    }
    if (state !== "NoLink" || ifName !== undefined) return [];
    const message = `the link of ${eniId} has gone, and ipamd did not ask for it: its addresses are given to nobody; has somebody detached it, or moved the link with the MAC address ${mac} away?`;
    return [{ key: `eni-lost ${eniId}`, kind: "eni-lost", outcome: "quarantined", message }];
  });
}
