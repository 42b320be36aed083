import { chmodSync, copyFileSync, linkSync, lstatSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { inOneStep, removeUnfinished } from "./in-one-step.ts";
import { readPairs, writePairs } from "./known-pairs.ts";

/** Names under which one executable of the source folder is installed; all others have one, their own. */
const ALSO_NAMED: Readonly<Record<string, readonly string[]>> = { "tke-route-eni": ["tke-eni-ipamc"] };

const MODE = 0o755;

/**
 * Brings the CNI plugins of a folder to the node, and touches nothing else there. Each is replaced in one step, and only when it
 * differs: a runtime may be executing it, and a restart of the agent must not cost the page cache 110 MB.
 *
 * Reading 110 MB twice would take longer than all the rest of a start. So what was found equal is remembered: as long as neither file was
 * touched since, they are.
 *
 * @param memory file for what is remembered; lost or damaged, all is compared again
 * @returns names that were installed or replaced
 * @throws when a file cannot be read or written; each plugin is then still whole, the old one or the new
 */
export async function installPlugins({
  from,
  to,
  memory,
}: {
  from: string;
  to: string;
  memory: string;
}): Promise<string[]> {
  mkdirSync(to, { recursive: true });
  removeUnfinished(to, Date.now());
  const known = readPairs(memory);
  const pairs: Record<string, string> = {};
  const installed: string[] = [];
  for (const name of readdirSync(from).toSorted()) {
    const source = join(from, name);
    if (!statSync(source).isFile()) continue;
    const target = join(to, name);
    if (known[name] !== pairOf(source, target) && !(await isInstalled(source, target))) {
      inOneStep(target, (unfinished) => {
        copyFileSync(source, unfinished);
        chmodSync(unfinished, MODE);
      });
      installed.push(name);
    }
    for (const other of ALSO_NAMED[name] ?? []) {
      const path = join(to, other);
      if (isOneFile(target, path)) continue;
      inOneStep(path, (unfinished) => linkSync(target, unfinished));
      installed.push(other);
    }
    // After its other names were linked, which touches it as well.
    pairs[name] = pairOf(source, target);
  }
  writePairs(memory, pairs);
  return installed;
}

function isOneFile(a: string, b: string): boolean {
  return lstatSync(b, { throwIfNoEntry: false })?.ino === lstatSync(a).ino;
}

/** Changes with every change of either file, be it of its content or only of its mode. */
function pairOf(source: string, target: string): string {
  return `${stampOf(source)} ${stampOf(target)}`;
}

function stampOf(path: string): string {
  const there = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return there === undefined ? "none" : `${there.ino}-${there.size}-${there.mtimeNs}-${there.ctimeNs}`;
}

async function isInstalled(source: string, target: string): Promise<boolean> {
  const there = lstatSync(target, { throwIfNoEntry: false });
  if (!there?.isFile() || (there.mode & 0o777) !== MODE) return false;
  return there.size === statSync(source).size && (await digest(source)) === (await digest(target));
}

async function digest(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest("hex");
}
