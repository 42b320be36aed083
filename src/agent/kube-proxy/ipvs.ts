import { existsSync, readFileSync } from "node:fs";

/** The link on which kube-proxy in IPVS mode keeps the addresses of Services. */
const IPVS_LINK = "kube-ipvs0";

/**
 * Whether kube-proxy balances by IPVS in the network namespace of this process.
 *
 * @param root where /proc and /sys are
 * @returns what shows it; undefined when nothing does
 */
export function ipvsSign(root = ""): string | undefined {
  if (existsSync(`${root}/sys/class/net/${IPVS_LINK}`)) return `there is a link ${IPVS_LINK}`;
  return hasVirtualServer(`${root}/proc/net/ip_vs`) ? "IPVS has virtual servers" : undefined;
}

/** The file is there when the module is loaded; after its heading, a line for each server and one for each of its destinations. */
function hasVirtualServer(path: string): boolean {
  try {
    return /^(TCP|UDP|SCTP|FWM) /m.test(readFileSync(path, "utf8"));
  } catch {
    return false;
  }
}
