/** Tells a person what a long program is doing. Lines go to standard error, so that standard output stays the answer. */
export interface Progress {
  /** One line, at once. */
  line(text: string): void;
  /** Announces `what`, does the work, and says how long it took; every 15 s in between it says that it still goes on. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
}

const STILL_AT_IT_MS = 15_000;

/** A Progress that hands its lines to `write`. `now` gives milliseconds. */
export function createProgress(
  write: (line: string) => void,
  now: () => number = () => performance.now(),
): Progress {
  const seconds = (since: number) => `${((now() - since) / 1000).toFixed(1)} s`;
  return {
    line: write,
    async step(what, work) {
      const started = now();
      write(`${what} …`);
      const heartbeat = setInterval(() => write(`${what}: ${seconds(started)} so far`), STILL_AT_IT_MS);
      try {
        const result = await work();
        write(`${what}: ${seconds(started)}`);
        return result;
      } catch (error) {
        write(`${what}: failed after ${seconds(started)}`);
        throw error;
      } finally {
        clearInterval(heartbeat);
      }
    },
  };
}

/** The Progress of the project's programs: lines on standard error. */
export const consoleProgress: Progress = createProgress((line) => console.error(line));

/** A Progress that says nothing, for tests. */
export const silentProgress: Progress = createProgress(() => {});
