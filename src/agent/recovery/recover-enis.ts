import { ENI_TABLE_BASE, MARK_MASK, MARK_SHIFT } from "../../api/data-path.ts";
import type { VpcENI } from "../../api/vpc-eni.ts";
import { formatIpAddress } from "../../netlink/ip-address.ts";
import type { InstalledRule } from "../../netlink/rule.ts";
import type { StoredEni } from "../store/agent-store.ts";

/**
 * The numbers that ENIs had, read back from the rules that an earlier agent made: pods' veths still carry them. An ENI without
 * rules gets new ones later.
 */
export function recoverEnis(objects: readonly VpcENI[], rules: readonly InstalledRule[]): StoredEni[] {
  const found: StoredEni[] = [];
  for (const { metadata, spec } of objects) {
    const table = rules.find(
      (r) => r.from !== undefined && formatIpAddress(r.from.address) === spec.primaryIP && isEniTable(r),
    )?.table;
    const mark = rules.find((r) => r.table === table && r.mark?.mask === MARK_MASK && isEniTable(r))?.mark;
    if (table === undefined || mark === undefined) continue;
    found.push({
      eniId: metadata.name,
      mac: spec.mac,
      primaryIp: spec.primaryIP,
      gateway: spec.gateway,
      subnetId: spec.subnetID,
      table,
      number: mark.value >> MARK_SHIFT,
    });
  }
  return found;
}

function isEniTable({ table }: InstalledRule): boolean {
  return table !== undefined && table > ENI_TABLE_BASE;
}
