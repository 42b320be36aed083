import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

// A kubelet sets these for the whole machine, which here is more than its node.
const names = [
  "kernel/keys/root_maxbytes",
  "kernel/keys/root_maxkeys",
  "kernel/panic",
  "kernel/panic_on_oops",
  "vm/overcommit_memory",
  "vm/panic_on_oom",
];

/** Reads the kernel settings that kubelets change. */
export function readHostSysctls(): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => [name, readFileSync(join("/proc/sys", name), "utf8").trim()]),
  );
}

/** Sets them back to what `readHostSysctls` returned. */
export function restoreHostSysctls(values: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(values)) {
    const path = join("/proc/sys", name);
    if (readFileSync(path, "utf8").trim() !== value) writeFileSync(path, value);
  }
}
