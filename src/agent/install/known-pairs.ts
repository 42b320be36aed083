import { readFileSync } from "node:fs";
import { writeIfChanged } from "./write-if-changed.ts";

/** Installed files that were found equal to their sources: by name, what both were like then. */
export type KnownPairs = Readonly<Record<string, string>>;

/** What a file remembers; nothing where there is none, or where it makes no sense: then everything is compared. */
export function readPairs(path: string): KnownPairs {
  try {
    const pairs: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof pairs === "object" && pairs !== null ? (pairs as KnownPairs) : {};
  } catch {
    return {};
  }
}

/** @throws when the disk does not take it */
export function writePairs(path: string, pairs: KnownPairs): void {
  writeIfChanged(path, `${JSON.stringify(pairs, null, 2)}\n`, 0o600);
}
