import { linkSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(import.meta.dir, "../../src/plugins/main.ts");

export const PLUGIN_NAMES = ["tke-route-eni", "tke-eni-ipamc"] as const;

export type PluginName = (typeof PLUGIN_NAMES)[number];

/** The plugins as they are installed: one executable under each name, in a folder of this test. */
export class CompiledPlugins {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async build(): Promise<CompiledPlugins> {
    const folder = mkdtempSync(join(tmpdir(), "tke-eni-plugins-"));
    const executable = join(folder, PLUGIN_NAMES[0]);
    // The flags of docs/design/data-path.md.
    const flags = [
      "--compile",
      "--bytecode",
      "--minify",
      "--format=esm",
      "--compile-jit-policy=1000",
      "--no-compile-autoload-dotenv",
      "--no-compile-autoload-bunfig",
      "--no-compile-autoload-tsconfig",
      "--no-compile-autoload-package-json",
    ];
    const build = Bun.spawn([process.execPath, "build", MAIN, ...flags, "--outfile", executable], {
      stdout: "ignore",
      stderr: "pipe",
    });
    if ((await build.exited) !== 0)
      throw new Error(`building the plugins failed: ${await build.stderr.text()}`);
    for (const name of PLUGIN_NAMES.slice(1)) linkSync(executable, join(folder, name));
    return new CompiledPlugins(folder);
  }

  path(name: PluginName): string {
    return join(this.folder, name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
