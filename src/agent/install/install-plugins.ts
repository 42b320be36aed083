import {
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";

/** Names under which one executable of the source folder is installed; all others have one, their own. */
const ALSO_NAMED: Readonly<Record<string, readonly string[]>> = { "tke-route-eni": ["tke-eni-ipamc"] };

/**
 * Brings the CNI plugins of a folder to the node. Each is replaced in one step, and only when its content differs: a runtime may
 * be executing it, and a restart of the agent must not cost the page cache 110 MB.
 *
 * @returns names that were installed or replaced
 */
export async function installPlugins({ from, to }: { from: string; to: string }): Promise<string[]> {
  mkdirSync(to, { recursive: true });
  const installed: string[] = [];
  for (const name of readdirSync(from).toSorted()) {
    const source = join(from, name);
    if (!statSync(source).isFile()) continue;
    const target = join(to, name);
    if (!(await isSameFile(source, target))) {
      inOneStep(target, (unfinished) => {
        copyFileSync(source, unfinished);
        chmodSync(unfinished, 0o755);
      });
      installed.push(name);
    }
    for (const other of ALSO_NAMED[name] ?? []) {
      if (isOneFile(target, join(to, other))) continue;
      inOneStep(join(to, other), (unfinished) => linkSync(target, unfinished));
      installed.push(other);
    }
  }
  return installed;
}

function inOneStep(target: string, make: (unfinished: string) => void): void {
  const unfinished = `${target}.${process.pid}.tmp`;
  rmSync(unfinished, { force: true });
  try {
    make(unfinished);
    renameSync(unfinished, target);
  } finally {
    rmSync(unfinished, { force: true });
  }
}

function isOneFile(a: string, b: string): boolean {
  const other = statSync(b, { throwIfNoEntry: false });
  return other !== undefined && statSync(a).ino === other.ino;
}

async function isSameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = [statSync(a), statSync(b, { throwIfNoEntry: false })];
  if (other === undefined || one.size !== other.size || (other.mode & 0o111) === 0) return false;
  return (await digest(a)) === (await digest(b));
}

async function digest(path: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream()) hasher.update(chunk);
  return hasher.digest("hex");
}
