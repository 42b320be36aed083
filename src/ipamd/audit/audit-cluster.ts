import { type AuditIndex, indexFacts } from "./audit-index.ts";
import { checkAddresses } from "./check-addresses.ts";
import { checkAgents } from "./check-agents.ts";
import { checkClaims } from "./check-claims.ts";
import { checkEnis } from "./check-enis.ts";
import { checkNodes } from "./check-nodes.ts";
import { checkOwnership } from "./check-ownership.ts";
import { checkSubnets } from "./check-subnets.ts";
import { checkWaits } from "./check-waits.ts";
import type { ClusterFacts } from "./cluster-facts.ts";
import type { Finding, Severity } from "./finding.ts";

const CHECKS: readonly ((index: AuditIndex) => Finding[])[] = [
  checkOwnership,
  checkEnis,
  checkAddresses,
  checkClaims,
  checkAgents,
  checkNodes,
  checkWaits,
  checkSubnets,
];

const ORDER: readonly Severity[] = ["quarantined", "repairs-itself", "note"];

/**
 * Compares cloud, custom resources and agents' reports, each with each.
 *
 * The cloud is the truth of what is assigned where, an agent of what is in use on its node: where one of them has the answer, ipamd
 * comes to it by itself; what neither can answer is named and left alone.
 *
 * @returns one finding for each difference, those first that wait for a person
 */
export function auditCluster(facts: ClusterFacts): Finding[] {
  const index = indexFacts(facts);
  return CHECKS.flatMap((check) => check(index)).toSorted(
    (a, b) =>
      ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) ||
      a.subject.type.localeCompare(b.subject.type) ||
      a.subject.name.localeCompare(b.subject.name, "en", { numeric: true }) ||
      a.kind.localeCompare(b.kind),
  );
}
