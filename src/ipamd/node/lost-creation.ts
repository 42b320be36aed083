/** Two empty readings prove that a Create whose answer was lost did not happen only when they lie this far apart. */
export const LOST_CREATE_MS = 30_000;

/** Readings that looked for the ENI of an intent by its nonce, and found none. Monotonic milliseconds. */
export interface EmptyReadings {
  nonce: string;
  first: number;
}

/**
 * Takes an empty reading for the nonce of an intent.
 *
 * @returns whether the intent may be dropped: a Describe right after a Create may not show the ENI yet, so only two readings at
 *   least 30 s apart prove that there is none
 */
export function takeEmptyReading(
  before: EmptyReadings | undefined,
  nonce: string,
  now: number,
): { readings: EmptyReadings; dropIntent: boolean } {
  const readings = before?.nonce === nonce ? before : { nonce, first: now };
  return { readings, dropIntent: now - readings.first >= LOST_CREATE_MS };
}
