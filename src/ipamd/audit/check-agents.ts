import type { VpcENI } from "../../api/vpc-eni.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import { isServedAddress } from "../objects/is-served-address.ts";
import { type AuditIndex, ageOf, holderOf, isInUse, lasting } from "./audit-index.ts";
import type { Finding } from "./finding.ts";

/** As long a link may take to show up and be set up after the ENI was attached, and an agent to say something. */
const SET_UP_MS = 60_000;

/** What agents say, beside the cloud and beside each other's objects. */
export function checkAgents(index: AuditIndex): Finding[] {
  return [
    ...index.facts.enis.flatMap((veni) => [
      ...links(index, veni),
      ...silence(index, veni),
      ...promises(index, veni),
    ]),
    ...counts(index),
  ];
}

function isServed(index: AuditIndex, { metadata, spec }: VpcENI): boolean {
  const eni = index.cloud.get(metadata.name);
  return (
    eni?.state === "available" &&
    eni.instanceId === spec.instanceID &&
    index.instanceOfNode.get(spec.node) === spec.instanceID
  );
}

function links(index: AuditIndex, veni: VpcENI): Finding[] {
  const { metadata, spec, status } = veni;
  const { use } = status ?? {};
  const age = ageOf(use?.since, index.facts);
  if (use === undefined || age === undefined || age < SET_UP_MS || !isServed(index, veni)) return [];
  if (use.state !== "NoLink" && use.state !== "LinkDown") return [];
  const said = use.state === "NoLink" ? `no link has its MAC address ${spec.mac}` : "its link has no carrier";
  return [
    {
      kind: "link-missing",
      severity: "quarantined",
      subject: { type: "eni", name: metadata.name },
      detail: `the cloud has ${metadata.name} on ${spec.instanceID}, and the agent of ${spec.node} says for ${lasting(age)} that ${said}`,
      remedy: `its addresses are not given out: see \`ip -d link\` on ${spec.node} and LinksReady of \`kubectl get nec ${spec.node}\`, then detach and attach it, or delete its VpcENI to have another made`,
    },
  ];
}

function silence(index: AuditIndex, veni: VpcENI): Finding[] {
  const { metadata, spec, status } = veni;
  const age = ageOf(metadata.creationTimestamp, index.facts);
  if (status?.use !== undefined || age === undefined || age < SET_UP_MS || !isServed(index, veni)) return [];
  return [
    {
      kind: "agent-silent",
      severity: "note",
      subject: { type: "eni", name: metadata.name },
      detail: `the agent of ${spec.node} has said nothing of ${metadata.name} for ${lasting(age)}`,
      remedy: `its addresses are kept for the agent: see whether tke-eni-agent runs on ${spec.node}`,
    },
  ];
}

function promises({ addressesByEni }: AuditIndex, { metadata, spec, status }: VpcENI): Finding[] {
  if (status?.use?.state !== "Reclaimable") return [];
  return (addressesByEni.get(metadata.name) ?? []).filter(isInUse).map((vip) => ({
    kind: "promised-in-use",
    severity: "quarantined",
    subject: { type: "address", name: addressOfVpcIp(vip.metadata.name) },
    detail: `the agent of ${spec.node} has promised ${metadata.name} back, and says that ${holderOf(vip)} holds ${addressOfVpcIp(vip.metadata.name)} of it`,
    remedy: `restart ${holderOf(vip)}: its address goes with the ENI`,
  }));
}

function counts({ facts }: AuditIndex): Finding[] {
  const held = facts.addresses.filter((vip) => isServedAddress(vip) && isInUse(vip));
  const inUse = Map.groupBy(held, ({ spec }) => spec.node);
  return facts.configs.flatMap(({ metadata: { name }, status }): Finding[] => {
    const said = status?.use?.inUse ?? 0;
    const shown = inUse.get(name)?.length ?? 0;
    if (said <= shown) return [];
    return [
      {
        kind: "in-use-unknown",
        severity: "note",
        subject: { type: "node", name },
        detail: `the agent of ${name} says that pods hold ${said} addresses, and ${shown} VpcIPs say so`,
        remedy:
          "if it stays so, pods use addresses whose VpcIP has gone: they have the event AddressLost and are to be restarted",
      },
    ];
  });
}
