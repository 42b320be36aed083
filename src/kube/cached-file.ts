import { readFile } from "node:fs/promises";
import type { Clock } from "../time/clock.ts";

/** A file that somebody else rotates (a token, a certificate): read again once what was read is older than `maxAgeMs`. */
export class CachedFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #maxAgeMs: number;
  #content: string | undefined;
  #readAt = 0;

  constructor(path: string, options: { clock: Clock; maxAgeMs: number }) {
    this.#path = path;
    this.#clock = options.clock;
    this.#maxAgeMs = options.maxAgeMs;
  }

  /** @throws when the file cannot be read or is empty: a call without its credential would only be refused less clearly */
  async text(): Promise<string> {
    const now = this.#clock.monotonic();
    if (this.#content !== undefined && now - this.#readAt < this.#maxAgeMs) return this.#content;
    const content = await readFile(this.#path, "utf8");
    if (content.trim() === "")
      throw new Error(`${this.#path} is empty: it must hold a credential for the API server`);
    this.#content = content;
    this.#readAt = now;
    return content;
  }

  /** Makes the next `text()` read the file. */
  forget(): void {
    this.#content = undefined;
  }
}
