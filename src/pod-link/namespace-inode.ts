import { statSync } from "node:fs";

/** Of the calling thread. */
export const OWN_NAMESPACE = "/proc/thread-self/ns/net";

/** In decimal digits. It tells one namespace from every other: all are files of one filesystem (nsfs). @throws ENOENT */
export function inodeAt(path: string): string {
  return String(statSync(path).ino);
}

/** The same of a pod's namespace; undefined where there is none at this path, or only the caller's own. */
export function podInodeAt(path: string): string | undefined {
  if (path === "") return undefined;
  try {
    const inode = inodeAt(path);
    return inode === inodeAt(OWN_NAMESPACE) ? undefined : inode;
  } catch {
    return undefined;
  }
}
