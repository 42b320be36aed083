import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import { claimKey } from "../claims/claim-book.ts";
import { type AuditIndex, holderOf, isInUse } from "./audit-index.ts";
import type { Finding } from "./finding.ts";

/** Claims beside the addresses that are theirs. */
export function checkClaims(index: AuditIndex): Finding[] {
  const claims = new Map(index.facts.claims.map((claim) => [claimKey(claim), claim]));
  return [
    ...ofUnknown(index, claims),
    ...ofTwo(index),
    ...index.facts.claims.flatMap((claim) => besideIts(index, { claim, claims })),
  ];
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

function besideIts(
  index: AuditIndex,
  { claim, claims }: { claim: VpcIPClaim; claims: ReadonlyMap<string, VpcIPClaim> },
): Finding[] {
  const { address } = claim.spec;
  if (address === undefined || !keepsAddress(claim)) return [];
  const name = claimKey(claim);
  const vip = index.addresses.get(address);
  if (vip === undefined) return withoutAddress(index, { claim, address });
  const { claim: other } = vip.spec;
  if (other === name) return [];
  const rival = other === undefined ? undefined : claims.get(other);
  // Told of above.
  if (other !== undefined && rival === undefined) return [];
  if (rival?.spec.address === address && keepsAddress(rival)) return [];
  const isHeld = isInUse(vip) && vip.status?.use?.pod !== name;
  const where = `the claim ${name} keeps ${address}, and its VpcIP on ${vip.spec.node} is for ${other === undefined ? "no claim" : `the claim ${other}`}`;
  const is = { kind: "address-not-for-its-claim", subject: { type: "claim", name } } as const;
  if (rival === undefined && !isHeld) {
    return [
      { ...is, severity: "repairs-itself", detail: where, remedy: "ipamd says on the VpcIP whose it is" },
    ];
  }
  return [
    {
      ...is,
      severity: "quarantined",
      detail: `${where}${isHeld ? `, held by ${holderOf(vip)}` : ""}`,
      remedy: `the address stays with its holder: delete the pod ${isHeld ? holderOf(vip) : other}, or the claim ${name}`,
    },
  ];
}

function withoutAddress(
  { homes }: AuditIndex,
  { claim, address }: { claim: VpcIPClaim; address: string },
): Finding[] {
  const { state, conditions } = claim.status ?? {};
  const isTold = conditions?.some(({ reason }) => reason === "InvalidClaim");
  if (state !== "Kept" || isTold || homes.has(address)) return [];
  const name = claimKey(claim);
  return [
    {
      kind: "kept-address-not-assigned",
      severity: "note",
      subject: { type: "claim", name },
      detail: `the claim ${name} keeps ${address}, which is on no ENI of this cluster: anybody in the VPC may take it`,
      remedy: "it is assigned when a pod of the name comes; delete the claim if none will",
    },
  ];
}

/** Whether the address of a claim stays with it, whatever its pod is given: not where it keeps nothing, or goes. */
function keepsAddress({ metadata, spec }: VpcIPClaim): boolean {
  return spec.policy === "Never" && metadata.deletionTimestamp === undefined;
}
