import { type Block, sizeOf } from "./ipv4.ts";

/** Addresses of a chunk, a bit each, and how many of them are set. */
interface Chunk {
  readonly words: Uint32Array;
  readonly count: number;
}

const chunkSize = 1024;
const wordsPerChunk = chunkSize / 32;

/**
 * Some addresses of a block, in an immutable value: with() and without() answer another one, which shares all chunks of
 * addresses but one. The lowest that is not among them is found by chunks, not by addresses.
 */
export class AddressSet implements Iterable<number> {
  readonly size: number;
  readonly #block: Block;
  readonly #chunks: readonly (Chunk | undefined)[];

  private constructor(block: Block, chunks: readonly (Chunk | undefined)[], size: number) {
    this.#block = block;
    this.#chunks = chunks;
    this.size = size;
  }

  /** None of the block's addresses. */
  static emptyOf(block: Block): AddressSet {
    return new AddressSet(block, [], 0);
  }

  has(address: number): boolean {
    const offset = address - this.#block.base;
    const chunk = this.#chunks[Math.floor(offset / chunkSize)];
    return chunk !== undefined && ((chunk.words[(offset % chunkSize) >>> 5] ?? 0) & bit(offset)) !== 0;
  }

  /** This set and these addresses of the block. */
  with(addresses: Iterable<number>): AddressSet {
    return this.#changed(addresses, true);
  }

  /** This set without these addresses. */
  without(addresses: Iterable<number>): AddressSet {
    return this.#changed(addresses, false);
  }

  /** The lowest addresses of the block that are not in the set, at most that many. */
  lowestMissing(count: number): number[] {
    const found: number[] = [];
    const end = sizeOf(this.#block);
    for (let start = 0; start < end && found.length < count; start += chunkSize) {
      const chunk = this.#chunks[start / chunkSize];
      if (chunk?.count === chunkSize) {
        continue;
      }
      const stop = Math.min(end, start + chunkSize);
      for (let offset = start; offset < stop && found.length < count; offset++) {
        if (chunk === undefined || ((chunk.words[(offset % chunkSize) >>> 5] ?? 0) & bit(offset)) === 0) {
          found.push(this.#block.base + offset);
        }
      }
    }
    return found;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (const [index, chunk] of this.#chunks.entries()) {
      for (let i = 0; chunk !== undefined && i < chunkSize; i++) {
        if (((chunk.words[i >>> 5] ?? 0) & bit(i)) !== 0) {
          yield this.#block.base + index * chunkSize + i;
        }
      }
    }
  }

  #changed(addresses: Iterable<number>, present: boolean): AddressSet {
    const chunks = [...this.#chunks];
    const copies = new Map<number, { words: Uint32Array; count: number }>();
    let { size } = this;
    for (const address of addresses) {
      const offset = address - this.#block.base;
      const index = Math.floor(offset / chunkSize);
      let copy = copies.get(index);
      if (copy === undefined) {
        const { words, count } = chunks[index] ?? { words: new Uint32Array(wordsPerChunk), count: 0 };
        copy = { words: words.slice(), count };
        copies.set(index, copy);
        chunks[index] = copy;
      }
      const word = (offset % chunkSize) >>> 5;
      const before = copy.words[word] ?? 0;
      const after = present ? before | bit(offset) : before & ~bit(offset);
      if (after >>> 0 !== before) {
        copy.words[word] = after;
        copy.count += present ? 1 : -1;
        size += present ? 1 : -1;
      }
    }
    return new AddressSet(this.#block, chunks, size);
  }
}

function bit(offset: number): number {
  return 1 << (offset & 31);
}
