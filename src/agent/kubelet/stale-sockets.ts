import { lstatSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

const PREFIX = "tke-eni-ip-";

/** File name of an instance's socket in the kubelet's device-plugin folder. */
export function socketName(instance: string): string {
  return `${PREFIX}${instance}.sock`;
}

/**
 * Removes what instances of ours that were killed have left: sockets under our names that nobody listens on. An instance that
 * is just starting and loses its file by this sees it, and binds anew.
 *
 * @returns the names removed
 */
export async function removeStaleSockets(folder: string): Promise<string[]> {
  const removed: string[] = [];
  for (const name of readdirSync(folder).filter((name) => name.startsWith(PREFIX))) {
    const path = join(folder, name);
    if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket() || !(await isRefused(path))) continue;
    rmSync(path, { force: true });
    removed.push(name);
  }
  return removed;
}

/** Only a refusal proves that nobody listens. */
function isRefused(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error) => resolve("code" in error && error.code === "ECONNREFUSED"));
  });
}
