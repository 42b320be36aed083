import { runSeed, type SeedOptions, type SeedResult } from "./run-seed.ts";

/**
 * Runs a seed, and fails it also when a promise was rejected of which nobody took note: that would end the real process. Only one
 * seed at a time is run in a process.
 */
export async function runSeedAlone(options: SeedOptions): Promise<SeedResult> {
  const unhandled: unknown[] = [];
  const note = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", note);
  try {
    const result = runSeed(options);
    // They are told once the run, which is one turn of the event loop, is over.
    await Bun.sleep(1);
    if (unhandled.length === 0 || result.failure !== undefined) return result;
    const [first] = unhandled;
    const text = first instanceof Error ? (first.stack ?? first.message) : String(first);
    return { ...result, failure: `${unhandled.length} promises were rejected unheard, the first: ${text}` };
  } finally {
    process.off("unhandledRejection", note);
  }
}
