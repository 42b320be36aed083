import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadKubeConfig } from "./load-kube-config.ts";

let folder: string;
const environment = { ...process.env };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tke-eni-load-"));
  for (const name of ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
    delete process.env[name];
  process.env["HOME"] = folder;
});
afterEach(async () => {
  process.env = { ...environment };
  await rm(folder, { recursive: true });
});

async function write(name: string, server: string, user = "token: t"): Promise<string> {
  const path = join(folder, name);
  await Bun.write(
    path,
    `apiVersion: v1
kind: Config
current-context: ${server}
contexts: [{name: ${server}, context: {cluster: ${server}, user: ${server}}}]
clusters: [{name: ${server}, cluster: {server: "https://${server}"}}]
users:
- name: ${server}
  user: {${user}}
`,
  );
  return path;
}

const serverOf = (options: Parameters<typeof loadKubeConfig>[0]) =>
  loadKubeConfig(options).getCurrentCluster()?.server;

describe("loadKubeConfig()", () => {
  test("goes by the named file, then KUBECONFIG, then the home folder, then the pod", async () => {
    const kubeconfig = await write("named", "named");
    const KUBECONFIG = await write("env", "env");
    Object.assign(process.env, { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "443" });
    expect(serverOf({})).toBe("https://10.0.0.1:443");
    await write(".kube/config", "home");
    expect(serverOf({})).toBe("https://home");
    Object.assign(process.env, { KUBECONFIG });
    expect(serverOf({})).toBe("https://env");
    expect(serverOf({ kubeconfig })).toBe("https://named");
  });

  test("merges the files of KUBECONFIG; the first one's context counts", async () => {
    process.env["KUBECONFIG"] = `${await write("one", "one")}:${await write("two", "two")}`;
    const config = loadKubeConfig();
    expect(config.getCurrentContext()).toBe("one");
    expect(config.getClusters().map(({ name }) => name)).toEqual(["one", "two"]);
  });

  test("keeps a user's tokenFile, which client-node drops, relative to the kubeconfig", async () => {
    const kubeconfig = await write("k", "s", "tokenFile: t/token");
    expect(loadKubeConfig({ kubeconfig }).getCurrentUser()?.authProvider).toEqual({
      name: "tokenFile",
      config: { tokenFile: join(folder, "t/token") },
    });
  });

  test("says which file cannot be used, and that there is none", async () => {
    const kubeconfig = join(folder, "absent");
    expect(() => loadKubeConfig({ kubeconfig })).toThrow(`kubeconfig ${kubeconfig} cannot be used: ENOENT`);
    await Bun.write(kubeconfig, "clusters: [{name: x}]");
    expect(() => loadKubeConfig({ kubeconfig })).toThrow("clusters[0].cluster is missing");
    expect(() => loadKubeConfig()).toThrow("no kubeconfig: KUBECONFIG is not set");
  });
});
