import { join } from "node:path";
import type { Identity } from "./extender-client.ts";

/** What the parent asks of the process. */
export type CallerQuestion =
  | { readonly connect: string; readonly identity: Identity }
  | { readonly verb: string; readonly body: string };

/** What it answers. */
export type CallerAnswer =
  | { readonly ms: number; readonly text: string }
  | { readonly connected: true }
  | { readonly error: string };

const program = join(import.meta.dir, "timed-caller-process.ts");

/**
 * Calls an extender from a process that does nothing else, and tells how long each call took: this one has a cluster in its memory, and to collect
 * what changes of it leave takes longer than an answer.
 */
export class TimedCaller {
  readonly #process: Bun.Subprocess;
  #next: ((answer: CallerAnswer) => void) | undefined;

  private constructor() {
    this.#process = Bun.spawn([process.execPath, program], {
      ipc: (answer: CallerAnswer) => this.#next?.(answer),
      stdio: ["ignore", "inherit", "inherit"],
      onExit: () => this.#next?.({ error: "the process that calls has ended" }),
    });
  }

  static async connect(url: string, identity: Identity): Promise<TimedCaller> {
    const caller = new TimedCaller();
    try {
      await caller.#ask({ connect: url, identity });
    } catch (error) {
      await caller.stop();
      throw error;
    }
    return caller;
  }

  /** @returns the text of the answer, and how long it took, in ms @throws Error for one that is not 200 */
  async call(verb: string, body: string): Promise<{ ms: number; text: string }> {
    const answer = await this.#ask({ verb, body });
    if (!("text" in answer)) throw new Error(`${verb}: not answered`);
    return answer;
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await this.#process.exited;
  }

  async #ask(question: CallerQuestion): Promise<CallerAnswer> {
    const { promise, resolve } = Promise.withResolvers<CallerAnswer>();
    this.#next = resolve;
    this.#process.send(question);
    const answer = await promise;
    if ("error" in answer) throw new Error(answer.error);
    return answer;
  }
}
