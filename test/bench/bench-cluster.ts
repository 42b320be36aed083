import { copyFileSync, linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { silentProgress } from "../../tools/build/progress.ts";
import { createTemporaryFolder } from "../../tools/build/temporary-folder.ts";
import { compileExecutable } from "../../tools/executables/compile.ts";
import { type ApiServer, startApiServer } from "../apiserver/start-api-server.ts";
import { CompiledPlugins } from "../kernel/compiled-plugins.ts";
import { ThrowAwayNamespaces } from "../kernel/throw-away-namespaces.ts";

const root = join(import.meta.dir, "..", "..");

/** What the nodes of a benchmark share: a real API server, the compiled executables, namespaces, a folder. */
export class BenchCluster {
  readonly namespaces: ThrowAwayNamespaces;
  readonly folder: string;
  readonly kube: KubeClient;
  /** Folder with what the kubelet gives an agent's pod: token and certificate of the API server. */
  readonly serviceAccount: string;
  /** Of the API server, on the loopback of the root namespace. */
  readonly port: number;
  readonly agent: string;
  readonly plugins: CompiledPlugins;
  /** Folder with what an agent's image has to install. */
  readonly pluginsSource: string;
  readonly #apiServer: ApiServer;

  private constructor(
    parts: Pick<
      BenchCluster,
      "namespaces" | "folder" | "kube" | "serviceAccount" | "port" | "agent" | "plugins"
    >,
    apiServer: ApiServer,
  ) {
    this.namespaces = parts.namespaces;
    this.folder = parts.folder;
    this.kube = parts.kube;
    this.serviceAccount = parts.serviceAccount;
    this.port = parts.port;
    this.agent = parts.agent;
    this.plugins = parts.plugins;
    this.pluginsSource = join(parts.plugins.folder, "image");
    mkdirSync(this.pluginsSource);
    linkSync(parts.plugins.path("tke-route-eni"), join(this.pluginsSource, "tke-route-eni"));
    this.#apiServer = apiServer;
  }

  /** @param prefix of the namespaces; those that a killed run left under it are removed first */
  static async start(prefix: string, say: (line: string) => void): Promise<BenchCluster> {
    await using undo = new AsyncDisposableStack();
    const namespaces = new ThrowAwayNamespaces(prefix);
    say("compiling agent and plugins, starting an API server …");
    const agent = await compileExecutable("tke-eni-agent", silentProgress);
    const plugins = await CompiledPlugins.build();
    undo.defer(() => plugins.remove());
    const folder = await createTemporaryFolder(tmpdir(), `tke-eni-bench-${prefix}`);
    undo.defer(() => rmSync(folder, { recursive: true, force: true }));
    const apiServer = await startApiServer();
    undo.defer(() => apiServer.stop());
    await apiServer.kubectl(["apply", "--server-side", "-k", join(root, "k8s/crds")]);
    await apiServer.kubectl(["apply", "-n", "kube-system", "-f", join(root, "k8s/base/agent/access.yaml")]);
    const serviceAccount = join(folder, "serviceaccount");
    mkdirSync(serviceAccount);
    writeFileSync(join(serviceAccount, "token"), await apiServer.tokenOf("kube-system", "tke-eni-agent"));
    copyFileSync(apiServer.certificateAuthority, join(serviceAccount, "ca.crt"));
    const access = await openServerAccess({ kubeconfig: apiServer.kubeconfig });
    const kube = createKubeClient(createTransport(access, { userAgent: "bench" }));
    const port = Number(new URL(apiServer.url).port);
    undo.move();
    return new BenchCluster({ namespaces, folder, kube, serviceAccount, port, agent, plugins }, apiServer);
  }

  /**
   * Leaves the API server and etcd the time that nobody else wants. In a cluster they are on other machines; here each address that
   * an agent tells of would take them some ten milliseconds of the node's two processors.
   */
  standBack(): void {
    for (const pid of this.#apiServer.pids) {
      const { exitCode, stderr } = Bun.spawnSync([
        "chrt",
        "--idle",
        "--all-tasks",
        "--pid",
        "0",
        String(pid),
      ]);
      if (exitCode !== 0) throw new Error(`chrt --idle of process ${pid}: ${stderr.toString().trim()}`);
    }
  }

  async stop(): Promise<void> {
    this.namespaces.removeAll();
    this.plugins.remove();
    await this.#apiServer.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
