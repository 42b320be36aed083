import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import { claimKey } from "../claims/claim-book.ts";
import { type AuditIndex, holderOf, isInUse } from "./audit-index.ts";
import type { Finding } from "./finding.ts";

/** Claims beside the addresses that are theirs. */
export function checkClaims(index: AuditIndex): Finding[] {
  const claims = new Map(index.facts.claims.map((claim) => [claimKey(claim), claim]));
  return [...ofUnknown(index, claims), ...ofTwo(index), ...index.facts.claims.flatMap(besideIts(index))];
}

/** Addresses that are for a pod of whose name there is no claim: nobody else is given them. */
function ofUnknown({ facts }: AuditIndex, claims: ReadonlyMap<string, VpcIPClaim>): Finding[] {
  return facts.addresses.flatMap(({ metadata, spec }): Finding[] => {
    if (spec.claim === undefined || claims.has(spec.claim)) return [];
    const name = addressOfVpcIp(metadata.name);
    return [
      {
        kind: "address-of-unknown-claim",
        severity: "repairs-itself",
        subject: { type: "address", name },
        detail: `${name} on ${spec.node} is for the claim ${spec.claim}, which is not there`,
        remedy: "ipamd looks once more for the claim, and then makes the address anybody's",
      },
    ];
  });
}

function ofTwo({ facts, addresses }: AuditIndex): Finding[] {
  const lasting = facts.claims.filter(keepsAddress);
  return [...Map.groupBy(lasting, ({ spec }) => spec.address)].flatMap(([name, rivals]): Finding[] => {
    if (name === undefined || rivals.length < 2) return [];
    const holder = addresses.get(name)?.spec.claim;
    return [
      {
        kind: "address-of-two-claims",
        severity: "quarantined",
        subject: { type: "address", name },
        detail: `${name} is of the claims ${rivals.map(claimKey).sort().join(" and ")}, and ${holder === undefined ? "neither has it" : `${holder} has it`}`,
        remedy: "delete the claim whose pod is to have another address, and that pod",
      },
    ];
  });
}

function besideIts({ addresses, homes }: AuditIndex): (claim: VpcIPClaim) => Finding[] {
  return (claim) => {
    const { address } = claim.spec;
    if (address === undefined || !keepsAddress(claim)) return [];
    const name = claimKey(claim);
    const subject = { type: "claim", name } as const;
    const vip = addresses.get(address);
    if (vip === undefined) {
      if (claim.status?.state !== "Kept" || homes.has(address)) return [];
      return [
        {
          kind: "kept-address-not-assigned",
          severity: "note",
          subject,
          detail: `the claim ${name} keeps ${address}, which is on no ENI of this cluster: anybody in the VPC may take it`,
          remedy: "it is assigned again when a pod of the name comes; delete the claim if none will",
        },
      ];
    }
    if (vip.spec.claim !== undefined) return [];
    const isAnothers = isInUse(vip) && vip.status?.use?.pod !== name;
    return [
      {
        kind: "address-not-for-its-claim",
        severity: isAnothers ? "quarantined" : "repairs-itself",
        subject,
        detail: `the claim ${name} keeps ${address}, and its VpcIP on ${vip.spec.node} is for no claim${isAnothers ? ` and held by ${holderOf(vip)}` : ""}`,
        remedy: isAnothers
          ? `the address stays with its holder: restart ${holderOf(vip)}, or delete the claim`
          : "ipamd says on the VpcIP whose it is",
      },
    ];
  };
}

/** Whether the address of a claim stays with it, whatever its pod is given: not where it keeps nothing, or goes. */
function keepsAddress({ metadata, spec }: VpcIPClaim): boolean {
  return spec.policy === "Never" && metadata.deletionTimestamp === undefined;
}
