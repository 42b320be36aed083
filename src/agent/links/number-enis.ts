import { ENI_TABLE_BASE, MAX_ENI_NUMBER } from "../../api/data-path.ts";
import type { StoredEni } from "../store/agent-store.ts";
import { type EniSpec, unsoundness } from "./eni-spec.ts";

export interface Numbering {
  /** ENIs with their numbers: those that were given before and are still held by something, and new ones. */
  enis: StoredEni[];
  /** New or changed: to be stored before any of it reaches the kernel. */
  saved: StoredEni[];
  /** Numbers that are free again. */
  forgotten: string[];
  /** ENIs that got no number: one has 14 already, which the marks have room for. */
  refused: string[];
}

/**
 * Gives each ENI whose link is here its table and its mark number.
 *
 * Both are stable: pods' veths carry the table's number as their group. An ENI that is wanted no more keeps its numbers as long
 * as `isHeld` says that a pod or a link could still use them. One whose object has come to make no sense stays what it was: its
 * pods still send by it.
 *
 * @param wanted the node's ENIs; undefined while the API server has not said which those are, when nothing is forgotten
 * @param indexOf ifindex of the ENI's link; undefined when it is not here
 */
export function numberEnis(
  stored: readonly StoredEni[],
  {
    wanted,
    indexOf,
    isHeld,
  }: {
    wanted: readonly EniSpec[] | undefined;
    indexOf: (mac: string) => number | undefined;
    isHeld: (eni: StoredEni) => boolean;
  },
): Numbering {
  const byId = new Map(wanted?.map((spec) => [spec.eniId, spec]));
  const result: Numbering = { enis: [], saved: [], forgotten: [], refused: [] };
  for (const eni of stored) {
    const spec = byId.get(eni.eniId);
    const needed = wanted === undefined || spec !== undefined || isHeld(eni);
    if (!needed) {
      result.forgotten.push(eni.eniId);
      continue;
    }
    if (spec === undefined || saysTheSame(eni, spec) || unsoundness(spec) !== undefined) {
      result.enis.push(eni);
      continue;
    }
    const changed = { ...eni, ...spec };
    result.enis.push(changed);
    result.saved.push(changed);
  }
  for (const spec of wanted ?? []) {
    const index = indexOf(spec.mac);
    if (index === undefined || unsoundness(spec) !== undefined) continue;
    if (result.enis.some(({ eniId }) => eniId === spec.eniId)) continue;
    const number = lowestFree(result.enis);
    if (number === undefined) {
      result.refused.push(spec.eniId);
      continue;
    }
    const eni: StoredEni = { ...spec, table: freeTable(result.enis, ENI_TABLE_BASE + index), number };
    result.enis.push(eni);
    result.saved.push(eni);
  }
  return result;
}

function saysTheSame(eni: StoredEni, spec: EniSpec): boolean {
  return (
    eni.mac === spec.mac &&
    eni.primaryIp === spec.primaryIp &&
    eni.gateway === spec.gateway &&
    eni.subnetId === spec.subnetId
  );
}

function lowestFree(enis: readonly StoredEni[]): number | undefined {
  const taken = new Set(enis.map(({ number }) => number));
  for (let number = 1; number <= MAX_ENI_NUMBER; number++) if (!taken.has(number)) return number;
  return undefined;
}

/** An index may come back after a reboot of the namespace; then the next number serves as well. */
function freeTable(enis: readonly StoredEni[], preferred: number): number {
  const taken = new Set(enis.map(({ table }) => table));
  let table = preferred;
  while (taken.has(table)) table++;
  return table;
}
