import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { KubeConfig, type User } from "@kubernetes/client-node";
import { YAML } from "bun";

/**
 * A KubeConfig from the named file; else, in the order that kubectl and client-go have, from KUBECONFIG, from
 * `~/.kube/config`, or from the pod that this runs in.
 *
 * @throws with one sentence when no kubeconfig can be found, read or understood
 */
export function loadKubeConfig(options: { kubeconfig?: string | undefined } = {}): KubeConfig {
  const { kubeconfig } = options;
  const [first, ...others] = kubeconfig === undefined ? filesToTry() : [kubeconfig];
  if (first === undefined) return loadFromPod();
  const config = loadFile(first);
  for (const file of others) config.mergeConfig(loadFile(file), true);
  return config;
}

function filesToTry(): string[] {
  const named = (process.env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  if (named.length > 0) return named;
  const ofUser = join(process.env["HOME"] ?? homedir(), ".kube", "config");
  return existsSync(ofUser) ? [ofUser] : [];
}

function loadFromPod(): KubeConfig {
  if (!process.env["KUBERNETES_SERVICE_HOST"]) {
    throw new Error("no kubeconfig: KUBECONFIG is not set, ~/.kube/config does not exist and this is no pod");
  }
  const config = new KubeConfig();
  config.loadFromCluster();
  return config;
}

function loadFile(file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
    const users = withTokenFiles(config.users, file);
    config.loadFromOptions({
      clusters: config.clusters,
      contexts: config.contexts,
      users,
      currentContext: config.currentContext,
    });
  } catch (error) {
    throw new Error(`kubeconfig ${file} cannot be used: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
  return config;
}

/**
 * client-node 2.0.1 drops a user's `tokenFile`, which would leave the user anonymous. Here it becomes the form that
 * client-node itself uses for the token of a pod, and that is read again when rotated.
 */
function withTokenFiles(users: readonly User[], file: string): User[] {
  const raw = YAML.parse(readFileSync(file, "utf8")) as {
    users?: readonly { name: string; user?: { tokenFile?: string } }[];
  };
  const tokenFiles = new Map(raw.users?.map(({ name, user }) => [name, user?.tokenFile]));
  return users.map((user) => {
    const tokenFile = tokenFiles.get(user.name);
    if (tokenFile === undefined) return user;
    return {
      ...user,
      authProvider: { name: "tokenFile", config: { tokenFile: resolve(dirname(file), tokenFile) } },
    };
  });
}
