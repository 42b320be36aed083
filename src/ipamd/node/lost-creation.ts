/** Two empty readings prove that a Create whose answer was lost did not happen only when they lie this far apart. */
export const LOST_CREATE_MS = 30_000;

/** Pause after the first empty reading; it doubles with each. */
const FIRST_PAUSE_MS = 1000;

/** The search for the ENI of an intent by its nonce, as long as none is found. Monotonic milliseconds. */
export interface EniSearch {
  nonce: string;
  /** When the first reading without it began. */
  emptyFrom: number;
  pauseMs: number;
  /** When the next reading is due. */
  nextAt: number;
}

/**
 * Takes a reading that did not show the ENI of an intent.
 *
 * @param began when the reading was sent
 *
 * @returns whether the intent may be dropped: a Describe right after a Create may not show the ENI yet, so only two readings at
 *   least 30 s apart prove that there is none. The readings between them, which only make it quicker where there is one, get rarer.
 */
export function takeEmptyReading(
  before: EniSearch | undefined,
  nonce: string,
  began: number,
): { search: EniSearch; dropIntent: boolean } {
  const known = before?.nonce === nonce ? before : undefined;
  const emptyFrom = known?.emptyFrom ?? began;
  const pauseMs = known === undefined ? FIRST_PAUSE_MS : known.pauseMs * 2;
  const last = emptyFrom + LOST_CREATE_MS;
  return {
    search: { nonce, emptyFrom, pauseMs, nextAt: Math.min(began + pauseMs, Math.max(last, began)) },
    dropIntent: began >= last,
  };
}
