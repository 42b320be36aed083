import type { Link } from "../netlink/link.ts";

/** Whether two links are the two ends of one veth. Each names the other's index: one alone could be a chance in its namespace. */
export function isPair(a: Link, b: Link): boolean {
  return a.kind === "veth" && b.kind === "veth" && a.peerIndex === b.index && b.peerIndex === a.index;
}
