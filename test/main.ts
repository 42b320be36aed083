// `npm test`: everything that must hold, on real parts. Suites run one after another: some compare the whole machine before
// and after. The last line counts.
import { binaries } from "../tools/build/binary.ts";
import { installDebianPackages } from "../tools/build/debian-packages.ts";
import { consoleProgress } from "../tools/build/progress.ts";
import { staticChecks } from "../tools/check/static-checks.ts";
import { runSuite } from "../tools/check/test-suite.ts";
import { clusterIsInUse } from "./cluster/cluster.ts";

const suites: ReadonlyArray<readonly [name: string, paths: readonly string[]]> = [
  ["units", ["src", "tools", "test/demo", "test/bench"]],
  ["a simulation of everything under a virtual clock", ["test/simulation"]],
  ["kernel: network namespaces, netlink, nftables, the compiled plugins", ["test/kernel"]],
  ["a real API server", ["test/apiserver"]],
  ["a real cluster: kubelets, containerd, scheduler", ["test/cluster"]],
];

if (await clusterIsInUse()) {
  console.error(
    "A cluster runs on this machine, and the tests need its place: take it down first with `npm run cluster -- down`.",
  );
  process.exit(1);
}
await installDebianPackages(consoleProgress);
await binaries(undefined, consoleProgress);

let passed = 0;
let failed = 0;
const failures: string[] = [];
for (const { name, run } of staticChecks) {
  console.log(`━━ ${name}`);
  if (await run()) passed++;
  else {
    failed++;
    failures.push(name);
  }
}
for (const [name, paths] of suites) {
  const began = performance.now();
  console.log(`━━ ${name}`);
  const result = await runSuite(paths);
  passed += result.passed;
  failed += result.failed;
  if (result.failed > 0) failures.push(name);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`━━ ${name}: ${result.passed} passed, ${result.failed} failed, ${seconds} s`);
}
if (failures.length > 0) console.log(`failed: ${failures.join("; ")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
