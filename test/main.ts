// `npm test`: everything that must hold, on real parts. Suites run one after another, but for the simulation: some compare the whole machine
// before and after. The last line counts.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { binaries } from "../tools/build/binary.ts";
import { installDebianPackages } from "../tools/build/debian-packages.ts";
import { consoleProgress } from "../tools/build/progress.ts";
import { staticChecks } from "../tools/check/static-checks.ts";
import { runSuite, type SuiteResult } from "../tools/check/test-suite.ts";
import { clusterIsInUse } from "./cluster/cluster.ts";

interface Suite {
  readonly name: string;
  /** Each is a run of its own, beside the others. */
  readonly lanes: readonly (readonly string[])[];
  /** It has the processors when nobody else wants them. */
  readonly isIdle?: boolean;
}

const units: Suite = {
  name: "units",
  lanes: [["src", "tools", "test/demo", "test/bench", "test/scheduler"]],
};
/** Takes nothing of the machine but minutes of its processors, which the suites beside it leave. */
const simulation: Suite = {
  name: "a simulation of everything under a virtual clock",
  lanes: [["test/simulation"]],
  isIdle: true,
};
const kernel: Suite = {
  name: "kernel: network namespaces, netlink, nftables, the compiled plugins",
  lanes: [["test/kernel"]],
};
/** They wait most of their time, each for an API server of its own. */
const apiServer: Suite = {
  name: "a real API server",
  lanes: lanes("test/apiserver", [/^(kube|fixed-addresses|scheduler)\.spec/, /^(pool-c|agent\.spec)/]),
};
const cluster: Suite = { name: "a real cluster: kubelets, containerd, scheduler", lanes: [["test/cluster"]] };

/** The specs of a folder: those that match the first, of the others those that match the next, and so on; at last those that match none. */
function lanes(folder: string, patterns: readonly RegExp[]): string[][] {
  const specs = readdirSync(join(import.meta.dir, "..", folder)).filter((name) => name.endsWith(".spec.ts"));
  const laneOf = (name: string) => {
    const at = patterns.findIndex((pattern) => pattern.test(name));
    return at === -1 ? patterns.length : at;
  };
  return Array.from({ length: patterns.length + 1 }, (_, lane) =>
    specs.filter((name) => laneOf(name) === lane).map((name) => `${folder}/${name}`),
  );
}

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

async function run({ name, lanes, isIdle = false }: Suite): Promise<void> {
  const began = performance.now();
  console.log(`━━ ${name}`);
  const results = await Promise.all(lanes.map((paths) => resultOf(paths, isIdle)));
  const inAll = (what: "passed" | "failed") => results.reduce((sum, result) => sum + result[what], 0);
  passed += inAll("passed");
  failed += inAll("failed");
  if (inAll("failed") > 0) failures.push(name);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`━━ ${name}: ${inAll("passed")} passed, ${inAll("failed")} failed, ${seconds} s`);
}

/** A run that cannot even be begun counts as one failure. */
async function resultOf(paths: readonly string[], isIdle: boolean): Promise<SuiteResult> {
  try {
    return await runSuite(paths, { isIdle });
  } catch (error) {
    console.error(error);
    return { passed: 0, failed: 1 };
  }
}

await run(units);
const simulated = run(simulation);
await run(kernel);
await run(apiServer);
await simulated;
await run(cluster);
if (failures.length > 0) console.log(`failed: ${failures.join("; ")}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
