import { type ClientHttp2Session, connect } from "node:http2";

/** What kube-scheduler's client (Go's net/http) lets a server send before it says more. */
const STREAM_WINDOW = 4 * 1024 * 1024;

export interface Identity {
  /** PEM. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** Calls an extender as kube-scheduler does: HTTP/2 over TLS with a client certificate, on one connection that stays. */
export class ExtenderClient {
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  static connect(url: string, { authority, certificate, key }: Identity): Promise<ExtenderClient> {
    return new Promise((resolve, reject) => {
      const session = connect(url, {
        ca: authority,
        servername: "tke-eni-ip-scheduler.kube-system.svc",
        cert: certificate,
        key,
        settings: { initialWindowSize: STREAM_WINDOW, enablePush: false },
      });
      session.once("error", reject);
      session.once("connect", () => resolve(new ExtenderClient(session)));
    });
  }

  /** @returns the text of the answer @throws Error for one that is not 200 */
  call(verb: string, body: string): Promise<string> {
    const bytes = Buffer.from(body);
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ":method": "POST",
        ":path": `/v1/${verb}`,
        "content-type": "application/json",
        "content-length": String(bytes.length),
        "user-agent": "Go-http-client/2.0",
      });
      const chunks: Buffer[] = [];
      let status = 0;
      stream.on("response", (headers) => {
        status = Number(headers[":status"]);
      });
      stream.on("data", (chunk) => chunks.push(chunk as Buffer));
      stream.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        if (status === 200) resolve(text);
        else reject(new Error(`${verb}: ${status} ${text.slice(0, 200)}`));
      });
      stream.on("error", reject);
      stream.end(bytes);
    });
  }

  close(): void {
    this.#session.close();
  }
}
