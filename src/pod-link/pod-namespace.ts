import { fstatSync } from "node:fs";
import { CniError, CODES } from "../cni/error.ts";
import { SystemCallError } from "../netlink/errno.ts";
import { NetworkNamespace } from "../netlink/namespace.ts";
import { NetlinkSocket } from "../netlink/socket.ts";
import { inodeAt, OWN_NAMESPACE } from "./namespace-inode.ts";

/** @throws CniError 4 when it is not there, or when it is the host's own: a pod's default route has no place in that. */
export function openPodNamespace(path: string): NetworkNamespace {
  let namespace: NetworkNamespace;
  try {
    namespace = NetworkNamespace.open(path);
  } catch (error) {
    throw new CniError(
      CODES.invalidEnvironment,
      `CNI_NETNS is "${path}", which cannot be opened: ${(error as Error).message}`,
    );
  }
  if (inodeOf(namespace) === inodeAt(OWN_NAMESPACE)) {
    namespace.close();
    throw new CniError(
      CODES.invalidEnvironment,
      `CNI_NETNS is "${path}", which is the host's own network namespace`,
    );
  }
  return namespace;
}

/** Undefined when the namespace is dead, or there is none any more: then its links are dead too. */
export function openPodSocket(path: string): NetlinkSocket | undefined {
  if (path === "") return undefined;
  try {
    return inodeAt(path) === inodeAt(OWN_NAMESPACE) ? undefined : NetlinkSocket.open({ namespace: path });
  } catch (error) {
    // ENOENT: the file is gone. EINVAL: the file is there, but no namespace is mounted on it any more.
    const { code } = error as { code?: string };
    if (
      code === "ENOENT" ||
      (error instanceof SystemCallError && ["ENOENT", "EINVAL"].includes(error.errno))
    ) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Opens the namespace that another process means: its path may lead elsewhere here, as one below /proc does in another pid namespace.
 *
 * @param inode that the other process sees, in decimal digits
 * @returns undefined where the path leads to another, or to the caller's own
 * @throws SystemCallError where it leads nowhere
 */
export function openSameNamespace(path: string, inode: string): NetworkNamespace | undefined {
  const namespace = NetworkNamespace.open(path);
  if (inodeOf(namespace) === inode && inode !== inodeAt(OWN_NAMESPACE)) return namespace;
  namespace.close();
  return undefined;
}

function inodeOf({ fd }: NetworkNamespace): string {
  return String(fstatSync(fd).ino);
}
