/** Whom an address is for. The key is (containerId, ifName), as in the CNI specification; the rest is for people. */
export interface Attachment {
  containerId: string;
  ifName: string;
  /** Empty when the caller was not a kubelet. */
  podNamespace: string;
  podName: string;
  podUid: string;
}

/** The part of an attachment that tells it from every other. */
export type AttachmentKey = Pick<Attachment, "containerId" | "ifName">;

/** Whether both are the same attachment. */
export function isSameAttachment(a: AttachmentKey, b: AttachmentKey): boolean {
  return a.containerId === b.containerId && a.ifName === b.ifName;
}
