import { errorFromAnswer, errorWithoutAnswer, KubeError } from "./kube-error.ts";
import type { Credentials, ServerAccess } from "./server-access.ts";

/** Deadline of a call that names none, in ms. */
export const defaultTimeoutMs = 10_000;

/** A request to the API server. */
export interface KubeRequest {
  readonly method: string;
  /** Path below the server's base URL, with a leading slash; it has its own query only where `query` is absent. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface CallOptions {
  /** For the whole call, its body included; default {@link defaultTimeoutMs}. */
  readonly timeoutMs?: number | undefined;
  /** The caller's own reason to give up. */
  readonly signal?: AbortSignal | undefined;
}

/** An answer below 300, its body read to the end. */
export interface KubeAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/** HTTP with the API server: the one place where requests leave this process for it. */
export interface KubeTransport {
  /**
   * Sends a request and reads the whole answer.
   *
   * @throws KubeError for an answer of 300 or more, and when none came in time
   */
  call(request: KubeRequest, options?: CallOptions): Promise<KubeAnswer>;
  /**
   * Opens a stream of bytes. It has no deadline: the caller ends it by `signal`, and must.
   *
   * @throws KubeError for an answer of 300 or more, when none came, and from the stream when it breaks
   */
  stream(request: KubeRequest, options: { signal: AbortSignal }): Promise<AsyncIterable<Uint8Array>>;
}

/** A transport over fetch. Its calls and streams share the connections of the process. */
export function createTransport(
  access: ServerAccess,
  options: { userAgent?: string; timeoutMs?: number } = {},
): KubeTransport {
  const { userAgent = "tke-eni", timeoutMs: ownTimeoutMs = defaultTimeoutMs } = options;

  async function send(request: KubeRequest, init: BunFetchRequestInit): Promise<Response> {
    const credentials = await readCredentials(request);
    const response = await fetch(access.server + pathAndQuery(request), {
      method: request.method,
      headers: {
        accept: "application/json",
        "user-agent": userAgent,
        ...request.headers,
        ...credentials.headers,
      },
      ...(request.body !== undefined && { body: request.body }),
      // An API server that redirects is none: do not hand the token on.
      redirect: "error",
      ...connection(access, credentials),
      ...init,
    });
    if (response.status === 401) access.forget();
    return response;
  }

  async function readCredentials(request: KubeRequest): Promise<Credentials> {
    try {
      return await access.credentials();
    } catch (error) {
      throw errorWithoutAnswer(nameOf(request), "NoCredentials", error);
    }
  }

  return {
    async call(request, { timeoutMs = ownTimeoutMs, signal } = {}) {
      const deadline = AbortSignal.timeout(timeoutMs);
      let answer: KubeAnswer;
      try {
        const response = await send(request, {
          signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
        });
        answer = { status: response.status, headers: response.headers, bytes: await response.bytes() };
      } catch (error) {
        throw asKubeError(request, error, { signal, deadline });
      }
      if (answer.status >= 300) throw refusal(request, answer);
      return answer;
    },

    async stream(request, { signal }) {
      let answer: KubeAnswer;
      try {
        const response = await send(request, { signal, timeout: false });
        if (response.status < 300 && response.body) return chunks(request, response.body, { signal });
        answer = { status: response.status, headers: response.headers, bytes: await response.bytes() };
      } catch (error) {
        throw asKubeError(request, error, { signal });
      }
      throw refusal(request, answer);
    },
  };
}

async function* chunks(
  request: KubeRequest,
  body: ReadableStream<Uint8Array>,
  signals: { signal: AbortSignal },
): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw asKubeError(request, error, signals);
  }
}

function asKubeError(
  request: KubeRequest,
  error: unknown,
  signals: { signal?: AbortSignal | undefined; deadline?: AbortSignal },
): KubeError {
  if (error instanceof KubeError) return error;
  const reason = signals.signal?.aborted ? "Aborted" : signals.deadline?.aborted ? "Timeout" : "Unreachable";
  return errorWithoutAnswer(nameOf(request), reason, error);
}

function nameOf(request: KubeRequest): string {
  return `${request.method} ${request.path}`;
}

function refusal(request: KubeRequest, answer: KubeAnswer): KubeError {
  return errorFromAnswer(nameOf(request), {
    status: answer.status,
    body: new TextDecoder().decode(answer.bytes),
    retryAfter: answer.headers.get("retry-after"),
  });
}

function pathAndQuery(request: KubeRequest): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {}))
    if (value !== undefined) query.set(name, value);
  return query.size === 0 ? request.path : `${request.path}?${query}`;
}

/**
 * HTTP/1.1 always: with HTTP/2 fetch ignores `timeout: false`, and a silent cut of the path is noticed after 360 s instead
 * of 72.
 */
function connection(access: ServerAccess, credentials: Credentials): BunFetchRequestInit {
  if (!access.server.startsWith("https://")) return {};
  return { protocol: "http1.1", tls: { ...credentials.tls } };
}
