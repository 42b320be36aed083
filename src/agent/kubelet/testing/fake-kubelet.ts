import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ENI_IP_RESOURCE } from "../../../api/extended-resources.ts";
import { DevicePlugin, Registration } from "../../../gen/kubelet/deviceplugin/v1beta1/device_plugin_pb.ts";
import { PodResourcesLister } from "../../../gen/kubelet/podresources/v1/pod_resources_pb.ts";
import type { RunningServer } from "../../server/serve-connect.ts";
import { serveGrpc } from "../../server/serve-grpc.ts";

/** One connection of the kubelet to a plugin. */
class PluginClient {
  readonly endpoint: string;
  readonly #sessions: Http2SessionManager;
  readonly #client;
  readonly #over = new AbortController();

  constructor(folder: string, endpoint: string) {
    this.endpoint = endpoint;
    this.#sessions = new Http2SessionManager("http://localhost", undefined, {
      createConnection: () => connect(join(folder, endpoint)),
    });
    this.#client = createClient(
      DevicePlugin,
      createGrpcTransport({ baseUrl: "http://localhost", sessionManager: this.#sessions }),
    );
  }

  async options(): Promise<void> {
    await this.#client.getDevicePluginOptions({});
  }

  async allocate(slot: string): Promise<number> {
    const { containerResponses } = await this.#client.allocate({
      containerRequests: [{ devicesIds: [slot] }],
    });
    return containerResponses.length;
  }

  /** Resolves when the stream has ended, whoever ended it. */
  async watch(listener: (slots: Set<string>) => void): Promise<void> {
    try {
      for await (const { devices } of this.#client.listAndWatch({}, { signal: this.#over.signal })) {
        listener(new Set(devices.filter(({ health }) => health === "Healthy").map(({ ID }) => ID)));
      }
    } catch {
      // As a gRPC client sees a server that is gone, or its own end.
    }
  }

  disconnect(): void {
    this.#over.abort();
    this.#sessions.abort();
  }
}

/**
 * The kubelet's side of device plugins, as pkg/kubelet/cm/devicemanager of Kubernetes 1.36 does it: one client a resource, of
 * which the last registered counts; the end of any stream disconnects that one, whichever it was; a registration that fails
 * leaves none, but changes nothing else; its start empties the folder.
 */
export class FakeKubelet {
  readonly #devicePlugins: string;
  readonly #podResources: string;
  readonly #streams = new Set<PluginClient>();
  #servers: RunningServer[] = [];
  /** Who is disconnected when a stream ends. */
  #registered: PluginClient | undefined;
  /** Whom it asks for slots. */
  #endpoint: PluginClient | undefined;
  /** Endpoints in the order of their registrations. */
  readonly registrations: string[] = [];
  /** Slots that it may hand out. */
  slots = new Set<string>();
  /** Slot by pod. */
  readonly pods = new Map<string, string>();
  /** Whether PodResources tells of pods. */
  tellsPods = true;
  /** How often it was asked for them. */
  lists = 0;

  constructor(folder: string) {
    this.#devicePlugins = join(folder, "device-plugins");
    this.#podResources = join(folder, "pod-resources");
    mkdirSync(this.#devicePlugins, { recursive: true });
    mkdirSync(this.#podResources, { recursive: true });
  }

  async start(): Promise<void> {
    for (const name of readdirSync(this.#devicePlugins)) rmSync(join(this.#devicePlugins, name));
    this.#servers = await Promise.all([
      serveGrpc(join(this.#devicePlugins, "kubelet.sock"), (router) =>
        router.service(Registration, {
          register: async ({ endpoint, resourceName, version }) => {
            if (resourceName !== ENI_IP_RESOURCE || version !== "v1beta1") throw new Error("not ours");
            await this.#connect(endpoint);
            return {};
          },
        }),
      ),
      serveGrpc(join(this.#podResources, "kubelet.sock"), (router) =>
        router.service(PodResourcesLister, {
          list: () => {
            this.lists++;
            if (!this.tellsPods) throw new Error("not now");
            return {
              podResources: [...this.pods].map(([name, slot]) => ({
                name,
                namespace: "default",
                containers: [
                  { name: "main", devices: [{ resourceName: ENI_IP_RESOURCE, deviceIds: [slot] }] },
                ],
              })),
            };
          },
          getAllocatableResources: () => ({
            devices: [
              { resourceName: ENI_IP_RESOURCE, deviceIds: [...this.slots] },
              { resourceName: "example.com/other", deviceIds: ["x"] },
            ],
          }),
        }),
      ),
    ]);
  }

  async stop(): Promise<void> {
    const servers = this.#servers;
    this.#servers = [];
    for (const client of this.#streams) client.disconnect();
    this.#registered = undefined;
    this.#endpoint = undefined;
    this.slots.clear();
    await Promise.all(servers.map((server) => server.stop()));
  }

  /** Hangs up on the plugin that is registered, if there is one. */
  hangUp(): void {
    const client = this.#registered;
    if (client === undefined) return;
    this.#registered = undefined;
    this.#endpoint = undefined;
    this.slots.clear();
    client.disconnect();
  }

  /** Admits a pod. @throws when no slot is free, as UnexpectedAdmissionError does */
  async admit(pod: string): Promise<string> {
    const taken = new Set(this.pods.values());
    const slot = [...this.slots].filter((id) => !taken.has(id)).toSorted()[0];
    if (slot === undefined || this.#endpoint === undefined)
      throw new Error(`UnexpectedAdmissionError: ${pod}`);
    await this.#endpoint.allocate(slot);
    this.pods.set(pod, slot);
    return slot;
  }

  async #connect(endpoint: string): Promise<void> {
    const client = new PluginClient(this.#devicePlugins, endpoint);
    this.#registered = client;
    try {
      await client.options();
    } catch (error) {
      this.#registered = undefined;
      client.disconnect();
      throw error;
    }
    this.#endpoint = client;
    this.registrations.push(endpoint);
    this.#streams.add(client);
    void client
      .watch((slots) => {
        this.slots = slots;
      })
      .then(() => {
        this.#streams.delete(client);
        client.disconnect();
        this.hangUp();
      });
  }
}
