import { readdirSync, readFileSync } from "node:fs";
import { waitUntil } from "../cluster/wait-until.ts";
import type { ApiServer } from "./start-api-server.ts";

/** The process behind a test's API server: for what only happens to processes and their storage. */
export interface ApiServerProcess {
  /** Stops it in the middle of whatever it does: connections stay open, and nothing comes any more. */
  freeze(): void;
  /** Lets it go on. */
  thaw(): void;
}

/** Kills the API server and waits until its port is free again: its last threads may outlive the process by a moment. */
export async function crash(server: ApiServer): Promise<void> {
  await server.crash();
  const { hostname, port } = new URL(server.url);
  await waitUntil(
    "the API server's port",
    () => {
      Bun.listen({ hostname, port: Number(port), socket: { data() {} } }).stop(true);
      return true;
    },
    { deadlineMs: 10_000 },
  );
}

/** Finds the process that serves this API server, by the port in its arguments. */
export function apiServerProcess(server: ApiServer): ApiServerProcess {
  const { pid } = findProcess(server);
  return {
    freeze: () => process.kill(pid, "SIGSTOP"),
    thaw: () => process.kill(pid, "SIGCONT"),
  };
}

/** Compacts etcd at its present revision: no watch can begin before it any more. */
export async function compactEtcd(server: ApiServer): Promise<void> {
  const etcd = findProcess(server).argument("--etcd-servers");
  const post = async (path: string, body: object): Promise<{ header?: { revision: string } }> => {
    const response = await fetch(`${etcd}${path}`, { method: "POST", body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`etcd answers ${response.status} to ${path}: ${await response.text()}`);
    return (await response.json()) as { header?: { revision: string } };
  };
  const { header } = await post("/v3/kv/range", { key: btoa("/"), range_end: btoa("0"), count_only: true });
  await post("/v3/kv/compaction", { revision: header?.revision, physical: true });
}

interface FoundProcess {
  readonly pid: number;
  /** Value of a `--name=value` argument. */
  argument(name: string): string;
}

function findProcess(server: ApiServer): FoundProcess {
  const port = new URL(server.url).port;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const found = argumentsOf(name);
    // A shell that started it has the same arguments.
    if (!found[0]?.endsWith("/kube-apiserver") || !found.includes(`--secure-port=${port}`)) continue;
    return {
      pid: Number(name),
      argument(wanted) {
        const value = found.find((each) => each.startsWith(`${wanted}=`))?.slice(wanted.length + 1);
        if (value === undefined) throw new Error(`the API server was started without ${wanted}`);
        return value;
      },
    };
  }
  throw new Error(`no process serves ${server.url}`);
}

function argumentsOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    // It ended while we looked.
    return [];
  }
}
