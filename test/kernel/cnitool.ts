import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { binary } from "../../tools/build/binary.ts";
import type { CompiledPlugins } from "./compiled-plugins.ts";
import type { ThrowAwayNamespace } from "./throw-away-namespaces.ts";

export interface CniToolOutcome {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

export interface CniToolCall {
  readonly network: string;
  /** Path of the pod's namespace. */
  readonly netns: string;
  readonly ifName?: string;
  readonly capabilities?: object;
  readonly args?: string;
}

/** The real libcni with configuration lists of a test, in a namespace that stands for a node: `cnitool`, with our plugins and the stock ones. */
export class CniTool {
  readonly #host: ThrowAwayNamespace;
  readonly #folder: string;
  readonly #program: string;
  readonly #path: string;

  private constructor(
    host: ThrowAwayNamespace,
    folder: string,
    { program, path }: { program: string; path: string },
  ) {
    this.#host = host;
    this.#folder = folder;
    this.#program = program;
    this.#path = path;
  }

  static async make(
    host: ThrowAwayNamespace,
    {
      folder,
      plugins,
      stock,
      folders: more = [],
    }: { folder: string; plugins: CompiledPlugins; stock: readonly string[]; folders?: readonly string[] },
  ): Promise<CniTool> {
    const program = await binary("cnitool");
    const folders = new Set([plugins.folder, ...more]);
    for (const name of stock) folders.add(dirname(await binary(name)));
    for (const name of ["net.d", "cache"]) mkdirSync(join(folder, name), { recursive: true });
    return new CniTool(host, folder, { program, path: [...folders].join(":") });
  }

  /** Writes a configuration list, in place of an older one of that name. */
  configure(list: { readonly name: string }): void {
    writeFileSync(join(this.#folder, "net.d", `${list.name}.conflist`), JSON.stringify(list));
  }

  async run(command: string, call: CniToolCall): Promise<CniToolOutcome> {
    const { network, netns, ifName = "eth0", capabilities, args } = call;
    // What libcni remembers is at a place of its own that cannot be chosen; `ip netns exec` has a mount namespace of its own.
    const script = 'mkdir -p /var/lib/cni && mount --bind "$0" /var/lib/cni && exec "$@"';
    const enter = ["ip", "netns", "exec", this.#host.name, "sh", "-c", script, join(this.#folder, "cache")];
    const child = Bun.spawn([...enter, this.#program, command, network, netns], {
      env: {
        PATH: Bun.env["PATH"],
        CNI_PATH: this.#path,
        NETCONFPATH: join(this.#folder, "net.d"),
        CNI_IFNAME: ifName,
        ...(capabilities && { CAP_ARGS: JSON.stringify(capabilities) }),
        ...(args !== undefined && { CNI_ARGS: args }),
      },
      stdout: "pipe",
      stderr: "pipe",
    });
    const [exitCode, output, errors] = await Promise.all([
      child.exited,
      child.stdout.text(),
      child.stderr.text(),
    ]);
    return { exitCode, output, errors };
  }

  /** @returns what it printed, as JSON. @throws Error with what it said when it failed */
  // biome-ignore lint/suspicious/noExplicitAny: results, of which each test looks at a few fields
  async succeed(command: string, call: CniToolCall): Promise<any> {
    const { exitCode, output, errors } = await this.run(command, call);
    if (exitCode !== 0) throw new Error(`cnitool ${command} ended with ${exitCode}: ${errors}${output}`);
    return output === "" ? undefined : JSON.parse(output);
  }
}
