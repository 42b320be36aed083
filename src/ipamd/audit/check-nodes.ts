import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { NodeENIConfig } from "../../api/node-eni-config.ts";
import { instanceOfProviderId } from "../../api/provider-id.ts";
import { tagOf } from "../node/node-world.ts";
import { type AuditIndex, ageOf, lasting } from "./audit-index.ts";
import type { Finding } from "./finding.ts";

/** An intent to make an ENI is settled by two readings 30 s apart at the latest. */
const INTENT_MS = 300_000;

/** Nodes and instances, beside what objects say of them. */
export function checkNodes(index: AuditIndex): Finding[] {
  return [
    ...orphans(index),
    ...endedInstances(index),
    ...index.facts.configs.flatMap((config) => [
      ...configOfNode(index, config),
      ...listedEnis(index, config),
      ...intents(index, config),
    ]),
  ];
}

/** Objects of a Node that is gone, or of the machine that had its name before. */
function orphans(index: AuditIndex): Finding[] {
  const objects = [
    ...index.facts.enis.map((o) => ({
      ...o,
      type: "eni" as const,
      isKept: holdsKept(index, o.metadata.name),
    })),
    ...index.facts.addresses.map((o) => ({
      ...o,
      type: "address" as const,
      isKept: o.spec.claim !== undefined,
    })),
  ];
  return objects.flatMap(({ type, metadata: { name }, spec, isKept }): Finding[] => {
    const subject = { type, name };
    if (!index.instanceOfNode.has(spec.node) && isKept) {
      return [
        {
          kind: "kept-without-node",
          severity: "note",
          subject,
          detail: `${name} is kept for pods that have addresses of their own, and its Node ${spec.node} (${spec.instanceID}) is gone`,
          remedy:
            "the address moves to the node of the next pod of its name; the ENI is deleted once it holds none, and a claim that is deleted gives its address back",
        },
      ];
    }
    if (!index.instanceOfNode.has(spec.node)) {
      return [
        {
          kind: "node-gone",
          severity: "repairs-itself",
          subject,
          detail: `${name} belongs to ${spec.node} (${spec.instanceID}), and there is no such Node`,
          remedy:
            "ipamd asks the agent, or waits until it has had its time, then detaches and deletes the ENI",
        },
      ];
    }
    const instance = index.instanceOfNode.get(spec.node);
    if (instance === undefined || instance === spec.instanceID) return [];
    return [
      {
        kind: "former-instance",
        severity: "repairs-itself",
        subject,
        detail: `${name} belongs to ${spec.instanceID}, and the Node ${spec.node} is ${instance} now`,
        remedy: "ipamd collects what the former machine had, beside the work on the new one",
      },
    ];
  });
}

/** Whether an ENI has addresses of claims: it outlives its machine. */
function holdsKept({ addressesByEni }: AuditIndex, eniId: string): boolean {
  return addressesByEni.get(eniId)?.some(({ spec }) => spec.claim !== undefined) ?? false;
}

function endedInstances(index: AuditIndex): Finding[] {
  const { instances, enis } = index.facts;
  if (instances === undefined) return [];
  return enis.flatMap(({ metadata: { name }, spec }): Finding[] => {
    const state = instances.get(spec.instanceID)?.state;
    if ((state !== undefined && state !== "terminated") || holdsKept(index, name)) return [];
    return [
      {
        kind: "instance-gone",
        severity: "repairs-itself",
        subject: { type: "eni", name },
        detail: `${name} is to be on ${spec.instanceID} (${spec.node}), which ${state === undefined ? "the cloud does not know" : "is terminated"}`,
        remedy: "ipamd deletes it once two readings have said so",
      },
    ];
  });
}

function configOfNode(index: AuditIndex, { metadata: { name }, status }: NodeENIConfig): Finding[] {
  const node = index.facts.nodes.find(({ metadata }) => metadata.name === name);
  const subject = { type: "node", name } as const;
  if (node === undefined) {
    return [
      {
        kind: "node-gone",
        severity: "repairs-itself",
        subject,
        detail: `there is a NodeENIConfig ${name}, and no such Node`,
        remedy: "ipamd removes it when the node's ENIs have gone",
      },
    ];
  }
  const instance = instanceOfProviderId(node.spec.providerID);
  if (instance === undefined || status?.instanceID === undefined || status.instanceID === instance) return [];
  return [
    {
      kind: "config-names-another-instance",
      severity: "repairs-itself",
      subject,
      detail: `the NodeENIConfig ${name} says ${status.instanceID}, and the Node is ${instance}`,
      remedy: "ipamd writes it anew at its next look at the node",
    },
  ];
}

function listedEnis({ facts }: AuditIndex, { metadata: { name }, status }: NodeENIConfig): Finding[] {
  if (status?.eniInfos === undefined) return [];
  const listed = new Set(status.eniInfos.map(({ eniID }) => eniID));
  const there = new Set(
    facts.enis
      .filter(({ spec }) => spec.node === name && spec.instanceID === status.instanceID)
      .map(({ metadata }) => metadata.name),
  );
  const differing = [...listed.symmetricDifference(there)].toSorted();
  if (differing.length === 0) return [];
  return [
    {
      kind: "config-lists-other-enis",
      severity: "repairs-itself",
      subject: { type: "node", name },
      detail: `the NodeENIConfig ${name} and the VpcENIs of ${status.instanceID} differ in ${differing.join(", ")}`,
      remedy: "ipamd writes it anew at its next look at the node",
    },
  ];
}

function intents({ facts, ours }: AuditIndex, { metadata: { name }, status }: NodeENIConfig): Finding[] {
  const { creating } = status ?? {};
  const age = ageOf(creating?.since, facts);
  if (creating === undefined || age === undefined || age < INTENT_MS) return [];
  const made = ours.find((eni) => tagOf(eni, ENI_TAGS.nonce) === creating.nonce);
  return [
    {
      kind: "intent-stale",
      severity: "repairs-itself",
      subject: { type: "node", name },
      detail: `an ENI in ${creating.subnetID} is being made for ${name} for ${lasting(age)} (nonce ${creating.nonce}), and ${made === undefined ? "the cloud has none of that nonce" : `${made.id} is it`}`,
      remedy:
        made === undefined
          ? "ipamd gives the intent up after two readings without it and plans anew"
          : "ipamd takes it up by its nonce",
    },
  ];
}
