import type { KubeRequest } from "../../src/kube/transport.ts";
import type { ModelApiServer } from "../../src/sim/kube/model-api-server.ts";

export interface ModelOverHttp {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves a model API server on the loopback, to a program in a process of its own. */
export function serveModel(model: ModelApiServer): ModelOverHttp {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const asked = await kubeRequest(request);
      if (asked.query?.["watch"] !== undefined) return watch(model, asked);
      const { status, body } = model.answer(asked);
      return new Response(body, { status, headers: { "content-type": "application/json" } });
    },
  });
  return { url: server.url.origin, stop: () => server.stop(true) };
}

async function kubeRequest(request: Request): Promise<KubeRequest> {
  const { pathname, searchParams } = new URL(request.url);
  const body = await request.text();
  return {
    method: request.method,
    path: pathname,
    query: Object.fromEntries(searchParams),
    headers: { "content-type": request.headers.get("content-type") ?? "" },
    ...(body !== "" && { body }),
  };
}

function watch(model: ModelApiServer, request: KubeRequest): Response {
  const encoder = new TextEncoder();
  let end = () => {};
  const lines = new ReadableStream<Uint8Array>({
    start(controller) {
      const begun = model.watch(
        request,
        (line) => controller.enqueue(encoder.encode(`${line}\n`)),
        () => controller.close(),
      );
      if ("status" in begun) controller.error(new Error(begun.body));
      else end = begun.end;
    },
    cancel: () => end(),
  });
  return new Response(lines, { headers: { "content-type": "application/json" } });
}
