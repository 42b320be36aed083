// Runs one of the project's TypeScript programs on the pinned Bun, after bringing Bun and the packages.
// Plain JavaScript for Node, since it runs before Bun is there: `node tools/run.mjs [--real] PROGRAM.ts [ARG...]`.
// `--real` marks programs that start real Kubernetes and real namespaces: they need Linux, root and Go.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { arch, constants, homedir, platform } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const real = args[0] === "--real";
// `--go` marks programs that only build something with Go.
const go = real || args[0] === "--go";
if (go) args.shift();

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

if (real) {
  if (platform() !== "linux") {
    fail(
      `This needs Linux (network namespaces, nftables), and this machine runs ${platform()}: use a Linux machine or VM.`,
    );
  }
  if (process.getuid() !== 0) {
    fail(
      `This needs root (it makes network and mount namespaces), and runs as uid ${process.getuid()}: run it with sudo.`,
    );
  }
}
if (go) {
  const version = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" }).stdout?.trim() ?? "";
  const [, major, minor] = /^go(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === undefined) {
    fail(
      "This needs Go 1.26 or newer to build Kubernetes, and there is no `go` on the PATH: install it from https://go.dev/dl.",
    );
  }
  if (Number(major) === 1 && Number(minor) < 26) {
    fail(
      `This needs Go 1.26 or newer to build Kubernetes, and the \`go\` on the PATH is ${version}: install a newer one from https://go.dev/dl.`,
    );
  }
}
if (arch() !== "x64" && arch() !== "arm64") {
  fail(`Bun has no build for the processor ${arch()}: use an x64 or arm64 machine.`);
}

const cache =
  process.env.TKE_ENI_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tke-eni");
const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const bunFolder = join(cache, `bun-${devDependencies.bun}`);
// The platform's own package holds the executable; the `bun` package around it needs an install script to work.
const bunPackage = `@oven/bun-${platform()}-${arch() === "arm64" ? "aarch64" : "x64"}`;
const bun = join(bunFolder, "node_modules", bunPackage, "bin", "bun");

if (!existsSync(bun)) {
  console.error(`bringing Bun ${devDependencies.bun} from npm …`);
  try {
    mkdirSync(bunFolder, { recursive: true });
  } catch (error) {
    fail(
      `The cache ${cache} cannot be made (${error.code}): name a folder that can be written in TKE_ENI_CACHE.`,
    );
  }
  const got = spawnSync(
    "npm",
    [
      "install",
      "--no-save",
      "--no-package-lock",
      "--ignore-scripts",
      "--prefix",
      bunFolder,
      `${bunPackage}@${devDependencies.bun}`,
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  if (got.status !== 0 || !existsSync(bun)) {
    fail(
      `npm could not bring ${bunPackage}@${devDependencies.bun}: see its message above, check the network, and try again.`,
    );
  }
}

const lock = createHash("sha256")
  .update(readFileSync(join(root, "bun.lock")))
  .digest("hex");
const stamp = join(root, "node_modules", ".tke-eni-lock");
if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  console.error("bringing the packages of bun.lock …");
  const got = spawnSync(bun, ["install", "--frozen-lockfile"], {
    cwd: root,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (got.status !== 0)
    fail("`bun install --frozen-lockfile` failed: see its message above, check the network, and try again.");
  writeFileSync(stamp, lock);
}

// Not spawnSync: a signal to this process must reach the program, which has things to take down.
const child = spawn(bun, ["run", ...args], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, TKE_ENI_CACHE: cache },
});
// The terminal sends its own interrupt to both; this one only must outlive the program.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
