import { writeFileSync } from "node:fs";

/** Sets a kernel parameter of the network namespace that the calling thread is in: /proc/sys/net shows the reader's own. */
export function setSysctl(path: readonly string[], value: number): void {
  writeFileSync(`/proc/sys/net/${path.join("/")}`, String(value));
}
