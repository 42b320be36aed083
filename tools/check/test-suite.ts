import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = dirname(dirname(import.meta.dir));

/** Milliseconds that one test may take that does not say otherwise. */
const TEST_TIMEOUT_MS = 60_000;
/** The same, where it waits for what others leave of the processors. */
const IDLE_TEST_TIMEOUT_MS = 600_000;

export interface SuiteResult {
  passed: number;
  failed: number;
}

/**
 * Runs `bun test` on some paths of the repository and counts. A run that ends without a report, or by itself fails while all of
 * its tests passed (an error outside of any test), counts as one failure more.
 *
 * @param isIdle whether it has the processors only when nobody else wants them
 */
export async function runSuite(
  paths: readonly string[],
  { isIdle = false }: { isIdle?: boolean } = {},
): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), "tke-eni-suite-"));
  const report = join(folder, "junit.xml");
  try {
    const child = Bun.spawn(
      [
        ...(isIdle ? ["chrt", "--idle", "0"] : []),
        process.execPath,
        "test",
        `--timeout=${isIdle ? IDLE_TEST_TIMEOUT_MS : TEST_TIMEOUT_MS}`,
        "--reporter=junit",
        `--reporter-outfile=${report}`,
        // With "./" it is a path; without, a pattern.
        ...paths.map((path) => `./${path}`),
      ],
      { cwd: root, stdio: ["ignore", "inherit", "inherit"] },
    );
    const exitCode = await child.exited;
    const { passed, failed } = existsSync(report)
      ? countOf(readFileSync(report, "utf8"))
      : { passed: 0, failed: 0 };
    const unexplained = exitCode !== 0 && failed === 0;
    return { passed, failed: failed + (unexplained || passed + failed === 0 ? 1 : 0) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Counts of a JUnit report: a test that was skipped has not passed. */
export function countOf(junit: string): SuiteResult {
  const attributes = /<testsuites[^>]*>/.exec(junit)?.[0] ?? "";
  const number = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(attributes)?.[1] ?? 0);
  const failed = number("failures") + number("errors") + number("skipped");
  return { passed: number("tests") - failed, failed };
}
