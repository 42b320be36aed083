import { linkSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { silentProgress } from "../../tools/build/progress.ts";
import { compileExecutable, distFolder } from "../../tools/executables/compile.ts";

export const PLUGIN_NAMES = ["tke-route-eni", "tke-eni-ipamc"] as const;

export type PluginName = (typeof PLUGIN_NAMES)[number];

/** The plugins as they are installed: one executable under each name, in a folder of this test. */
export class CompiledPlugins {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async build(): Promise<CompiledPlugins> {
    const compiled = await compileExecutable("tke-eni-plugins", silentProgress);
    // Beside the executable: a hard link cannot leave its file system.
    const folder = mkdtempSync(join(distFolder, "plugins-"));
    for (const name of PLUGIN_NAMES) linkSync(compiled, join(folder, name));
    return new CompiledPlugins(folder);
  }

  path(name: PluginName): string {
    return join(this.folder, name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
