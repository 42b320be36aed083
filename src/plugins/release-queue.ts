import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import type { AttachmentParameters } from "../cni/environment.ts";
import { CniError, CODES } from "../cni/error.ts";

/** A file of the queue: the address of an attachment is to be taken back. */
export interface QueuedRelease {
  readonly containerId: string;
  readonly ifName: string;
  /** ISO 8601, UTC. */
  readonly queuedAt: string;
}

/**
 * Leaves a release for the agent, which takes the files ending in `.json` and deletes each that it has done. A second DEL of an attachment replaces the
 * file of the first.
 * @throws CniError 5 when it cannot be written: the runtime must try the DEL again, or the address would be lost.
 */
export function queueRelease(
  { containerId, ifName }: Pick<AttachmentParameters, "containerId" | "ifName">,
  { folder, now }: { readonly folder: string; readonly now: Date },
): void {
  const release: QueuedRelease = { containerId, ifName, queuedAt: now.toISOString() };
  const path = `${folder}/${fileName(containerId, ifName)}`;
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(unfinished, `${JSON.stringify(release)}\n`, { mode: 0o600 });
    renameSync(unfinished, path);
  } catch (error) {
    throw new CniError(
      CODES.ioFailure,
      `tke-eni-agent cannot be reached and the release could not be left for it: ${(error as Error).message}`,
    );
  }
}

/** `CONTAINER-IFNAME.json`, where anything but letters, digits, _, . and - of the interface's name is written as its code. */
export function fileName(containerId: string, ifName: string): string {
  const safe = ifName.replace(/[^a-z0-9_.-]/giu, (character) => `%${character.codePointAt(0)?.toString(16)}`);
  return `${containerId}-${safe}.json`;
}
