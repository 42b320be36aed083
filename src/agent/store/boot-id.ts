import { readFileSync } from "node:fs";

/** Identity of this boot of the machine: another one means that every process and namespace of before is gone. */
export function readBootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}
