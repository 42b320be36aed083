import type { VpcIP } from "../../api/vpc-ip.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { isServedAddress } from "../objects/is-served-address.ts";
import { type AuditIndex, ageOf, holderOf, isInUse, isOurs } from "./audit-index.ts";
import type { Finding } from "./finding.ts";

/** An address whose Unassign was answered may be seen for as long, or not, before its object goes. */
const UNDER_WAY_MS = 120_000;

/** Addresses of the cloud's ENIs beside VpcIPs. */
export function checkAddresses(index: AuditIndex): Finding[] {
  return [
    ...index.ours.flatMap((eni) => withoutObject(index, eni)),
    ...index.facts.addresses.flatMap((vip) => beside(index, vip)),
    ...heldTwice(index),
  ];
}

function withoutObject(index: AuditIndex, eni: Eni): Finding[] {
  // Where the ENI has no object, that is the finding.
  if (!index.enis.has(eni.id) || eni.state !== "available") return [];
  return eni.addresses
    .filter(({ address, state }) => state === "available" && !index.addresses.has(address))
    .map(({ address }) => ({
      kind: "address-without-object",
      severity: "repairs-itself",
      subject: { type: "address", name: address },
      detail: `${address} is assigned to ${eni.id} and has no VpcIP`,
      remedy: "ipamd makes its VpcIP, up to five minutes later if it has just been taken off this ENI",
    }));
}

function beside(index: AuditIndex, vip: VpcIP): Finding[] {
  const address = addressOfVpcIp(vip.metadata.name);
  const named = index.cloud.get(vip.spec.eniID);
  // Told of by its tags; what is on it is none of ours.
  if (named !== undefined && !isOurs(named, index.facts)) return [];
  if (named !== undefined && !isServedAddress(vip)) return notServed(vip);
  if (named?.addresses.some((a) => a.address === address)) return besideItsEni(index, { vip, eni: named });
  const home = index.homes.get(address);
  return home === undefined ? withoutAddress(index, vip) : onAnother(vip, home);
}

/** What the cloud says of an address of this family is not read; without its ENI it is surely not there. */
function notServed({ metadata, spec }: VpcIP): Finding[] {
  const address = addressOfVpcIp(metadata.name);
  return [
    {
      kind: "address-not-served",
      severity: "quarantined",
      subject: { type: "address", name: address },
      detail: `the VpcIP ${metadata.name} of ${spec.eniID} on ${spec.node} is of the IPv6 address ${address}, and this version serves IPv4 only`,
      remedy:
        "ipamd leaves it alone until its ENI is gone, and no pod is given it: take the address off the ENI and delete the VpcIP with its finalizer, or go back to the version that made it",
    },
  ];
}

function withoutAddress({ facts }: AuditIndex, vip: VpcIP): Finding[] {
  const { metadata, spec, status } = vip;
  const subject = { type: "address", name: addressOfVpcIp(metadata.name) } as const;
  const where = `the cloud has ${subject.name} on no ENI of this cluster, and its VpcIP says ${spec.eniID} of ${spec.node}`;
  if (isInUse(vip)) {
    return [
      {
        kind: "in-use-not-in-cloud",
        severity: "repairs-itself",
        subject,
        detail: `${where}, held by ${holderOf(vip)}`,
        remedy: `ipamd removes the VpcIP after two readings without it, at least 10 s apart; restart ${holderOf(vip)}, which has no network`,
      },
    ];
  }
  const releasing = status?.cloud?.state === "Releasing";
  const age = ageOf(releasing ? status.cloud?.since : metadata.creationTimestamp, facts);
  if (age !== undefined && age < UNDER_WAY_MS) return [];
  return [
    {
      kind: "address-object-without-address",
      severity: "repairs-itself",
      subject,
      detail: where,
      remedy: "ipamd removes the VpcIP after two readings without it, at least 10 s apart",
    },
  ];
}

function onAnother(vip: VpcIP, home: Eni): Finding[] {
  const { spec } = vip;
  const address = addressOfVpcIp(vip.metadata.name);
  const held = isInUse(vip);
  return [
    {
      kind: "address-on-another-eni",
      severity: "repairs-itself",
      subject: { type: "address", name: address },
      detail: `${address} is assigned to ${home.id}, and its VpcIP says ${spec.eniID} of ${spec.node}${held ? `, held by ${holderOf(vip)}` : ""}`,
      remedy: `ipamd removes the VpcIP and makes one for ${home.id}${held ? `; restart ${holderOf(vip)}, which has no network` : ""}`,
    },
  ];
}

/** Of an address that is where its object says, what the object says of the ENI itself. */
function besideItsEni(index: AuditIndex, { vip, eni }: { vip: VpcIP; eni: Eni }): Finding[] {
  const { metadata, spec } = vip;
  const veni = index.enis.get(eni.id);
  const differing = [
    ["subnet", spec.subnetID, eni.subnetId],
    ["node", spec.node, veni?.spec.node ?? spec.node],
    ["instance", spec.instanceID, veni?.spec.instanceID ?? spec.instanceID],
  ].filter(([, a, b]) => a !== b);
  if (differing.length === 0) return [];
  const held = isInUse(vip);
  return [
    {
      kind: "address-object-differs",
      severity: held ? "quarantined" : "repairs-itself",
      subject: { type: "address", name: addressOfVpcIp(metadata.name) },
      detail: `the VpcIP ${metadata.name} and its ENI ${eni.id} differ in ${differing.map(([what, a, b]) => `${what} (${a}; ENI: ${b})`).join(", ")}${held ? `, and ${holderOf(vip)} holds the address` : ""}`,
      remedy: held
        ? `the address stays with its holder: restart ${holderOf(vip)}, then ipamd goes by the ENI`
        : "ipamd goes by the ENI: no agent can have given the address out",
    },
  ];
}

/** Two agents that both say that they have given one address to a pod. */
function heldTwice({ facts }: AuditIndex): Finding[] {
  const held = Map.groupBy(facts.addresses.filter(isInUse), ({ metadata }) => addressOfVpcIp(metadata.name));
  return [...held].flatMap(([name, vips]): Finding[] => {
    if (vips.length < 2) return [];
    const holders = vips.map((vip) => `${holderOf(vip)} on ${vip.spec.node}`);
    return [
      {
        kind: "address-held-twice",
        severity: "quarantined",
        subject: { type: "address", name },
        detail: `${name} is held by ${holders.join(" and by ")}`,
        remedy: "nothing is taken from either: restart both pods, then the address is given out once",
      },
    ];
  });
}
