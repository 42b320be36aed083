import { type Attachment, type AttachmentKey, attachmentId, isSameAttachment } from "./attachment.ts";
import type { PoolState } from "./pool-state.ts";

/** The runtime's list may be older than an ADD that runs. */
const YOUNGEST_MS = 120_000;

/**
 * Attachments of a network that hold an address and that the runtime does not name any more. What was given in the last two minutes
 * stays, and what has no network: it was given before networks were stored.
 *
 * @param now wall clock
 */
export function garbage(
  state: PoolState,
  { network, valid, now }: { network: string; valid: readonly AttachmentKey[]; now: number },
): Attachment[] {
  const found = new Map<string, Attachment>();
  for (const { holding } of state.addresses.values()) {
    if (holding.kind !== "in-use") continue;
    const { attachment, since } = holding;
    if (attachment.network !== network || network === "" || now - since < YOUNGEST_MS) continue;
    if (valid.some((key) => isSameAttachment(key, attachment))) continue;
    found.set(attachmentId(attachment), attachment);
  }
  return [...found.values()];
}
