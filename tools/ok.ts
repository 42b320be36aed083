// `npm run ok`: what a reviewer runs. Format, lint, types, arrows between rooms, generated files current, unit tests.
import { staticChecks } from "./check/static-checks.ts";
import { runSuite } from "./check/test-suite.ts";

const unitTests = { name: "unit tests", run: async () => (await runSuite(["src", "tools"])).failed === 0 };

const failed: string[] = [];
for (const { name, run } of [...staticChecks, unitTests]) {
  const began = performance.now();
  console.log(`── ${name}`);
  const passed = await run();
  console.log(`${passed ? "✓" : "✗"} ${name} (${((performance.now() - began) / 1000).toFixed(1)} s)`);
  if (!passed) failed.push(name);
}
if (failed.length > 0) {
  console.error(`not ok: ${failed.join(", ")}`);
  process.exit(1);
}
console.log("ok");
