import { chmodSync, mkdirSync } from "node:fs";

/**
 * Makes a folder that nobody but root may enter, or makes one so that is there already: the kubelet creates a hostPath's folder for
 * everybody.
 *
 * @throws when it can be neither made nor changed
 */
export function keepPrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
}
