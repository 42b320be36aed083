// Which room may import which (docs/design/overview.md). An arrow that turns round fails the build.
import { dirname, join, normalize, relative } from "node:path";
import { Glob } from "bun";

/** Room → rooms that it may import. `gen` stands for generated messages, whose types everybody may name. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  time: [],
  api: [],
  cni: [],
  "command-line": [],
  netlink: ["api"],
  gen: [],
  kube: ["api", "time"],
  cloud: ["time"],
  "pod-link": ["api", "cni", "netlink"],
  plugins: ["api", "cni", "netlink", "pod-link", "gen"],
  agent: ["api", "cni", "command-line", "gen", "kube", "netlink", "pod-link", "time"],
  ipamd: ["api", "cloud", "command-line", "kube", "time"],
  scheduler: ["api", "command-line", "kube", "time"],
  cli: ["api", "gen", "kube"],
  sim: ["api", "kube", "netlink", "time"],
};

/** Finer than rooms: who may import what below the path, besides the path itself. */
const INNER: readonly { below: string; importers: readonly string[]; why: string }[] = [
  {
    below: "src/cloud/tencent/",
    importers: ["src/ipamd/main.ts"],
    why: "src/cloud hides Tencent from ipamd",
  },
  { below: "src/sim/tencent/", importers: ["src/sim/main.ts"], why: "HTTP is a skin over the state machine" },
];

/** Everything that is wrong with the imports of the repository, one sentence each. */
export async function arrowFaults(root: string): Promise<string[]> {
  const faults: string[] = [];
  const transpiler = new Bun.Transpiler({ loader: "ts" });
  for await (const file of new Glob("src/**/*.ts").scan({ cwd: root })) {
    const text = await Bun.file(join(root, file)).text();
    const spec = file.endsWith(".spec.ts");
    for (const path of importsOf(transpiler, text)) {
      if (!path.startsWith(".")) continue;
      const target = relative(".", normalize(join(dirname(file), path)));
      const [from, to] = [roomOf(file), roomOf(target)];
      if (!target.startsWith("src/")) {
        faults.push(`${file} imports ${target}: nothing in src may import from outside src.`);
        continue;
      }
      if (from === undefined || to === undefined) {
        faults.push(`${file} imports ${target}: every file belongs to a room below src.`);
        continue;
      }
      if (from !== to && !(ARROWS[from] ?? []).includes(to)) {
        faults.push(`${file} imports ${target}: \`${from}\` may not import \`${to}\`.`);
      }
      for (const { below, importers, why } of INNER) {
        if (!target.startsWith(below) || file.startsWith(below) || importers.includes(file)) continue;
        if (!spec) faults.push(`${file} imports ${target}: ${why}.`);
      }
    }
  }
  return faults;
}

function roomOf(path: string): string | undefined {
  return path.split("/").length > 2 ? path.split("/")[1] : undefined;
}

/** Paths of all imports, type-only ones as well, which the transpiler leaves out. */
function importsOf(transpiler: Bun.Transpiler, text: string): Set<string> {
  const typeOnly = [...text.matchAll(/^\s*(?:import|export) type [^;]*? from "([^"]+)"/gms)].map(
    (m) => m[1] ?? "",
  );
  return new Set([...transpiler.scanImports(text).map((i) => i.path), ...typeOnly]);
}
