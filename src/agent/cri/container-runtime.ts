import { connect } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { PodSandboxState, RuntimeService } from "../../gen/cri/runtime/v1/pod_sandboxes_pb.ts";

/** A pod's sandbox as the container runtime knows it. */
export interface Sandbox {
  id: string;
  podNamespace: string;
  podName: string;
  podUid: string;
  /** Its processes run; a sandbox that does not may still have its network. */
  ready: boolean;
}

/** The container runtime of this node. Each call is answered by it or fails: no answer is never taken for "none". */
export interface ContainerRuntime {
  listSandboxes(): Promise<Sandbox[]>;
  /** Address of a sandbox; undefined for one of the host's network. */
  addressOf(sandboxId: string): Promise<string | undefined>;
}

const TIMEOUT_MS = 5_000;

/** Speaks CRI over the runtime's unix socket. */
export function containerRuntime(socket: string): ContainerRuntime {
  const transport = createGrpcTransport({
    baseUrl: "http://localhost",
    defaultTimeoutMs: TIMEOUT_MS,
    nodeOptions: { createConnection: () => connect(socket) },
  });
  const client = createClient(RuntimeService, transport);
  return {
    async listSandboxes() {
      const { items } = await client.listPodSandbox({});
      return items.map(({ id, metadata, state }) => ({
        id,
        podNamespace: metadata?.namespace ?? "",
        podName: metadata?.name ?? "",
        podUid: metadata?.uid ?? "",
        ready: state === PodSandboxState.SANDBOX_READY,
      }));
    },
    async addressOf(podSandboxId) {
      const { status } = await client.podSandboxStatus({ podSandboxId });
      return status?.network?.ip || undefined;
    },
  };
}
