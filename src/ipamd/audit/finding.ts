/** What is to be made of a difference between cloud, objects and agents. */
export type Severity =
  /** It has one right answer, to which ipamd comes by itself. */
  | "repairs-itself"
  /** It has none that ipamd could know: what it is about is left alone until a person decides. */
  | "quarantined"
  /** Nothing is wrong yet, but a person may want to know. */
  | "note";

/** What a finding is about: an ENI by its id, an address, a claim by namespace and name, a Node or its NodeENIConfig by name, a subnet by its id. */
export interface Subject {
  readonly type: "eni" | "address" | "claim" | "node" | "subnet";
  readonly name: string;
}

export type FindingKind =
  | "foreign-eni"
  | "primary-eni-tagged"
  | "eni-without-object"
  | "eni-without-node-tag"
  | "eni-tagged-for-another-node"
  | "eni-object-without-eni"
  | "eni-object-differs"
  | "eni-on-another-instance"
  | "eni-not-attached"
  | "mac-of-two-objects"
  | "address-without-object"
  | "address-object-without-address"
  | "address-on-another-eni"
  | "address-object-differs"
  | "address-held-twice"
  | "address-not-served"
  | "address-of-unknown-claim"
  | "address-of-two-claims"
  | "address-not-for-its-claim"
  | "kept-address-not-assigned"
  | "in-use-not-in-cloud"
  | "in-use-unknown"
  | "promised-in-use"
  | "link-missing"
  | "agent-silent"
  | "node-gone"
  | "kept-without-node"
  | "former-instance"
  | "instance-gone"
  | "config-names-another-instance"
  | "config-lists-other-enis"
  | "intent-stale"
  | "reclaim-unanswered"
  | "deletion-stuck"
  | "subnet-unknown";

/** One difference between cloud, objects and agents. */
export interface Finding {
  readonly kind: FindingKind;
  readonly severity: Severity;
  readonly subject: Subject;
  /** One sentence with the values that differ. */
  readonly detail: string;
  /** One sentence: what ipamd does about it, or a person must do. */
  readonly remedy: string;
}

/**
 * What makes two findings the same one in two audits. Cloud and objects cannot be read at one moment, so what only one audit
 * finds may be a change that was under way.
 */
export function findingKey({ kind, subject }: Finding): string {
  return `${kind} ${subject.type} ${subject.name}`;
}
