import {
  type Configuration,
  type ConfigurationOptions,
  createConfiguration,
  HttpException,
  Observable,
  type ObservableMiddleware,
  type RequestContext,
  ResponseContext,
  ServerConfiguration,
  wrapHttpLibrary,
} from "@kubernetes/client-node";
import type { KubeTransport } from "./transport.ts";

/** The API classes build whole URLs; the transport knows the server itself, so this part is dropped again. */
const anyServer = "https://api-server";

const timeouts = new WeakMap<RequestContext, number>();

/**
 * One of client-node's API classes (CoreV1Api, ApiextensionsV1Api, CustomObjectsApi, …) over our transport. Its own HTTP
 * library ignores CA and client certificate under Bun, and has no deadline. Failed calls throw a KubeError, not client-node's
 * ApiException. Answers are read whole: watches and logs that are followed end at the deadline.
 *
 * The classes drop members that are not in their models by their TypeScript names, without a word: of a CRD's schema
 * `x-kubernetes-list-type` and its like. Send what was made as JSON or YAML with a KubeClient.
 */
export function makeApi<Api>(
  ApiClass: new (configuration: Configuration) => Api,
  transport: KubeTransport,
): Api {
  return new ApiClass(
    createConfiguration({
      baseServer: new ServerConfiguration(anyServer, {}),
      httpApi: wrapHttpLibrary({ send: (request) => send(transport, request) }),
    }),
  );
}

/** As last argument of an API class's method: the deadline of that call, in ms, instead of the transport's own. */
export function withTimeout(timeoutMs: number): ConfigurationOptions {
  const middleware: ObservableMiddleware = {
    pre(request) {
      timeouts.set(request, timeoutMs);
      return new Observable(Promise.resolve(request));
    },
    post: (response) => new Observable(Promise.resolve(response)),
  };
  return { middleware: [middleware], middlewareMergeStrategy: "append" };
}

async function send(transport: KubeTransport, request: RequestContext): Promise<ResponseContext> {
  const body = request.getBody();
  if (body !== undefined && typeof body !== "string") {
    throw new HttpException(
      `${request.getUrl()}: only text can be sent to the API server, not a ${body.constructor.name}`,
    );
  }
  const answer = await transport.call(
    {
      method: request.getHttpMethod(),
      path: request.getUrl().slice(anyServer.length),
      headers: request.getHeaders(),
      ...(body !== undefined && { body }),
    },
    { timeoutMs: timeouts.get(request), signal: request.getSignal() },
  );
  return new ResponseContext(answer.status, Object.fromEntries(answer.headers), {
    text: async () => new TextDecoder().decode(answer.bytes),
    binary: async () => Buffer.from(answer.bytes),
    stream: () => new Blob([answer.bytes]).stream(),
  });
}
