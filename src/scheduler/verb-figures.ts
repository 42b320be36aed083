/** `passed`: what was asked for may be, or was done. `refused`: it may not. `error`: nothing could be decided, or it failed. */
export type Outcome = "passed" | "refused" | "error";

export interface VerbFigure {
  readonly verb: string;
  readonly outcome: Outcome;
  count: number;
  /** What these took together. */
  ms: number;
}

/** How often each verb was answered, and how. */
export class VerbFigures {
  readonly #figures = new Map<string, VerbFigure>();

  note(verb: string, outcome: Outcome, ms: number): void {
    const key = `${verb} ${outcome}`;
    let figure = this.#figures.get(key);
    if (figure === undefined) {
      figure = { verb, outcome, count: 0, ms: 0 };
      this.#figures.set(key, figure);
    }
    figure.count += 1;
    figure.ms += ms;
  }

  list(): Readonly<VerbFigure>[] {
    return [...this.#figures.values()];
  }
}
