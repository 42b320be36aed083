import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binary } from "../../tools/build/binary.ts";
import { type CommandOptions, runCommand } from "../../tools/build/run-command.ts";
import { createTemporaryFolder } from "../../tools/build/temporary-folder.ts";
import { type CertificateAuthority, createCertificateAuthority } from "../cluster/certificates.ts";
import { type Daemon, stopDaemon } from "../cluster/daemon.ts";
import { etcdArguments } from "../cluster/etcd-arguments.ts";
import { freePorts } from "../cluster/free-ports.ts";
import { apiServerArguments, apiServerIsReady, apiServerNames } from "../cluster/kube-apiserver-arguments.ts";
import { writeKubeconfig } from "../cluster/kubeconfig.ts";
import { kubernetesServiceAddress, serviceCidr } from "../cluster/service-network.ts";
import { startCompanion } from "../cluster/start-companion.ts";
import { waitUntil } from "../cluster/wait-until.ts";

/** A Kubernetes user as a client certificate names it. */
export interface User {
  readonly name: string;
  readonly groups?: readonly string[];
}

/** etcd and kube-apiserver on the loopback, with RBAC on and nobody else: no controllers, no scheduler, no nodes. */
export interface ApiServer {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  /** Process ids of the API server and of etcd, which run now. */
  readonly pids: readonly number[];
  /** Path of the PEM that signed the server's certificate. */
  readonly certificateAuthority: string;
  /** Path of a kubeconfig that may do everything (group system:masters). */
  readonly kubeconfig: string;
  /** Makes a client certificate for a user and returns the path of its kubeconfig. RBAC gives it nothing by itself. */
  kubeconfigOf(user: User): Promise<string>;
  /** Returns a token (TokenRequest, one hour) of a service account, which must exist. */
  tokenOf(namespace: string, serviceAccount: string): Promise<string>;
  /** Returns the path of a kubeconfig with such a token. */
  kubeconfigOfServiceAccount(namespace: string, serviceAccount: string): Promise<string>;
  /** Runs kubectl as administrator and returns its standard output; throws with what it said if it fails. */
  kubectl(args: readonly string[], options?: CommandOptions): Promise<string>;
  /** Kills the API server, as a crash would. etcd goes on. */
  crash(): Promise<void>;
  /** Brings it back on the same port and with the same data after `crash()`; returns when it is ready. */
  resume(): Promise<void>;
  /** Ends both processes and removes their data. */
  stop(): Promise<void>;
}

const READY_DEADLINE_MS = 60_000;

/**
 * Starts an API server in the root network namespace and returns when it is ready, about three seconds later (the programs
 * are built first where the cache has none). Its processes die with the calling process, however that ends.
 */
export async function startApiServer(): Promise<ApiServer> {
  const folder = await createTemporaryFolder(tmpdir(), "tke-eni-apiserver");
  const daemons: { etcd?: Daemon; apiServer?: Daemon } = {};

  async function stop(): Promise<void> {
    for (const daemon of [daemons.apiServer, daemons.etcd]) {
      if (daemon !== undefined) await stopDaemon(daemon, 3000);
    }
    await rm(folder, { recursive: true, force: true });
  }

  try {
    const kubectl = await binary("kubectl");
    const [etcdPort = 0, etcdPeerPort = 0, port = 0] = freePorts(3);
    const etcdUrl = `http://127.0.0.1:${etcdPort}`;
    const url = `https://127.0.0.1:${port}`;

    const etcdOptions = {
      dataFolder: join(folder, "etcd"),
      clientUrl: etcdUrl,
      peerUrl: `http://127.0.0.1:${etcdPeerPort}`,
    };
    daemons.etcd = await startProgram("etcd", folder, etcdArguments(etcdOptions));

    const authority = await createCertificateAuthority(join(folder, "certificates"));
    const arguments_ = await apiServerArgumentsHere(authority, { etcdUrl, port });

    async function resume(): Promise<void> {
      const daemon = await startProgram("kube-apiserver", folder, arguments_);
      daemons.apiServer = daemon;
      await waitUntil("the API server's readiness", () => apiServerIsReady(url, authority.certificate), {
        deadlineMs: READY_DEADLINE_MS,
        daemons: [daemon, ...(daemons.etcd === undefined ? [] : [daemons.etcd])],
      });
    }

    async function runKubectl(args: readonly string[], options: CommandOptions = {}): Promise<string> {
      return runCommand([kubectl, `--kubeconfig=${kubeconfig}`, ...args], options);
    }

    async function tokenOf(namespace: string, serviceAccount: string): Promise<string> {
      return (await runKubectl(["create", "token", serviceAccount, `--namespace=${namespace}`])).trim();
    }

    const users = createUsers(authority, url);
    const kubeconfig = await users.kubeconfigOf({ name: "administrator", groups: ["system:masters"] });
    await resume();
    return {
      url,
      get pids() {
        return [daemons.apiServer, daemons.etcd].flatMap((daemon) =>
          daemon === undefined ? [] : [daemon.pid],
        );
      },
      certificateAuthority: authority.certificate,
      kubeconfig,
      kubeconfigOf: users.kubeconfigOf,
      tokenOf,
      kubeconfigOfServiceAccount: async (namespace, serviceAccount) =>
        users.kubeconfigWithToken(await tokenOf(namespace, serviceAccount)),
      kubectl: runKubectl,
      crash: async () => {
        if (daemons.apiServer !== undefined) await stopDaemon(daemons.apiServer, 0);
      },
      resume,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function apiServerArgumentsHere(
  authority: CertificateAuthority,
  options: { etcdUrl: string; port: number },
): Promise<string[]> {
  return [
    ...apiServerArguments({
      ...options,
      bindAddress: "127.0.0.1",
      advertiseAddress: "127.0.0.1",
      serviceCidr,
      certificateAuthority: authority.certificate,
      serving: await authority.issue({
        name: "kube-apiserver",
        commonName: "kube-apiserver",
        usage: "serverAuth",
        alternativeNames: apiServerNames(kubernetesServiceAddress, []),
      }),
      serviceAccounts: await authority.issue({
        name: "service-accounts",
        commonName: "service-accounts",
        usage: "clientAuth",
      }),
    }),
    // It would publish the address in the Service `kubernetes`, where a loopback address is not allowed.
    "--endpoint-reconciler-type=none",
  ];
}

async function startProgram(name: string, folder: string, arguments_: readonly string[]): Promise<Daemon> {
  return startCompanion(name, [await binary(name), ...arguments_], { log: join(folder, `${name}.log`) });
}

function createUsers(authority: CertificateAuthority, server: string) {
  let count = 0;
  const write = (user: Parameters<typeof writeKubeconfig>[1]["user"]) => {
    count += 1;
    return writeKubeconfig(join(authority.folder, `kubeconfig-${count}.yaml`), {
      server,
      certificateAuthority: authority.certificate,
      user,
      name: "tke-eni-apiserver",
    });
  };
  return {
    async kubeconfigOf(user: User): Promise<string> {
      const certificate = await authority.issue({
        name: `user-${count + 1}`,
        commonName: user.name,
        organizations: user.groups ?? [],
        usage: "clientAuth",
      });
      return write(certificate);
    },
    kubeconfigWithToken: (token: string) => write({ token }),
  };
}
