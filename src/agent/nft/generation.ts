import { SystemCallError } from "../../netlink/errno.ts";
import { lastErrno, libc } from "../../netlink/libc.ts";
import { Attributes, MessageWriter, splitMessages } from "../../netlink/message.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_NETFILTER = 12;
const NLM_F_REQUEST = 1;
/** NFNL_SUBSYS_NFTABLES and NFT_MSG_GETGEN of linux/netfilter/nf_tables.h. */
const NFT_MSG_GETGEN = (10 << 8) | 16;
const NFTA_GEN_ID = 1;
/** struct nfgenmsg */
const HEADER_LENGTH = 4;

/**
 * Number of the namespace's nftables generation: it grows with every change to any ruleset there, whoever made it. One small
 * message, where listing a table costs a process.
 */
export class NftGeneration {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(4096);

  /** @throws SystemCallError */
  constructor() {
    this.#fd = libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (this.#fd < 0) throw new SystemCallError("open a netfilter socket", lastErrno());
  }

  /** @throws SystemCallError */
  read(): number {
    const request = new MessageWriter(NFT_MSG_GETGEN, NLM_F_REQUEST).u8(0).u8(0).u16(0).finish();
    if (libc().send(this.#fd, request, request.length, 0) < 0) {
      throw new SystemCallError("ask for the nftables generation", lastErrno());
    }
    const length = libc().recv(this.#fd, this.#buffer, this.#buffer.length, 0);
    if (length < 0) throw new SystemCallError("read the nftables generation", lastErrno());
    for (const { payload } of splitMessages(this.#buffer.slice(0, length))) {
      const id = Attributes.read(payload, HEADER_LENGTH).bytes(NFTA_GEN_ID);
      // Unlike rtnetlink, nftables tells its numbers in network byte order.
      if (id?.length === 4) return new DataView(id.buffer, id.byteOffset).getUint32(0);
    }
    throw new Error("the kernel's answer holds no nftables generation: it has no nf_tables");
  }

  close(): void {
    libc().close(this.#fd);
  }
}
