import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { VpcENI } from "../../api/vpc-eni.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { tagOf } from "../node/node-world.ts";
import { type AuditIndex, ageOf, isInUse, isOurs } from "./audit-index.ts";
import type { Finding } from "./finding.ts";

/** An ENI that was made, or is being removed, may be between two states for as long. */
const UNDER_WAY_MS = 120_000;

/** ENIs of the cloud beside VpcENIs. */
export function checkEnis(index: AuditIndex): Finding[] {
  return [
    ...index.ours.flatMap((eni) => withoutObject(index, eni)),
    ...index.facts.enis.flatMap((veni) => beside(index, veni)),
    ...sharedMacs(index),
  ];
}

function withoutObject(index: AuditIndex, eni: Eni): Finding[] {
  const node = tagOf(eni, ENI_TAGS.node);
  // One without a tag is told of by that.
  if (index.enis.has(eni.id) || eni.state === "deleting" || node === "" || isBeingMade(index, eni)) return [];
  const place = eni.instanceId === undefined ? "on no instance" : `on ${eni.instanceId}`;
  const isThere = index.instanceOfNode.has(node);
  return [
    {
      kind: "eni-without-object",
      severity: "repairs-itself",
      subject: { type: "eni", name: eni.id },
      detail: `${eni.id} (${eni.mac}, ${place}) was made for ${node} and has no VpcENI${isThere ? "" : `; there is no Node ${node}`}`,
      remedy: isThere
        ? "ipamd makes its VpcENI, and removes it if it is of no use"
        : "ipamd makes its VpcENI, detaches it and deletes it",
    },
  ];
}

function isBeingMade({ configs }: AuditIndex, eni: Eni): boolean {
  const creating = configs.get(tagOf(eni, ENI_TAGS.node))?.status?.creating;
  return creating !== undefined && creating.nonce === tagOf(eni, ENI_TAGS.nonce);
}

function beside(index: AuditIndex, veni: VpcENI): Finding[] {
  const eni = index.cloud.get(veni.metadata.name);
  if (eni === undefined) return withoutEni(index, veni);
  // Told of by its tags.
  if (!isOurs(eni, index.facts)) return [];
  const differing = differences(veni, eni);
  if (differing.length > 0) {
    return [
      {
        kind: "eni-object-differs",
        severity: "quarantined",
        subject: { type: "eni", name: eni.id },
        detail: `the VpcENI ${eni.id} and the cloud differ in ${differing.join(", ")}`,
        remedy: `what the agent is told is wrong: delete the VpcENI (\`kubectl delete veni ${eni.id}\`), ipamd asks for the ENI back and makes another`,
      },
    ];
  }
  return misplaced(index, { veni, eni });
}

function withoutEni({ facts }: AuditIndex, { metadata, spec, status }: VpcENI): Finding[] {
  const removed = status?.cloud?.state === "Deleting";
  const age = ageOf(removed ? status.cloud?.since : metadata.creationTimestamp, facts);
  if (age !== undefined && age < UNDER_WAY_MS) return [];
  const subject = { type: "eni", name: metadata.name } as const;
  const detail = `the VpcENI ${metadata.name} of ${spec.node} has no ENI of this cluster in the cloud`;
  if (status?.use?.state === "Ready") {
    return [
      {
        kind: "eni-object-without-eni",
        severity: "quarantined",
        subject,
        detail: `${detail}, and the agent says that its link is up (${status.use.ifName ?? spec.mac})`,
        remedy: `if the ENI is there, it has lost its tags: put ${ENI_TAGS.clusterId}=${facts.cluster.id} and ${ENI_TAGS.clusterUid}=${facts.cluster.uid} back; if not, ipamd removes the objects`,
      },
    ];
  }
  return [
    {
      kind: "eni-object-without-eni",
      severity: "repairs-itself",
      subject,
      detail,
      remedy: "ipamd removes the VpcENI and its VpcIPs after two readings without it, at least 10 s apart",
    },
  ];
}

function differences({ spec }: VpcENI, eni: Eni): string[] {
  const pairs: [string, string, string][] = [
    ["MAC address", spec.mac, eni.mac],
    ["subnet", spec.subnetID, eni.subnetId],
    ["primary address", spec.primaryIP, eni.primaryAddress],
  ];
  return pairs.filter(([, a, b]) => a !== b).map(([what, a, b]) => `${what} (${a}; cloud: ${b})`);
}

function misplaced(index: AuditIndex, { veni, eni }: { veni: VpcENI; eni: Eni }): Finding[] {
  const { spec, metadata } = veni;
  const subject = { type: "eni", name: eni.id } as const;
  const pods = (index.addressesByEni.get(eni.id) ?? []).filter(isInUse).length;
  if (eni.instanceId !== undefined && eni.instanceId !== spec.instanceID) {
    return [
      {
        kind: "eni-on-another-instance",
        severity: "quarantined",
        subject,
        detail: `${eni.id} is on ${eni.instanceId}, and its VpcENI says ${spec.instanceID} (${spec.node}); ${pods} pods hold addresses of it`,
        remedy: `no agent gives its addresses out: detach it from ${eni.instanceId}, then ipamd removes it, or attach it to ${spec.instanceID} again`,
      },
    ];
  }
  const leaving = spec.intent === "Released" || metadata.deletionTimestamp !== undefined;
  const age = ageOf(metadata.creationTimestamp, index.facts) ?? Number.POSITIVE_INFINITY;
  if (eni.instanceId !== undefined || eni.state !== "available" || leaving || age < UNDER_WAY_MS) return [];
  return [
    {
      kind: "eni-not-attached",
      severity: "repairs-itself",
      subject,
      detail: `${eni.id} is on no instance, and its VpcENI says ${spec.instanceID} (${spec.node}); ${pods} pods hold addresses of it`,
      remedy: `ipamd attaches it to ${spec.instanceID} again, and removes it if it cannot be`,
    },
  ];
}

function sharedMacs({ facts }: AuditIndex): Finding[] {
  return [...Map.groupBy(facts.enis, ({ spec }) => spec.mac)].flatMap(([mac, venis]): Finding[] => {
    if (venis.length < 2) return [];
    const names = venis.map(({ metadata }) => metadata.name);
    return venis.map(({ metadata: { name } }) => ({
      kind: "mac-of-two-objects",
      severity: "quarantined",
      subject: { type: "eni", name },
      detail: `${names.join(" and ")} have one MAC address, ${mac}`,
      remedy: "a link can only be one of them: delete the VpcENI that the cloud has no ENI for",
    }));
  });
}
