/** Waits until `condition` holds, looking every few milliseconds; fails after `withinMs`, naming what was waited for. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  options: { withinMs?: number } = {},
): Promise<void> {
  const { withinMs = 5_000 } = options;
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await Bun.sleep(5);
  }
}
