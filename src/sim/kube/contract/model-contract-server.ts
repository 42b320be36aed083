import { customResourceDefinition } from "../../../api/custom-resource-definition.ts";
import { CUSTOM_RESOURCES } from "../../../api/custom-resources.ts";
import { errorFromAnswer } from "../../../kube/kube-error.ts";
import { createVirtualClock } from "../../../time/testing/virtual-clock.ts";
import { ModelApiServer } from "../model-api-server.ts";
import type { JsonObject } from "../shape.ts";
import type { ContractServer } from "./contract-api.ts";

/** A model API server with our definitions. */
export function modelContractServer(): ContractServer {
  const server = new ModelApiServer(createVirtualClock());
  for (const resource of CUSTOM_RESOURCES) {
    server.answer({
      method: "POST",
      path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      body: JSON.stringify(customResourceDefinition(resource)),
    });
  }
  return {
    async call(request) {
      const { status, body } = server.answer(request);
      if (status >= 300) throw errorFromAnswer(`${request.method} ${request.path}`, { status, body });
      return JSON.parse(body) as JsonObject;
    },
    async watch(request) {
      const lines: string[] = [];
      const watch = server.watch(request, (line) => lines.push(line));
      if ("status" in watch) throw errorFromAnswer(`GET ${request.path}`, watch);
      return {
        async next() {
          const line = lines.shift();
          if (line === undefined) throw new Error("no event comes");
          return JSON.parse(line) as JsonObject;
        },
        async end() {
          watch.end();
        },
      };
    },
  };
}
