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
  readonly request: {
    readonly attachment: FakeAttachment;
    readonly netns?: string;
    readonly network?: string;
    readonly link?: number;
    readonly device?: string;
    readonly valid?: readonly FakeAttachment[];
  };
}

interface Holding {
  readonly attachment: FakeAttachment;
  readonly network: string;
  readonly number: number;
}

/** Answers the plugins as an agent with one ENI does: the next address of 10.0.16.0/24 to each new attachment. */
export class FakeAddressService {
  readonly socket: string;
  readonly calls: RecordedCall[] = [];
  /** While set, every call is answered with this error of the Connect protocol. */
  failure: { readonly status: number; readonly body: object } | undefined;
  /** What it says of each attachment that it is asked about. */
  problems: readonly string[] = [];
  /** Families of which it gives an address. */
  families: readonly (4 | 6)[] = [4];
  readonly #holdings = new Map<string, Holding>();
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
    return new Map([...this.#holdings].map(([key, { number }]) => [key, `10.0.16.${number}`]));
  }

  async #answer(request: Request): Promise<Response> {
    const method = new URL(request.url).pathname.slice(SERVICE.length);
    const body = (await request.json()) as RecordedCall["request"];
    this.calls.push({ method, headers: request.headers, request: body });
    if (this.failure !== undefined) return Response.json(this.failure.body, { status: this.failure.status });
    switch (method) {
      case "Status":
        return Response.json({});
      case "CollectGarbage":
        return Response.json({ collected: this.#collect(body) });
      case "Check": {
        const holding = this.#holdings.get(keyOf(body.attachment));
        return holding === undefined
          ? Response.json({ code: "not_found", message: "it has no address on this node" }, { status: 404 })
          : Response.json({ allocated: this.#allocated(holding), problems: this.problems });
      }
      case "Release": {
        const holding = this.#holdings.get(keyOf(body.attachment));
        this.#holdings.delete(keyOf(body.attachment));
        return Response.json(holding === undefined ? {} : { addresses: [`10.0.16.${holding.number}`] });
      }
      default:
        return Response.json(this.#allocated(this.#allocate(body)));
    }
  }

  #allocate({ attachment, network = "" }: RecordedCall["request"]): Holding {
    const key = keyOf(attachment);
    const holding = this.#holdings.get(key) ?? { attachment, network, number: this.#next++ };
    this.#holdings.set(key, holding);
    return holding;
  }

  #collect({ network, valid = [] }: RecordedCall["request"]): FakeAttachment[] {
    const stays = new Set(valid.map(keyOf));
    const gone = [...this.#holdings].filter(
      ([key, holding]) => holding.network === network && !stays.has(key),
    );
    for (const [key] of gone) this.#holdings.delete(key);
    return gone.map(([, { attachment }]) => attachment);
  }

  #allocated({ number }: Holding) {
    const eni = { eniId: "eni-1", eniMac: "02:00:00:00:00:aa" };
    const addresses = {
      4: { address: `10.0.16.${number}`, nodeAddress: "10.0.1.11", ...eni },
      6: { address: `fd00:16::${number}`, ...eni },
    };
    return { addresses: this.families.map((it) => addresses[it]), group: 4003, podsTable: 512, mtu: 1500 };
  }
}

function keyOf({ containerId, ifName }: FakeAttachment): string {
  return `${containerId}/${ifName}`;
}
