import { connect } from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import {
  ContainerEventType,
  PodSandboxState,
  RuntimeService,
} from "../../gen/cri/runtime/v1/pod_sandboxes_pb.ts";

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
  /** Addresses of a sandbox, as the runtime spells them; none for one of the host's network. */
  addressesOf(sandboxId: string): Promise<readonly string[]>;
  /**
   * Ids of containers and sandboxes as the runtime removes them, from the call on. Ends, or fails, when the runtime does not tell any
   * more; whatever it removes before it is asked again is not told.
   *
   * @throws RemovalsRefusedError when the runtime is there and does not tell: it is too old, or not configured to
   */
  removals(signal: AbortSignal): AsyncIterable<string>;
}

/** The runtime answers, and tells of no removals. */
export class RemovalsRefusedError extends Error {
  override readonly name = "RemovalsRefusedError";
}

const TIMEOUT_MS = 5_000;
/** With these a runtime refuses; what is wrong with the connection has others, or a cause of its own. */
const REFUSALS: readonly Code[] = [Code.Unimplemented, Code.Unknown, Code.FailedPrecondition];

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
    async addressesOf(podSandboxId) {
      const { status } = await client.podSandboxStatus({ podSandboxId });
      const { ip = "", additionalIps = [] } = status?.network ?? {};
      return [ip, ...additionalIps.map((other) => other.ip)].filter((address) => address !== "");
    },
    async *removals(signal) {
      // It is quiet for as long as nothing happens.
      const told = client.getContainerEvents({}, { signal, timeoutMs: 0 });
      try {
        for await (const { containerId, containerEventType } of told) {
          if (containerEventType === ContainerEventType.CONTAINER_DELETED_EVENT) yield containerId;
        }
      } catch (error) {
        throw isRefusal(error) ? new RemovalsRefusedError(error.message, { cause: error }) : error;
      }
    },
  };
}

function isRefusal(error: unknown): error is ConnectError {
  return error instanceof ConnectError && REFUSALS.includes(error.code) && error.cause === undefined;
}
