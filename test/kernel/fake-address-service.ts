import { rmSync } from "node:fs";

const SERVICE = "/tke.eni.agent.v1.AddressService/";

interface FakeAttachment {
  readonly containerId: string;
  readonly ifName: string;
  readonly podNamespace?: string;
  readonly podName?: string;
  readonly podUid?: string;
}

export interface RecordedCall {
  readonly method: string;
  readonly headers: Headers;
  readonly request: { readonly attachment: FakeAttachment; readonly netns?: string };
}

/** Answers the plugins as an agent with one ENI does: the next address of 10.0.16.0/24 to each new attachment. */
export class FakeAddressService {
  readonly socket: string;
  readonly calls: RecordedCall[] = [];
  /** While set, every call is answered with this error of the Connect protocol. */
  failure: { readonly status: number; readonly body: object } | undefined;
  readonly #held = new Map<string, string>();
  #next = 5;
  #server: Bun.Server<undefined> | undefined;

  constructor(socket: string) {
    this.socket = socket;
  }

  start(): void {
    this.#server = Bun.serve({ unix: this.socket, fetch: (request) => this.#answer(request) });
  }

  async stop(): Promise<void> {
    await this.#server?.stop(true);
    this.#server = undefined;
    rmSync(this.socket, { force: true });
  }

  /** Addresses that attachments hold, by `CONTAINER/IFNAME`. */
  get held(): ReadonlyMap<string, string> {
    return this.#held;
  }

  async #answer(request: Request): Promise<Response> {
    const method = new URL(request.url).pathname.slice(SERVICE.length);
    const body = (await request.json()) as RecordedCall["request"];
    this.calls.push({ method, headers: request.headers, request: body });
    if (this.failure !== undefined) return Response.json(this.failure.body, { status: this.failure.status });
    const key = `${body.attachment.containerId}/${body.attachment.ifName}`;
    const address = this.#held.get(key);
    if (method === "Release") {
      this.#held.delete(key);
      return Response.json(address === undefined ? {} : { addresses: [address] });
    }
    const given = address ?? `10.0.16.${this.#next++}`;
    this.#held.set(key, given);
    return Response.json({
      addresses: [{ address: given, nodeAddress: "10.0.1.11", eniId: "eni-1", eniMac: "02:00:00:00:00:aa" }],
      group: 4003,
      podsTable: 512,
      mtu: 1500,
    });
  }
}
