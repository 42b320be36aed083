import { NLM_F_ACK, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR } from "./constants.ts";
import { errnoName, SystemCallError } from "./errno.ts";
import { lastErrno, libc, libcOfNamespaces } from "./libc.ts";
import {
  Attributes,
  HEADER_FLAGS_OFFSET,
  HEADER_SEQUENCE_OFFSET,
  type NetlinkMessage,
  type NetlinkQuery,
  type ReceivedMessage,
  splitMessages,
  viewOf,
} from "./message.ts";
import { NetworkNamespace } from "./namespace.ts";
import { NetlinkError } from "./netlink-error.ts";
import { setOption } from "./socket-option.ts";

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
/** Of an error message: attributes follow the header of the failed request. */
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
/** int error, then the header of the request (NETLINK_CAP_ACK cuts the rest of it off). */
const ERROR_LENGTH = 4 + 16;

/** The kernel fills a dump's buffers up to 32 KiB. */
const RECEIVE_BYTES = 64 * 1024;
/** The kernel answers before send() returns; only a bug could make us wait, and then an error beats hanging. */
const RECEIVE_TIMEOUT_SECONDS = 10;
/**
 * Messages of one send. Every failed one leaves an answer in the receive queue before we read the first; about 270 fit into the
 * default queue, and one that does not fit is lost.
 */
const MESSAGES_PER_SEND = 128;
/** A dump that keeps being overtaken by changes is given up after so many rounds. */
const DUMP_ATTEMPTS = 20;

/** A netlink socket in one namespace, for requests. Not for concurrent use: every call runs to its end. */
export class NetlinkSocket {
  /** One for all, since every call runs to its end. */
  static #receiveBuffer: Uint8Array | undefined;
  readonly #fd: number;
  #sequence = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /**
   * Opens a socket in the namespace given, or in the calling thread's own. A socket stays in the namespace that it was opened in.
   * @throws SystemCallError
   */
  static open({
    namespace,
  }: {
    readonly namespace?: NetworkNamespace | string | undefined;
  } = {}): NetlinkSocket {
    if (typeof namespace !== "string") return new NetlinkSocket(openSocketIn(namespace));
    using opened = NetworkNamespace.open(namespace);
    return new NetlinkSocket(openSocketIn(opened));
  }

  /**
   * Sends all messages at once (128 at most; more go in several sends) and waits until the kernel has done them, in order. The
   * kernel goes on after a message that failed: the messages behind it must not do harm then.
   * @throws NetlinkError for the first message that failed with an error that it does not tolerate.
   */
  batch(messages: readonly NetlinkMessage[]): void {
    for (let at = 0; at < messages.length; at += MESSAGES_PER_SEND) {
      this.#exchange(messages.slice(at, at + MESSAGES_PER_SEND), at);
    }
  }

  /**
   * Asks for one object; undefined when the kernel says that there is none.
   * @throws NetlinkError
   */
  get<T>(query: NetlinkQuery<T>): T | undefined {
    let found: T | undefined;
    const message = {
      ...query.message,
      tolerate: [...(query.message.tolerate ?? []), "ENODEV", "ENOENT", "ESRCH"],
    };
    for (const answer of this.#exchange([message], 0)) found ??= query.parse(answer);
    return found;
  }

  /**
   * Lists objects. A list that changed while the kernel walked it (NLM_F_DUMP_INTR) may lack objects or hold them twice, so it
   * is asked for again.
   * @throws NetlinkError; Error when the list never held still.
   */
  dump<T>(query: NetlinkQuery<T>): T[] {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const objects = this.#dumpOnce(query);
      if (objects !== undefined) return objects;
    }
    throw new Error(
      `cannot ${query.message.act}: it changed during each of ${DUMP_ATTEMPTS} readings; try again`,
    );
  }

  close(): void {
    libc().close(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Sends and reads until the last message is answered; returns what came beside the answers. */
  #exchange(messages: readonly NetlinkMessage[], offset: number): ReceivedMessage[] {
    const first = this.#send(messages, { acknowledgeLast: true });
    const last = first + messages.length - 1;
    const others: ReceivedMessage[] = [];
    let failure: NetlinkError | undefined;
    for (let done = false; !done; ) {
      for (const answer of this.#receive()) {
        const position = answer.sequence - first;
        const message = messages[position];
        // An answer to an earlier request whose reader gave up.
        if (message === undefined) continue;
        if (answer.type !== NLMSG_ERROR) {
          others.push(answer);
          continue;
        }
        failure ??= failureIn(answer, { message, position: offset + position });
        if (answer.sequence === last) done = true;
      }
    }
    if (failure !== undefined) throw failure;
    return others;
  }

  #dumpOnce<T>({ message, parse }: NetlinkQuery<T>): T[] | undefined {
    const sequence = this.#send([message], { acknowledgeLast: false });
    const objects: T[] = [];
    let interrupted = false;
    for (;;) {
      for (const answer of this.#receive()) {
        if (answer.sequence !== sequence) continue;
        if ((answer.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (answer.type === NLMSG_DONE || answer.type === NLMSG_ERROR) {
          const failure = failureIn(answer, { message, position: 0 });
          if (failure?.errno === "EINTR") return undefined;
          if (failure !== undefined) throw failure;
          return interrupted ? undefined : objects;
        }
        const object = parse(answer);
        if (object !== undefined) objects.push(object);
      }
    }
  }

  /** Returns the sequence number of the first message; the others follow it. */
  #send(messages: readonly NetlinkMessage[], { acknowledgeLast }: { acknowledgeLast: boolean }): number {
    const first = this.#sequence + 1;
    const padded = messages.map(({ bytes }) => (bytes.length + 3) & ~3);
    const buffer = new Uint8Array(padded.reduce((sum, length) => sum + length, 0));
    const view = viewOf(buffer);
    let at = 0;
    for (const [position, { bytes }] of messages.entries()) {
      buffer.set(bytes, at);
      this.#sequence = (this.#sequence + 1) >>> 0;
      view.setUint32(at + HEADER_SEQUENCE_OFFSET, this.#sequence, true);
      // Errors are always answered. Since the kernel works in order, the answer to the last message ends the batch, and asking
      // for it alone spares one receive a message.
      if (acknowledgeLast && position === messages.length - 1) {
        view.setUint16(
          at + HEADER_FLAGS_OFFSET,
          view.getUint16(at + HEADER_FLAGS_OFFSET, true) | NLM_F_ACK,
          true,
        );
      }
      at += padded[position] ?? 0;
    }
    if (libc().send(this.#fd, buffer, buffer.length, 0) < 0) {
      throw new SystemCallError(`send ${messages.length} netlink messages`, lastErrno());
    }
    return first;
  }

  #receive(): ReceivedMessage[] {
    NetlinkSocket.#receiveBuffer ??= new Uint8Array(RECEIVE_BYTES);
    const buffer = NetlinkSocket.#receiveBuffer;
    for (;;) {
      const length = libc().recv(this.#fd, buffer, RECEIVE_BYTES, 0);
      if (length >= 0) return splitMessages(buffer.slice(0, length));
      const code = lastErrno();
      // The garbage collector stops threads by a signal, and a receive with a timeout is not restarted by itself.
      if (errnoName(code) !== "EINTR") throw new SystemCallError("receive the kernel's netlink answer", code);
    }
  }
}

/** Opens and prepares a socket, bound to the multicast groups whose bits are set. @throws SystemCallError */
export function openSocketIn(namespace: NetworkNamespace | undefined, groups = 0): number {
  const open = () => libc().socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  const fd = namespace === undefined ? open() : namespace.run(open);
  if (fd < 0) throw new SystemCallError("open a netlink socket", lastErrno());
  try {
    setOption(fd, { level: SOL_NETLINK, option: NETLINK_CAP_ACK, value: new Int32Array([1]) });
    setOption(fd, { level: SOL_NETLINK, option: NETLINK_EXT_ACK, value: new Int32Array([1]) });
    setOption(fd, { level: SOL_NETLINK, option: NETLINK_GET_STRICT_CHK, value: new Int32Array([1]) });
    setOption(fd, {
      level: SOL_SOCKET,
      option: SO_RCVTIMEO,
      value: new BigInt64Array([BigInt(RECEIVE_TIMEOUT_SECONDS), 0n]),
    });
    if (groups !== 0) bind(fd, groups);
    return fd;
  } catch (error) {
    libc().close(fd);
    throw error;
  }
}

function bind(fd: number, groups: number): void {
  // struct sockaddr_nl: family, pad, port id (0: the kernel chooses), groups
  const address = new Uint32Array([AF_NETLINK, 0, groups]);
  if (libcOfNamespaces().bind(fd, address, address.byteLength) < 0) {
    throw new SystemCallError("subscribe to netlink notifications", lastErrno());
  }
}

/** The failure that an NLMSG_ERROR or NLMSG_DONE tells of, unless it is none or the message tolerates it. */
function failureIn(
  answer: ReceivedMessage,
  { message, position }: { message: NetlinkMessage; position: number },
): NetlinkError | undefined {
  const code = answer.payload.length < 4 ? 0 : -viewOf(answer.payload).getInt32(0, true);
  if (code === 0) return undefined;
  const told =
    (answer.flags & NLM_F_ACK_TLVS) === 0
      ? undefined
      : Attributes.read(answer.payload, answer.type === NLMSG_DONE ? 4 : ERROR_LENGTH).string(
          NLMSGERR_ATTR_MSG,
        );
  const failure = new NetlinkError({ code, act: message.act, position, kernelText: told ?? "" });
  return message.tolerate?.includes(failure.errno) ? undefined : failure;
}
