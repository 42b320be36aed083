import { RTM_DELNETCONF, RTM_NEWNETCONF } from "./constants.ts";
import { AF_INET } from "./ip-address.ts";
import { Attributes, type ReceivedMessage, viewOf } from "./message.ts";

// linux/netconf.h
const NETCONFA_IFINDEX = 1;
const NETCONFA_FORWARDING = 2;
const NETCONFA_RP_FILTER = 3;
/** struct netconfmsg is one byte, and attributes begin at multiples of four. */
const HEADER_LENGTH = 4;

/** What the kernel tells of `net.ipv4.conf.LINK.*`. */
export interface LinkSettings {
  /** Of the link; -1 for `all`, -2 for `default`. */
  readonly index: number;
  /** Undefined where the notification is about another setting. */
  readonly forwarding: number | undefined;
  readonly rpFilter: number | undefined;
}

/** The settings that an RTM_NEWNETCONF or RTM_DELNETCONF tells of. */
export function parseLinkSettings({ type, payload }: ReceivedMessage): LinkSettings | undefined {
  if (type !== RTM_NEWNETCONF && type !== RTM_DELNETCONF) return undefined;
  if (viewOf(payload).getUint8(0) !== AF_INET) return undefined;
  const attributes = Attributes.read(payload, HEADER_LENGTH);
  const index = attributes.i32(NETCONFA_IFINDEX);
  if (index === undefined) return undefined;
  return {
    index,
    forwarding: attributes.i32(NETCONFA_FORWARDING),
    rpFilter: attributes.i32(NETCONFA_RP_FILTER),
  };
}
