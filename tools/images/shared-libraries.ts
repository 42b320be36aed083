import { runCommand } from "../build/run-command.ts";

/**
 * Paths of the shared libraries that an executable of this machine is linked with, the loader included.
 *
 * @throws when one of them is missing
 */
export async function sharedLibraries(executable: string): Promise<string[]> {
  return parseLdd(await runCommand(["ldd", executable]));
}

/** Reads what `ldd` prints: `name => path (address)`, or `path (address)` for the loader. */
export function parseLdd(text: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  const missing = lines.find((line) => line.endsWith("not found"));
  if (missing !== undefined) throw new Error(`a shared library is missing: ${missing}`);
  return lines.map((line) => /(?:^|=> )(\/\S+) \(0x/.exec(line)?.[1]).filter((path) => path !== undefined);
}
