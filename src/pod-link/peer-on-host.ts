import { getLink, type Link } from "../netlink/link.ts";
import type { NetlinkSocket } from "../netlink/socket.ts";
import { isPair } from "./is-pair.ts";

/** The host's end of a veth whose other end is in a pod; undefined where that is no veth of the host's. @throws NetlinkError */
export function peerOnHost(inside: Link, host: NetlinkSocket): Link | undefined {
  const other = inside.peerIndex === undefined ? undefined : host.get(getLink({ index: inside.peerIndex }));
  return other !== undefined && isPair(inside, other) ? other : undefined;
}
