/** One request, encoded, with what it takes to explain its failure. */
export interface NetlinkMessage {
  /** Header and payload. The socket fills in the sequence number, and the ACK flag where it wants an answer. */
  readonly bytes: Uint8Array;
  /** What the message does, as the object of "cannot …". */
  readonly act: string;
  /** Names of errors that count as success, e.g. `EEXIST` when something may be there already. */
  readonly tolerate?: readonly string[];
}

/** A request that the kernel answers with objects: a dump, or the one object asked for. */
export interface NetlinkQuery<T> {
  readonly message: NetlinkMessage;
  /** One object of an answer; undefined for an answer that is none, or that the query's own filter leaves out. */
  parse(answer: ReceivedMessage): T | undefined;
}

export interface ReceivedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

/** The same request, for which these errors count as success. */
export function tolerating(message: NetlinkMessage, ...errnos: readonly string[]): NetlinkMessage {
  return { ...message, tolerate: [...(message.tolerate ?? []), ...errnos] };
}

const HEADER_LENGTH = 16;
/** Where the header fields that the socket fills in stand. */
export const HEADER_FLAGS_OFFSET = 6;
export const HEADER_SEQUENCE_OFFSET = 8;

const ATTRIBUTE_HEADER_LENGTH = 4;
/** Of nlattr.nla_type: two bits are flags (nested, network byte order). */
const ATTRIBUTE_TYPE_MASK = 0x3fff;

/** nlattr.nla_len has 16 bits. */
const LONGEST_ATTRIBUTE = 0xffff;

/** Netlink rounds every message and attribute up to four bytes. */
function align(length: number): number {
  return (length + 3) & ~3;
}

/**
 * Builds one message front to back. Numbers are little-endian: netlink speaks the machine's byte order, and Bun runs on
 * little-endian machines only.
 */
export class MessageWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Begins with the header `struct nlmsghdr`. */
  constructor(type: number, flags: number) {
    this.u32(0).u16(type).u16(flags).u32(0).u32(0);
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  attribute(type: number, payload: Uint8Array): this {
    return this.nest(type, () => this.raw(payload));
  }

  u8Attribute(type: number, value: number): this {
    return this.nest(type, () => this.u8(value));
  }

  u32Attribute(type: number, value: number): this {
    return this.nest(type, () => this.u32(value));
  }

  /** A string with the zero byte that ends it. */
  stringAttribute(type: number, text: string): this {
    return this.attribute(type, new TextEncoder().encode(`${text}\0`));
  }

  /** An attribute whose payload is whatever `fill` writes. @throws RangeError when that is longer than one can be */
  nest(type: number, fill: () => void): this {
    const start = this.#reserve(ATTRIBUTE_HEADER_LENGTH);
    fill();
    // A length that wraps round would have the kernel read the payload's end as further attributes.
    if (this.#length - start > LONGEST_ATTRIBUTE) {
      throw new RangeError(
        `a netlink attribute has ${this.#length - start} bytes, and may have ${LONGEST_ATTRIBUTE}`,
      );
    }
    this.#view.setUint16(start, this.#length - start, true);
    this.#view.setUint16(start + 2, type, true);
    this.#reserve(align(this.#length) - this.#length);
    return this;
  }

  /** The finished message; the writer is not used after this. */
  finish(): Uint8Array {
    this.#view.setUint32(0, this.#length, true);
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room at the end and returns where it begins. The room is zero: buffers are born so and only grow. */
  #reserve(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Splits what one receive brought into messages.
 * @throws RangeError when a length runs past the end: the buffer was too small for the kernel's answer.
 */
export function splitMessages(bytes: Uint8Array): ReceivedMessage[] {
  const view = viewOf(bytes);
  const messages: ReceivedMessage[] = [];
  for (let at = 0; at + HEADER_LENGTH <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER_LENGTH || at + length > bytes.length) {
      throw new RangeError(
        `netlink message of ${length} bytes at ${at} does not fit into the ${bytes.length} received`,
      );
    }
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + HEADER_FLAGS_OFFSET, true),
      sequence: view.getUint32(at + HEADER_SEQUENCE_OFFSET, true),
      payload: bytes.subarray(at + HEADER_LENGTH, at + length),
    });
    at += align(length);
  }
  return messages;
}

/** Attributes of one level, by number, with readers that give undefined for an attribute that is not there. */
export class Attributes {
  readonly #payloads: ReadonlyMap<number, Uint8Array>;

  private constructor(payloads: ReadonlyMap<number, Uint8Array>) {
    this.#payloads = payloads;
  }

  /** Reads the attributes that fill `bytes` from `offset` on. */
  static read(bytes: Uint8Array, offset = 0): Attributes {
    const view = viewOf(bytes);
    const payloads = new Map<number, Uint8Array>();
    for (let at = offset; at + ATTRIBUTE_HEADER_LENGTH <= bytes.length; ) {
      const length = view.getUint16(at, true);
      if (length < ATTRIBUTE_HEADER_LENGTH || at + length > bytes.length) break;
      payloads.set(
        view.getUint16(at + 2, true) & ATTRIBUTE_TYPE_MASK,
        bytes.subarray(at + ATTRIBUTE_HEADER_LENGTH, at + length),
      );
      at += align(length);
    }
    return new Attributes(payloads);
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#payloads.get(type);
  }

  u32(type: number): number | undefined {
    const payload = this.#payloads.get(type);
    return payload === undefined ? undefined : viewOf(payload).getUint32(0, true);
  }

  i32(type: number): number | undefined {
    const payload = this.#payloads.get(type);
    return payload === undefined ? undefined : viewOf(payload).getInt32(0, true);
  }

  u8(type: number): number | undefined {
    return this.#payloads.get(type)?.[0];
  }

  string(type: number): string | undefined {
    const payload = this.#payloads.get(type);
    if (payload === undefined) return undefined;
    const end = payload.indexOf(0);
    return new TextDecoder().decode(end < 0 ? payload : payload.subarray(0, end));
  }

  nested(type: number): Attributes | undefined {
    const payload = this.#payloads.get(type);
    return payload === undefined ? undefined : Attributes.read(payload);
  }
}
