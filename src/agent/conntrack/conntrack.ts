import { SystemCallError } from "../../netlink/errno.ts";
import { AF_INET, type IpAddress, parseIpAddress } from "../../netlink/ip-address.ts";
import { lastErrno, libc } from "../../netlink/libc.ts";
import { MessageWriter, splitMessages, viewOf } from "../../netlink/message.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_NETFILTER = 12;
const NLMSG_ERROR = 2;
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLA_F_NESTED = 0x8000;
/** NFNL_SUBSYS_CTNETLINK and IPCTNL_MSG_CT_DELETE of linux/netfilter/nfnetlink_conntrack.h. */
const CT_DELETE = (1 << 8) | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_FILTER = 25;
const CTA_TUPLE_IP = 1;
const CTA_IP_V4_SRC = 1;
const CTA_FILTER_ORIG_FLAGS = 1;
const CTA_FILTER_REPLY_FLAGS = 2;
/** Of the tuple, only the source counts. */
const FILTER_BY_SOURCE = 1;

/**
 * Deletes tracked connections of single addresses. Kernels before 6.8 cannot delete by a part of a connection and refuse with
 * EINVAL; they delete nothing then.
 */
export class Conntrack {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(4096);

  /** @throws SystemCallError */
  constructor() {
    this.#fd = libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (this.#fd < 0) throw new SystemCallError("open a netfilter socket", lastErrno());
  }

  /**
   * Forgets the connections that the address began, and those that were made to it, translated ones included.
   * Equivalent to: `conntrack -D --orig-src ADDRESS; conntrack -D --reply-src ADDRESS`
   *
   * IPv4 only: of IPv6 the kernel's filter by a source takes all connections but those of that source (Linux 6.18).
   *
   * @throws SystemCallError; TypeError for an IPv6 address, of which nothing is deleted
   */
  forget(address: string): void {
    const parsed = parseIpAddress(address);
    if (parsed.family !== AF_INET) {
      throw new TypeError(
        `the tracked connections of ${address} cannot be deleted by its address: the kernel's filter is right for IPv4 only; they end by themselves`,
      );
    }
    for (const tuple of [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY]) this.#delete(tuple, parsed, address);
  }

  close(): void {
    libc().close(this.#fd);
  }

  #delete(tuple: number, { family, bytes }: IpAddress, text: string): void {
    const request = new MessageWriter(CT_DELETE, NLM_F_REQUEST | NLM_F_ACK).u8(family).u8(0).u16(0);
    request.nest(tuple | NLA_F_NESTED, () => nestSource(request, bytes));
    request.nest(CTA_FILTER | NLA_F_NESTED, () => {
      request.u32Attribute(CTA_FILTER_ORIG_FLAGS, tuple === CTA_TUPLE_ORIG ? FILTER_BY_SOURCE : 0);
      request.u32Attribute(CTA_FILTER_REPLY_FLAGS, tuple === CTA_TUPLE_REPLY ? FILTER_BY_SOURCE : 0);
    });
    const message = request.finish();
    const act = `delete the tracked connections of ${text}`;
    if (libc().send(this.#fd, message, message.length, 0) < 0) throw new SystemCallError(act, lastErrno());
    const length = libc().recv(this.#fd, this.#buffer, this.#buffer.length, 0);
    if (length < 0) throw new SystemCallError(act, lastErrno());
    for (const { type, payload } of splitMessages(this.#buffer.slice(0, length))) {
      const code = type === NLMSG_ERROR ? -viewOf(payload).getInt32(0, true) : 0;
      if (code !== 0) throw new SystemCallError(act, code);
    }
  }
}

function nestSource(writer: MessageWriter, address: Uint8Array): void {
  writer.nest(CTA_TUPLE_IP | NLA_F_NESTED, () => {
    writer.attribute(CTA_IP_V4_SRC, address);
  });
}
