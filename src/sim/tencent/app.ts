import { Hono } from "hono";
import { CloudError } from "../vpc/cloud-error.ts";
import { type IncomingRequest, readSignature, requiredHeader, type SignedCaller } from "./authenticate.ts";
import { products } from "./products.ts";
import type { ApiOutcome, SimulatedApi } from "./simulated-api.ts";

export interface TencentAppOptions {
  readonly api: SimulatedApi;
  /** When it is aborted, calls that would hang or wait end without an answer. */
  readonly closing: AbortSignal;
}

/** Tencent Cloud's API 3.0 over HTTP: POST to `/` with a JSON body. Refusals are answers too, with status 200. */
export function createTencentApp({ api, closing }: TencentAppOptions): Hono {
  const app = new Hono();
  app.post("/", async (context) => {
    const { raw } = context.req;
    const body = await raw.text();
    const served = serve(api, { method: raw.method, url: raw.url, headers: raw.headers, body });
    const outcome = await untilAborted(closing, served);
    if (outcome === undefined || "lost" in outcome) {
      if (outcome?.manner === "hang") {
        await untilAborted(AbortSignal.any([raw.signal, closing]), new Promise<never>(() => {}));
      }
      return brokenConnection();
    }
    return context.json({ Response: "answer" in outcome ? outcome.answer : errorOf(outcome) });
  });
  return app;
}

function serve(api: SimulatedApi, request: IncomingRequest): Promise<ApiOutcome> {
  const { headers } = request;
  const action = headers.get("X-TC-Action") ?? "";
  const version = headers.get("X-TC-Version") ?? "";
  const caller = callerOf(request);
  const host = headers.get("Host") ?? new URL(request.url).host;
  const service = caller instanceof CloudError ? "" : caller.service;
  const region = headers.get("X-TC-Region") ?? "";
  const product = productOf({ host, service, version, action });
  return api.call({ product, action, body: request.body, caller, version, region });
}

function callerOf(request: IncomingRequest): SignedCaller | CloudError {
  try {
    const caller = readSignature(request);
    requiredHeader(request.headers, "X-TC-Action");
    requiredHeader(request.headers, "X-TC-Version");
    return caller;
  } catch (error) {
    if (error instanceof CloudError) {
      return error;
    }
    throw error;
  }
}

/**
 * The product that a request is for: by the first label of the host it was sent to, else by the scope of its signature, else,
 * where it came to a bare address, the one that has this version and action; empty where there is none.
 */
function productOf(request: { host: string; service: string; version: string; action: string }): string {
  const [label] = request.host.split(".");
  const product =
    products.find((it) => it.service === label) ??
    products.find((it) => it.service === request.service) ??
    products.find((it) => it.version === request.version && Object.hasOwn(it.actions, request.action));
  return product?.service ?? "";
}

function errorOf({ requestId, refused }: Extract<ApiOutcome, { refused: CloudError }>): object {
  return { Error: { Code: refused.code, Message: refused.message }, RequestId: requestId };
}

/** Never written: the server ends the connection when it comes to the body. Without a reason, since it would print that. */
function brokenConnection(): Response {
  return new Response(new ReadableStream({ pull: (controller) => controller.error() }));
}

/** What the promise resolves to, or undefined as soon as the signal is aborted. */
function untilAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = () => resolve(undefined);
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
