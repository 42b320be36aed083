import { Hono } from "hono";
import type { CallCounter } from "../call-counter.ts";
import type { Log, Simulator } from "../simulator.ts";
import { CloudError } from "../vpc/cloud-error.ts";
import type { Action, Product } from "./action.ts";
import { authenticate, requiredHeader } from "./authenticate.ts";
import { products } from "./products.ts";

export interface TencentAppOptions {
  readonly simulator: Simulator;
  readonly region: string;
  readonly credentials: readonly { readonly secretId: string; readonly secretKey: string }[];
  readonly calls: CallCounter;
  readonly log: Log;
  /** A fresh id for each request. */
  readonly newRequestId: () => string;
}

/** Tencent Cloud's API 3.0 over HTTP: POST to `/` with a JSON body. Refusals are answers too, with status 200. */
export function createTencentApp(options: TencentAppOptions): Hono {
  const secrets = new Map(options.credentials.map((it) => [it.secretId, it.secretKey]));
  const app = new Hono();
  app.post("/", async (context) => {
    const request = context.req.raw;
    const requestId = options.newRequestId();
    const action = request.headers.get("X-TC-Action") ?? "";
    try {
      const body = await request.text();
      const now = options.simulator.now();
      const incoming = { method: request.method, url: request.url, headers: request.headers, body };
      const caller = authenticate(incoming, { secrets, now });
      const host = request.headers.get("Host") ?? new URL(request.url).host;
      const product = findProduct(request.headers, { host, service: caller.service });
      const act = findAction(product, action);
      checkRegion(request.headers, product, options.region);
      const answer = await act(
        { simulator: options.simulator, action, region: options.region, requestId },
        parseBody(body),
      );
      options.calls.count(action);
      options.log.debug({ action, requestId, caller: caller.secretId }, "API call");
      return context.json({ Response: { ...answer, RequestId: requestId } });
    } catch (error) {
      const refusal = error instanceof CloudError ? error : new CloudError("InternalError", String(error));
      options.calls.count(action, refusal.code);
      options.log.debug(
        { action, requestId, code: refusal.code, reason: refusal.message },
        "API call refused",
      );
      if (refusal !== error) {
        options.log.warn({ action, requestId, error }, "API call failed by a fault of the simulator");
      }
      const { code, message } = refusal;
      return context.json({ Response: { Error: { Code: code, Message: message }, RequestId: requestId } });
    }
  });
  return app;
}

/**
 * The product that a request is for: by the first label of the host it was sent to, else by the scope of its signature, else,
 * where it came to a bare address, the one that has this version and action.
 */
function findProduct(headers: Headers, target: { host: string; service: string }): Product {
  const action = requiredHeader(headers, "X-TC-Action");
  const version = requiredHeader(headers, "X-TC-Version");
  const [label] = target.host.split(".");
  const product =
    products.find((it) => it.service === label) ??
    products.find((it) => it.service === target.service) ??
    products.find((it) => it.version === version && Object.hasOwn(it.actions, action));
  if (product === undefined) {
    throw new CloudError("InvalidAction", `The action "${action}" of version ${version} is not found.`);
  }
  if (product.version !== version) {
    throw new CloudError(
      "NoSuchVersion",
      `The version ${version} of ${product.service} does not exist: ${product.version} does.`,
    );
  }
  return product;
}

function findAction(product: Product, name: string): Action {
  const action = Object.hasOwn(product.actions, name) ? product.actions[name] : undefined;
  if (action === undefined) {
    throw new CloudError("InvalidAction", `The action "${name}" of ${product.service} is not found.`);
  }
  return action;
}

function checkRegion(headers: Headers, product: Product, region: string): void {
  if (!product.regional) {
    return;
  }
  const asked = requiredHeader(headers, "X-TC-Region");
  if (asked !== region) {
    throw new CloudError(
      "UnsupportedRegion",
      `The region "${asked}" is not supported: this cloud is ${region}.`,
    );
  }
}

function parseBody(body: string): unknown {
  try {
    // SDKs send nothing, or an empty string, for a request without parameters.
    return body === "" || body === '""' ? {} : JSON.parse(body);
  } catch {
    throw new CloudError("InvalidParameter", "The body of the request is not JSON.");
  }
}
