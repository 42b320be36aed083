import { existsSync, readdirSync } from "node:fs";

const FOLDER = "/run/netns";

export interface ThrowAwayNamespace {
  readonly name: string;
  readonly path: string;
  /** Runs a program inside and gives what it wrote. @throws Error with its error output when it failed. */
  run(...command: readonly string[]): string;
  /** Runs `ip -json ARGS` inside. */
  // biome-ignore lint/suspicious/noExplicitAny: the shape is iproute2's, and each test looks at a few fields of it
  ip(...args: readonly string[]): any;
}

/** Network namespaces of one test file, named `PREFIX-PID-NAME`; what a killed run left behind goes at start. */
export class ThrowAwayNamespaces {
  readonly #prefix: string;
  readonly #made = new Set<string>();

  constructor(prefix: string) {
    for (const name of existsSync(FOLDER) ? readdirSync(FOLDER) : []) {
      const pid = new RegExp(`^${prefix}-(\\d+)-`).exec(name)?.[1];
      if (pid !== undefined && !existsSync(`/proc/${pid}`)) command("ip", "netns", "del", name);
    }
    this.#prefix = `${prefix}-${process.pid}`;
  }

  /** Makes a namespace whose loopback is up. */
  make(purpose: string): ThrowAwayNamespace {
    const name = `${this.#prefix}-${purpose}`;
    command("ip", "netns", "add", name);
    this.#made.add(name);
    command("ip", "-netns", name, "link", "set", "lo", "up");
    return {
      name,
      path: `${FOLDER}/${name}`,
      run: (...args) => command("ip", "netns", "exec", name, ...args),
      ip: (...args) => parseJson(command("ip", "-json", "-netns", name, ...args)),
    };
  }

  remove(namespace: ThrowAwayNamespace): void {
    command("ip", "netns", "del", namespace.name);
    this.#made.delete(namespace.name);
  }

  removeAll(): void {
    for (const name of this.#made) command("ip", "netns", "del", name);
    this.#made.clear();
  }
}

/** iproute2 leaves an empty object for everything that its filter hides. */
function parseJson(text: string): object[] {
  const objects: object[] = JSON.parse(text || "[]");
  return objects.filter((object) => Object.keys(object).length > 0);
}

function command(...args: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...args]);
  if (exitCode !== 0)
    throw new Error(`${args.join(" ")} ended with ${exitCode}: ${stderr.toString().trim()}`);
  return stdout.toString();
}
