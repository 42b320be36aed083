import { KubeError } from "../../kube/kube-error.ts";
import type { KubeTransport } from "../../kube/transport.ts";

/** An API server that answers reads of these paths with these objects; any other call fails. */
export function answeringTransport(answers: Readonly<Record<string, object>>): KubeTransport {
  return {
    async call({ method, path }) {
      const answer = answers[path];
      if (method !== "GET" || answer === undefined) {
        throw new KubeError(`${method} ${path} is not answered`, { status: 500, reason: "InternalError" });
      }
      return { status: 200, headers: new Headers(), bytes: new TextEncoder().encode(JSON.stringify(answer)) };
    },
    stream: () => Promise.reject(new Error("nothing is watched")),
  };
}

/** As the API server lists objects. */
export function listOf(...items: object[]): object {
  return { metadata: { resourceVersion: "1" }, items };
}
