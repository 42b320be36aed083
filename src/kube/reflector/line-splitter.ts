/** Cuts a stream of bytes into lines. A chunk may hold many lines, or part of one, or end inside a character. */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  #rest = "";

  /** The lines that this chunk completes, without their ends; empty ones are left out. */
  push(chunk: Uint8Array): string[] {
    const text = this.#decoder.decode(chunk, { stream: true });
    const lines: string[] = [];
    let start = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", start)) {
      const line = this.#rest + text.slice(start, end);
      this.#rest = "";
      start = end + 1;
      if (line !== "") lines.push(line);
    }
    // Only what is new is ever searched: a line of megabytes comes in hundreds of chunks.
    this.#rest += text.slice(start);
    return lines;
  }
}
