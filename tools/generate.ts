// Writes everything that is generated from something else: TypeScript from proto/, CRD YAML from src/api.
// `npm run generate`; with `--check` it writes nothing and fails when a committed file is stale.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { stringify } from "yaml";
import { customResourceDefinition } from "../src/api/custom-resource-definition.ts";
import { CUSTOM_RESOURCES } from "../src/api/custom-resources.ts";

const root = dirname(import.meta.dir);
const check = process.argv.includes("--check");
const CRDS = "k8s/crds";
const GEN = "src/gen";

async function writeDefinitions(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const files = CUSTOM_RESOURCES.map((resource) => `${resource.plural}.yaml`);
  for (const [i, resource] of CUSTOM_RESOURCES.entries()) {
    const yaml = stringify(customResourceDefinition(resource), {
      aliasDuplicateObjects: false,
      lineWidth: 0,
    });
    await writeFile(
      join(folder, files[i] ?? ""),
      `# Generated from src/api by \`npm run generate\`.\n${yaml}`,
    );
  }
  await writeFile(
    join(folder, "kustomization.yaml"),
    stringify({ apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources: files }),
  );
}

async function writeMessages(folder: string): Promise<void> {
  const bin = join(root, "node_modules", ".bin");
  const buf = Bun.spawn([join(bin, "buf"), "generate", "--output", folder], {
    cwd: root,
    env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}` },
    stdout: "inherit",
    stderr: "inherit",
  });
  if ((await buf.exited) !== 0) throw new Error("buf generate failed: see its message above");
}

function filesBelow(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(relative(folder, path), readFileSync(path, "utf8"));
  }
  return found;
}

/** Paths that differ between what would be generated and what is committed. */
function stale(fresh: string, committed: string): string[] {
  const [a, b] = [filesBelow(fresh), filesBelow(committed)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((path) => a.get(path) !== b.get(path));
}

if (!check) {
  await writeDefinitions(join(root, CRDS));
  await writeMessages(root);
} else {
  const temporary = mkdtempSync(join(tmpdir(), "tke-eni-generate-"));
  try {
    await writeDefinitions(join(temporary, CRDS));
    await writeMessages(temporary);
    const differing = [CRDS, GEN].flatMap((f) =>
      stale(join(temporary, f), join(root, f)).map((p) => join(f, p)),
    );
    if (differing.length > 0) {
      console.error(
        `generated files are stale: ${differing.join(", ")}. Run \`npm run generate\` and commit the result.`,
      );
      process.exit(1);
    }
  } finally {
    rmSync(temporary, { recursive: true });
  }
}
