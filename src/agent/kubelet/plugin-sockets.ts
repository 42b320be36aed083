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
  for (const name of socketsIn(folder)) {
    const path = join(folder, name);
    if ((await listens(path)) !== "nobody") continue;
    rmSync(path, { force: true });
    removed.push(name);
  }
  return removed;
}

/** File names of the sockets on which other instances of ours listen. */
export async function otherInstances(folder: string, instance: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of socketsIn(folder).filter((name) => name !== socketName(instance))) {
    if ((await listens(join(folder, name))) === "somebody") found.push(name);
  }
  return found;
}

function socketsIn(folder: string): string[] {
  return readdirSync(folder).filter(
    (name) =>
      name.startsWith(PREFIX) &&
      lstatSync(join(folder, name), { throwIfNoEntry: false })?.isSocket() === true,
  );
}

/** Only a refusal proves that nobody listens. */
function listens(path: string): Promise<"somebody" | "nobody" | "unknown"> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve("somebody");
    });
    socket.once("error", (error) =>
      resolve("code" in error && error.code === "ECONNREFUSED" ? "nobody" : "unknown"),
    );
  });
}
