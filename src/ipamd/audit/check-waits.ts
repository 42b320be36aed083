import type { VpcENI } from "../../api/vpc-eni.ts";
import type { VpcIP } from "../../api/vpc-ip.ts";
import { addressOfVpcIp } from "../../api/vpc-ip-name.ts";
import { type AuditIndex, ageOf, holderOf, isInUse, lasting } from "./audit-index.ts";
import type { Finding, Subject } from "./finding.ts";

/** An agent that runs answers within seconds; a cool-down lasts half a minute. */
const UNANSWERED_MS = 120_000;

/** A release in the cloud takes seconds; a throttled one may take minutes. */
const DELETING_MS = 600_000;

/** What is waited for too long: answers of agents, and the end of objects. */
export function checkWaits(index: AuditIndex): Finding[] {
  const enis = index.facts.enis.flatMap((veni) =>
    waits(index, veni, {
      subject: { type: "eni", name: veni.metadata.name },
      holders: (index.addressesByEni.get(veni.metadata.name) ?? []).filter(isInUse),
    }),
  );
  const addresses = index.facts.addresses.flatMap((vip) =>
    waits(index, vip, {
      subject: { type: "address", name: addressOfVpcIp(vip.metadata.name) },
      holders: isInUse(vip) ? [vip] : [],
    }),
  );
  return [...enis, ...addresses];
}

interface Waiting {
  subject: Subject;
  /** Addresses that pods hold and that go with it. */
  holders: readonly VpcIP[];
}

function waits(index: AuditIndex, object: VpcENI | VpcIP, waiting: Waiting): Finding[] {
  const unanswered = reclaim(index, object, waiting);
  return unanswered.length > 0 ? unanswered : deletion(index, object, waiting);
}

function reclaim(
  { facts }: AuditIndex,
  { spec, status }: VpcENI | VpcIP,
  { subject, holders }: Waiting,
): Finding[] {
  if (spec.reclaim === undefined || status?.use?.token === spec.reclaim.token) return [];
  const { token, mode } = spec.reclaim;
  // Such a request is meant to wait for the pods to end.
  if (mode !== "now" && holders.length > 0) return [];
  const asked = facts.asked.get(token);
  const age = asked === undefined ? 0 : facts.now - asked;
  if (age < UNANSWERED_MS) return [];
  return [
    {
      kind: "reclaim-unanswered",
      severity: "quarantined",
      subject,
      detail: `the agent of ${spec.node} was asked for ${subject.name} (${mode}, token ${token}) and has not answered for ${lasting(age)}`,
      remedy: `nothing is taken without its answer: see whether tke-eni-agent runs on ${spec.node}`,
    },
  ];
}

function deletion(
  { facts }: AuditIndex,
  { metadata }: VpcENI | VpcIP,
  { subject, holders }: Waiting,
): Finding[] {
  const age = ageOf(metadata.deletionTimestamp, facts);
  if (age === undefined || age < DELETING_MS) return [];
  const pods = holders.map(holderOf).join(", ");
  return [
    {
      kind: "deletion-stuck",
      severity: "note",
      subject,
      detail: `${subject.name} is being deleted for ${lasting(age)}${pods === "" ? "" : ` and is in use by ${pods}`}`,
      remedy:
        pods === ""
          ? `the object stays until the cloud has confirmed: see the log of tke-eni-ipamd for ${subject.name}`
          : "it goes when its pods have ended: delete them to have it sooner",
    },
  ];
}
