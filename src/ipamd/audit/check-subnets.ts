import type { AuditIndex } from "./audit-index.ts";
import type { Finding } from "./finding.ts";

/** Subnets that are configured, or in use, and that nobody knows. */
export function checkSubnets({ facts, ours }: AuditIndex): Finding[] {
  const known = new Set(facts.subnets.map(({ metadata }) => metadata.name));
  const configured = new Set(facts.configuredSubnets);
  const used = new Set([
    ...ours.map(({ subnetId }) => subnetId),
    ...facts.enis.map(({ spec }) => spec.subnetID),
  ]);
  return [...configured.union(used)]
    .filter((id) => !known.has(id))
    .map((id) => ({
      kind: "subnet-unknown",
      severity: configured.has(id) ? "quarantined" : "note",
      subject: { type: "subnet", name: id },
      detail: configured.has(id)
        ? `${id} is configured for pods, and has no VpcSubnet: the cloud does not know it`
        : `ENIs are in ${id}, and it has no VpcSubnet`,
      remedy: configured.has(id)
        ? "no ENI is made in it: correct TKE_ENI_IPAMD_SUBNET_ID of ConfigMap tke-eni-ipamd"
        : "no ENI is made in it any more; those that are there stay as long as pods hold their addresses",
    }));
}
