import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { SeedResult } from "./run-seed.ts";

/** Runs seeds in processes beside each other, as many as there are processors. @returns the results in the order of the seeds */
export async function runSeeds(seeds: readonly number[]): Promise<SeedResult[]> {
  const waiting = [...seeds];
  const results = new Map<number, SeedResult>();
  const lanes = Array.from({ length: Math.min(availableParallelism(), seeds.length) }, async () => {
    const worker = new Worker(join(import.meta.dir, "seed-worker.ts"));
    try {
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        results.set(seed, await ask(worker, seed));
      }
    } finally {
      worker.terminate();
    }
  });
  await Promise.all(lanes);
  return seeds.flatMap((seed) => results.get(seed) ?? []);
}

function ask(worker: Worker, seed: number): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<SeedResult>) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(`the worker of seed ${seed} failed: ${message}`));
    worker.postMessage(seed);
  });
}
