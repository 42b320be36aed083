import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { tagOf } from "../node/node-world.ts";
import { type AuditIndex, isOurs } from "./audit-index.ts";
import type { Finding } from "./finding.ts";

/** Tags of ENIs: whether each is this cluster's, and whose node's. */
export function checkOwnership(index: AuditIndex): Finding[] {
  return index.facts.cloud.flatMap((eni) => {
    const finding = foreign(index, eni) ?? taggedPrimary(eni) ?? wrongNode(index, eni);
    return finding === undefined ? [] : [finding];
  });
}

function foreign({ facts }: AuditIndex, eni: Eni): Finding | undefined {
  if (isOurs(eni, facts)) return undefined;
  const { id, uid } = facts.cluster;
  const other = tagOf(eni, ENI_TAGS.clusterUid) || "none";
  return {
    kind: "foreign-eni",
    severity: "quarantined",
    subject: { type: "eni", name: eni.id },
    detail: `${eni.id} has the tag ${ENI_TAGS.clusterId}=${id} of this cluster, but its ${ENI_TAGS.clusterUid} is ${other} and not ${uid}`,
    remedy:
      "ipamd never touches it: give one of the two clusters another --cluster-id, or take the ENI over by `ipamd adopt`",
  };
}

function taggedPrimary(eni: Eni): Finding | undefined {
  if (!eni.primary) return undefined;
  return {
    kind: "primary-eni-tagged",
    severity: "quarantined",
    subject: { type: "eni", name: eni.id },
    detail: `${eni.id} is the primary ENI of ${eni.instanceId ?? "an instance"} and has this cluster's tags`,
    remedy: "ipamd never touches it: take the tags off",
  };
}

function wrongNode(index: AuditIndex, eni: Eni): Finding | undefined {
  const node = tagOf(eni, ENI_TAGS.node);
  const meant = index.enis.get(eni.id)?.spec.node;
  const subject = { type: "eni", name: eni.id } as const;
  if (node === "") {
    return {
      kind: "eni-without-node-tag",
      severity: meant === undefined ? "quarantined" : "note",
      subject,
      detail: `${eni.id} is this cluster's, but has no tag ${ENI_TAGS.node}${meant === undefined ? " and no VpcENI" : `; its VpcENI says ${meant}`}`,
      remedy:
        meant === undefined
          ? `nobody knows for whom it was made: tag it ${ENI_TAGS.node}=NODE to have it used or removed, or delete it`
          : `ipamd goes by the VpcENI; tag it ${ENI_TAGS.node}=${meant}, or it cannot be found again once the VpcENI is lost`,
    };
  }
  if (meant === undefined || meant === node) return undefined;
  return {
    kind: "eni-tagged-for-another-node",
    severity: "note",
    subject,
    detail: `${eni.id} is tagged for ${node}, and its VpcENI says ${meant}`,
    remedy: `ipamd goes by the VpcENI; tag it ${ENI_TAGS.node}=${meant}, or it counts as ${node}'s once the VpcENI is lost`,
  };
}
