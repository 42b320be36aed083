import { Code, ConnectError } from "@connectrpc/connect";
import {
  ContainerEventType,
  PodSandboxState,
  RuntimeService,
} from "../../../gen/cri/runtime/v1/pod_sandboxes_pb.ts";
import type { RunningServer } from "../../server/serve-connect.ts";
import { serveGrpc } from "../../server/serve-grpc.ts";

export interface FakeSandbox {
  readonly id: string;
  readonly podName: string;
  /** Undefined: it does not run. */
  readonly address?: string | undefined;
}

/** The container runtime's side of CRI on a unix socket, as far as the agent asks. */
export class FakeRuntime {
  readonly sandboxes = new Map<string, FakeSandbox>();
  /** How many lists it has answered. */
  lists = 0;
  /** Lists are refused, as a runtime does whose plugins are not ready yet. */
  isStarting = false;
  /** With what it refuses to tell of events, as runtimes do that are old or not configured to. */
  refusesEvents: Code | undefined;
  readonly #path: string;
  readonly #listeners = new Set<(id: string) => void>();
  #stopping = new AbortController();
  #server: RunningServer | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Callers that are told of events. */
  get listeners(): number {
    return this.#listeners.size;
  }

  async start(): Promise<void> {
    this.#stopping = new AbortController();
    this.#server = await serveGrpc(this.#path, (router) => {
      router.service(RuntimeService, {
        listPodSandbox: () => {
          this.#refuseWhileStarting();
          this.lists++;
          return {
            items: [...this.sandboxes.values()].map(({ id, podName, address }) => ({
              id,
              metadata: { namespace: "default", name: podName, uid: `u-${podName}` },
              state: address === undefined ? PodSandboxState.SANDBOX_NOTREADY : PodSandboxState.SANDBOX_READY,
            })),
          };
        },
        podSandboxStatus: ({ podSandboxId }) => {
          const sandbox = this.sandboxes.get(podSandboxId);
          if (sandbox === undefined) throw new ConnectError("no such sandbox", Code.NotFound);
          return { status: { id: podSandboxId, network: { ip: sandbox.address ?? "" } } };
        },
        getContainerEvents: (_, { signal }) => this.#events(signal),
      });
    });
  }

  /** Ends every stream and takes the socket away. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#server?.stop();
    this.#server = undefined;
  }

  /** Tells of a removal, whether or not it was one. */
  tellRemoved(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }

  #refuseWhileStarting(): void {
    if (this.isStarting) throw new ConnectError("server is not initialized yet", Code.Unavailable);
  }

  async *#events(signal: AbortSignal) {
    this.#refuseWhileStarting();
    if (this.refusesEvents !== undefined) throw new ConnectError("no events", this.refusesEvents);
    const over = AbortSignal.any([signal, this.#stopping.signal]);
    const removed: string[] = [];
    let wake = () => {};
    const listener = (id: string) => {
      removed.push(id);
      wake();
    };
    this.#listeners.add(listener);
    over.addEventListener("abort", () => wake());
    try {
      while (!over.aborted) {
        for (let id = removed.shift(); id !== undefined; id = removed.shift()) {
          yield { containerId: id, containerEventType: ContainerEventType.CONTAINER_STOPPED_EVENT };
          yield { containerId: id, containerEventType: ContainerEventType.CONTAINER_DELETED_EVENT };
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
          if (over.aborted || removed.length > 0) resolve();
        });
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }
}
