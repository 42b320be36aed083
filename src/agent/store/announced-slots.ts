import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readMeta } from "./agent-store.ts";
import { STORE_FILE } from "./store-schema.ts";

/**
 * How many slots the kubelet was offered last, read beside an agent that may still own the store. The kubelet must hear it before
 * anything else: a pod that it admits while the resource is missing fails for good.
 *
 * @returns 0 where that is not known
 */
export function announcedSlots(folder: string): number {
  const path = join(folder, STORE_FILE);
  if (!existsSync(path)) return 0;
  let db: Database | undefined;
  try {
    db = new Database(path, { readonly: true });
    return Number(readMeta(db, "announced-slots") ?? 0);
  } catch {
    // A damaged store is looked at by its owner, later.
    return 0;
  } finally {
    db?.close();
  }
}
