import type { Logger } from "../../src/kube/logger.ts";

/** How many of the last events are kept for people. */
const KEPT = 400;

/** What happened in a run, in order: a hash of all of it, and the last events in words. */
export class Trace {
  readonly #now: () => number;
  readonly #print: ((line: string) => void) | undefined;
  #last: string[] = [];
  #hash = 0xcbf29ce4;
  #events = 0;

  /** @param options.print is called with each event, where somebody wants to see them all */
  constructor(now: () => number, options: { print?: ((line: string) => void) | undefined } = {}) {
    this.#now = now;
    this.#print = options.print;
  }

  get events(): number {
    return this.#events;
  }

  /** Equal for runs in which the same happened at the same times. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, "0");
  }

  /** @param who the process or the part of the world */
  note(who: string, what: string): void {
    const line = `${stamp(this.#now())} ${who.padEnd(12)} ${what}`;
    this.#events++;
    for (let i = 0; i < line.length; i++) this.#hash = Math.imul(this.#hash ^ line.charCodeAt(i), 0x01000193);
    this.#last.push(line);
    if (this.#last.length >= 2 * KEPT) this.#last = this.#last.slice(-KEPT);
    this.#print?.(line);
  }

  /** The last events, oldest first. */
  last(count: number): readonly string[] {
    return this.#last.slice(-count);
  }

  /** A logger of a process whose lines are events; those of level debug are left out. */
  logger(who: string): Logger {
    const write = (level: string) => (fields: object, message: string) => {
      this.note(who, `${level}${message}${describe(fields)}`);
    };
    return { debug() {}, info: write(""), warn: write("! "), error: write("!! ") };
  }
}

/** Minutes, seconds and milliseconds of virtual time. */
function stamp(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const seconds = ((ms % 60_000) / 1000).toFixed(3).padStart(6, "0");
  return `${String(minutes).padStart(3)}:${seconds}`;
}

function describe(fields: object): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${value instanceof Error ? value.message : JSON.stringify(value)}`)
    .join("");
}
