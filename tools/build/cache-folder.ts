import { homedir } from "node:os";
import { join } from "node:path";

/**
 * The folder for everything that is built or fetched once and can be had again: `$TKE_ENI_CACHE`, which tools/run.mjs
 * sets, else `$XDG_CACHE_HOME/tke-eni`, else `~/.cache/tke-eni`. It need not exist yet.
 */
export function cacheFolder(): string {
  return (
    process.env["TKE_ENI_CACHE"] ??
    join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tke-eni")
  );
}
