import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import {
  DevicePlugin,
  type ListAndWatchResponse,
  ListAndWatchResponseSchema,
} from "../../gen/kubelet/deviceplugin/v1beta1/device_plugin_pb.ts";
import type { RunningServer } from "../server/serve-connect.ts";
import { serveGrpc } from "../server/serve-grpc.ts";
import { Bell } from "./bell.ts";
import type { Slots } from "./slots.ts";

export interface SlotListener {
  /** The kubelet is about to hand these slots to a pod. */
  allocated(slots: readonly string[]): void;
  /** The kubelet has begun to watch. */
  watched(): void;
  /** The kubelet has hung up. */
  hungUp(): void;
}

/** The device plugin as the kubelet sees it: a server that says which slots there are. */
export class SlotServer {
  readonly #listener: SlotListener;
  readonly #changed = new Bell();
  readonly #stopping = new AbortController();
  #answer: ListAndWatchResponse;
  #server: RunningServer | undefined;
  #watchers = 0;
  #refuses = false;

  private constructor(slots: Slots, listener: SlotListener) {
    this.#answer = answerOf(slots);
    this.#listener = listener;
  }

  /** Serves on a unix socket that only root can open. */
  static async serve(
    path: string,
    { slots, listener }: { slots: Slots; listener: SlotListener },
  ): Promise<SlotServer> {
    const server = new SlotServer(slots, listener);
    server.#server = await serveGrpc(path, (router) => server.#route(router));
    return server;
  }

  /** How many streams of ListAndWatch there are: more than one when two kubelets or two registrations overlap. */
  get watchers(): number {
    return this.#watchers;
  }

  /** Whether the socket is still where the kubelet looks. */
  isInPlace(): boolean {
    return this.#server?.isInPlace() ?? false;
  }

  /** Sends the list to all who watch, and to those who come. */
  offer(slots: Slots): void {
    this.#answer = answerOf(slots);
    this.#changed.ring();
  }

  /** From now on a registration with this server fails: the kubelet's first question is refused. Streams go on. */
  refuseRegistrations(): void {
    this.#refuses = true;
  }

  /** Ends the streams, which the kubelet takes for the end of all slots, and takes the socket away. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#server?.stop();
  }

  #route(router: ConnectRouter): void {
    router.service(DevicePlugin, {
      getDevicePluginOptions: () => {
        if (this.#refuses) throw new ConnectError("this device plugin is about to end", Code.Unavailable);
        return {};
      },
      listAndWatch: (_request, context) => this.#watch(context),
      // Asked only of plugins whose options say so. The lowest first, since the highest go first when slots are withdrawn.
      getPreferredAllocation: ({ containerRequests }) => ({
        containerResponses: containerRequests.map((request) => ({
          deviceIDs: preferred(request),
        })),
      }),
      allocate: ({ containerRequests }) => {
        this.#listener.allocated(containerRequests.flatMap((request) => request.devicesIds));
        return { containerResponses: containerRequests.map(() => ({})) };
      },
      preStartContainer: () => ({}),
    });
  }

  async *#watch({ signal }: HandlerContext): AsyncGenerator<ListAndWatchResponse> {
    const over = AbortSignal.any([signal, this.#stopping.signal]);
    const ended = new Promise<void>((resolve) => over.addEventListener("abort", () => resolve()));
    this.#watchers++;
    this.#listener.watched();
    try {
      let sent: ListAndWatchResponse | undefined;
      while (!over.aborted) {
        const changed = this.#changed.next;
        if (sent === this.#answer) {
          await Promise.race([changed, ended]);
        } else {
          sent = this.#answer;
          yield sent;
        }
      }
    } finally {
      this.#watchers--;
      if (!this.#stopping.signal.aborted) this.#listener.hungUp();
    }
  }
}

function answerOf(slots: Slots): ListAndWatchResponse {
  return create(ListAndWatchResponseSchema, {
    devices: [...slots].toSorted().map((ID) => ({ ID, health: "Healthy" })),
  });
}

function preferred(request: {
  availableDeviceIDs: readonly string[];
  mustIncludeDeviceIDs: readonly string[];
  allocationSize: number;
}): string[] {
  const must = request.mustIncludeDeviceIDs;
  const others = request.availableDeviceIDs.filter((id) => !must.includes(id)).toSorted();
  return [...must, ...others].slice(0, request.allocationSize);
}
