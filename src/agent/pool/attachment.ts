/** Whom an address is for. The key is (containerId, ifName), as in the CNI specification. */
export interface Attachment {
  containerId: string;
  ifName: string;
  /** Empty when the caller was not a kubelet. */
  podNamespace: string;
  podName: string;
  podUid: string;
  /** Name of the network in the CNI configuration; undefined from plugins and agents that are older than this field. */
  network?: string | undefined;
  /** Set where another plugin makes the pod's link, of which no group tells whose packets are its. */
  foreign?: ForeignLink | undefined;
}

export interface ForeignLink {
  /** Link of the host behind which the pod is (a bridge); empty where the other plugin makes the host's route to the pod itself. */
  device: string;
}

/** The part of an attachment that tells it from every other. */
export type AttachmentKey = Pick<Attachment, "containerId" | "ifName">;

/** The key as one text, for maps and sets. */
export function attachmentId({ containerId, ifName }: AttachmentKey): string {
  return `${containerId} ${ifName}`;
}

/** Whether both are the same attachment. */
export function isSameAttachment(a: AttachmentKey, b: AttachmentKey): boolean {
  return a.containerId === b.containerId && a.ifName === b.ifName;
}
