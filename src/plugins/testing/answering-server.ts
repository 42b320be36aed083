import type { ServerScript, Told } from "./answering-worker.ts";

/** A server on a unix socket in a thread of its own, which answers each connection's request alike. */
export class AnsweringServer {
  readonly #worker: Worker;
  readonly #requests: string[] = [];
  #told = Promise.withResolvers<void>();

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  /** @param answer bytes to send, piece by piece, before the connection ends; without any it stays open and silent */
  static async start(socket: string, ...answer: readonly string[]): Promise<AnsweringServer> {
    const worker = new Worker(new URL("./answering-worker.ts", import.meta.url));
    const server = new AnsweringServer(worker);
    const listening = Promise.withResolvers<void>();
    worker.onmessage = ({ data }: MessageEvent<Told>) => {
      if (data === "listening") listening.resolve();
      else server.#note(data.request);
    };
    worker.onerror = ({ message }) => listening.reject(new Error(message));
    worker.postMessage({ socket, answer } satisfies ServerScript);
    await listening.promise;
    return server;
  }

  /** The requests that came, once there are so many. */
  async asked(count: number): Promise<readonly string[]> {
    while (this.#requests.length < count) await this.#told.promise;
    return this.#requests;
  }

  /** @returns an answer of HTTP with this body */
  static response(status: number, body: string): string {
    return `HTTP/1.1 ${status} Something\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  #note(request: string): void {
    this.#requests.push(request);
    this.#told.resolve();
    this.#told = Promise.withResolvers<void>();
  }

  stop(): void {
    this.#worker.terminate();
  }
}
