import { errorFromAnswer, errorWithoutAnswer, type KubeError } from "../../kube/kube-error.ts";
import {
  type CallOptions,
  defaultTimeoutMs,
  type KubeAnswer,
  type KubeRequest,
  type KubeTransport,
} from "../../kube/transport.ts";
import type { ModelApiServer } from "./model-api-server.ts";
import type { ModelAnswer } from "./status-answer.ts";

/** What becomes of a call on its way. */
export interface CallFate {
  /** Milliseconds until the server has it. */
  readonly requestMs: number;
  /** Milliseconds until the client has the answer. */
  readonly answerMs: number;
  /** It never arrives, or is done and nobody is told. */
  readonly lost?: "request" | "answer" | undefined;
  /** Answered by something before the server, which does nothing. */
  readonly refused?: ModelAnswer | undefined;
}

/** What becomes of a watch. */
export interface WatchFate {
  readonly openMs: number;
  /** Milliseconds by which each of its events comes late; they stay in order. */
  readonly lagMs: () => number;
  /** How long it lives, in ms, and how it ends: the server closes it, its connection breaks, or nothing comes any more. */
  readonly livesMs: number;
  readonly end: "close" | "cut" | "silence";
  readonly refused?: ModelAnswer | undefined;
}

/** The way between a client and the server. */
export interface KubeNetwork {
  call(request: KubeRequest): CallFate;
  watch(request: KubeRequest): WatchFate;
}

export interface ModelTransportWorld {
  readonly server: ModelApiServer;
  /** Milliseconds, of the network's time: it goes on while the client stands still. */
  readonly now: () => number;
  /** Calls back after so many of them. @returns a function that cancels it */
  readonly after: (ms: number, act: () => void) => () => void;
  /** Hands something to the client, whose process may stand still, or be gone. */
  readonly deliver: (act: () => void) => void;
  readonly network: KubeNetwork;
}

const encoder = new TextEncoder();

/** A transport to a model API server: takes time, and goes wrong as its network says. */
export function createModelTransport(world: ModelTransportWorld): KubeTransport {
  return {
    call: (request, options) => call(world, request, options),
    stream: (request, options) => stream(world, request, options),
  };
}

function call(
  { server, after, deliver, network }: ModelTransportWorld,
  request: KubeRequest,
  { timeoutMs = defaultTimeoutMs, signal }: CallOptions = {},
): Promise<KubeAnswer> {
  return new Promise((resolve, reject) => {
    let over = false;
    const end = (act: () => void) => {
      if (over) return;
      over = true;
      cancelTimeout();
      signal?.removeEventListener("abort", giveUp);
      act();
    };
    const giveUp = () => end(() => reject(withoutAnswer(request, "Aborted")));
    const cancelTimeout = after(timeoutMs, () =>
      deliver(() => end(() => reject(withoutAnswer(request, "Timeout")))),
    );
    if (signal?.aborted) return giveUp();
    signal?.addEventListener("abort", giveUp);

    const fate = network.call(request);
    if (fate.lost === "request") return;
    // What has been sent arrives, whatever becomes of its sender.
    after(fate.requestMs, () => {
      const answer = fate.refused ?? server.answer(request);
      if (fate.lost === "answer") return;
      after(fate.answerMs, () => deliver(() => end(() => settle(request, answer, { resolve, reject }))));
    });
  });
}

function settle(
  request: KubeRequest,
  answer: ModelAnswer,
  { resolve, reject }: { resolve: (answer: KubeAnswer) => void; reject: (error: KubeError) => void },
): void {
  const { status, body } = answer;
  if (status >= 300) reject(refusal(request, answer));
  else resolve({ status, headers: new Headers(), bytes: encoder.encode(body) });
}

function refusal(request: KubeRequest, { status, body, retryAfter }: ModelAnswer): KubeError {
  return errorFromAnswer(nameOf(request), { status, body, retryAfter: retryAfter ?? null });
}

function withoutAnswer(request: KubeRequest, reason: "Timeout" | "Aborted" | "Unreachable"): KubeError {
  return errorWithoutAnswer(nameOf(request), reason, new Error(`the model network: ${reason}`));
}

function nameOf({ method, path }: KubeRequest): string {
  return `${method} ${path}`;
}

/** A watch: what the server tells it comes late, in order, until it ends in one of the three ways. */
function stream(
  { server, now, after, deliver, network }: ModelTransportWorld,
  request: KubeRequest,
  { signal }: { signal: AbortSignal },
): Promise<AsyncIterable<Uint8Array>> {
  const fate = network.watch(request);
  const chunks = new Chunks();
  const answered = Promise.withResolvers<AsyncIterable<Uint8Array>>();
  let silent = false;
  let arrived = 0;
  const endings: (() => void)[] = [];
  const late = (act: () => void) => {
    arrived = Math.max(arrived, now() + fate.lagMs());
    after(arrived - now(), () => {
      if (!silent) deliver(act);
    });
  };
  const hangUp = () => {
    silent = true;
    for (const end of endings) end();
  };
  const giveUp = () => {
    hangUp();
    const error = withoutAnswer(request, "Aborted");
    chunks.end(error);
    answered.reject(error);
  };
  const open = () => {
    if (signal.aborted) return;
    // The first lines are told from within the call that begins the watch.
    late(() => answered.resolve(chunks));
    const watch =
      fate.refused ??
      server.watch(
        request,
        (line) => late(() => chunks.push(encoder.encode(`${line}\n`))),
        () => late(() => chunks.end(withoutAnswer(request, "Unreachable"))),
      );
    if ("status" in watch) {
      silent = true;
      deliver(() => answered.reject(refusal(request, watch)));
      return;
    }
    endings.push(watch.end);
    endings.push(
      after(fate.livesMs, () => {
        watch.end();
        if (fate.end === "silence") silent = true;
        else late(() => chunks.end(fate.end === "cut" ? withoutAnswer(request, "Unreachable") : undefined));
      }),
    );
  };
  if (signal.aborted) giveUp();
  else {
    signal.addEventListener("abort", giveUp, { once: true });
    after(fate.openMs, open);
  }
  return answered.promise;
}

/** Chunks that wait for their reader, and the end of them. */
class Chunks implements AsyncIterable<Uint8Array> {
  readonly #waiting: Uint8Array[] = [];
  #ended: { error: KubeError | undefined } | undefined;
  #wake = () => {};

  push(chunk: Uint8Array): void {
    if (this.#ended === undefined) this.#waiting.push(chunk);
    this.#wake();
  }

  /** The first end counts. */
  end(error: KubeError | undefined): void {
    this.#ended ??= { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) yield next;
      if (this.#ended?.error !== undefined) throw this.#ended.error;
      if (this.#ended !== undefined) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
