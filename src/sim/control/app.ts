import { type Context, Hono } from "hono";
import { z } from "zod";
import type { CallCounter } from "../call-counter.ts";
import type { Fabric } from "../fabric/fabric.ts";
import type { Simulator } from "../simulator.ts";
import { addInstance } from "../vpc/add-instance.ts";
import { CloudError } from "../vpc/cloud-error.ts";
import { findSubnet } from "../vpc/find.ts";
import { startInstance, stopInstance } from "../vpc/power-instance.ts";
import { removeInstance } from "../vpc/remove-instance.ts";
import type { CloudState } from "../vpc/state.ts";
import { availableAddresses, gatewayOf, totalAddresses } from "../vpc/subnet-addresses.ts";
import {
  type ErrorAnswer,
  type InstanceAnswer,
  instanceRequestSchema,
  type StateAnswer,
} from "./messages.ts";

export interface ControlAppOptions {
  readonly simulator: Simulator;
  readonly fabric: Fabric;
  readonly calls: CallCounter;
}

/** What the people behind the cloud can do: machines that start and stop, a look at everything. JSON over HTTP, no signatures. */
export function createControlApp({ simulator, fabric, calls }: ControlAppOptions): Hono {
  const app = new Hono();
  app.get("/healthz", (context) => context.text("ok"));
  app.post("/v1/instances", async (context) => {
    const { privateIp, netns, device, ...rest } = instanceRequestSchema.parse(await context.req.json());
    const wish = {
      ...rest,
      privateAddress: privateIp,
      ...(netns === undefined ? {} : { host: { netns, device } }),
    };
    const { instance, eni } = await simulator.runOrUndo((state, now) => addInstance(state, wish, { now }));
    const subnet = findSubnet(simulator.state, instance.subnetId);
    const answer: InstanceAnswer = {
      mac: eni.mac,
      gateway: gatewayOf(subnet),
      prefixLength: subnet.block.prefixLength,
      primaryEniId: eni.eniId,
    };
    return context.json(answer);
  });
  app.delete("/v1/instances/:id", async (context) => {
    await simulator.run((state, now) => removeInstance(state, context.req.param("id"), { now }));
    return context.body(null, 204);
  });
  app.post("/v1/instances/:id/stop", async (context) => {
    await simulator.run((state) => stopInstance(state, context.req.param("id")));
    return context.body(null, 204);
  });
  app.post("/v1/instances/:id/start", async (context) => {
    await simulator.runOrUndo((state) => startInstance(state, context.req.param("id")));
    return context.body(null, 204);
  });
  app.get("/v1/state", (context) => context.json(renderState(simulator.state)));
  app.get("/v1/calls", (context) => context.json(calls.read()));
  app.delete("/v1/calls", (context) => {
    calls.reset();
    return context.body(null, 204);
  });
  app.get("/v1/drops", async (context) => context.json(await fabric.drops()));
  app.onError(refuse);
  return app;
}

function refuse(error: Error, context: Context): Response {
  if (error instanceof CloudError) {
    const status = error.code === "ResourceNotFound" ? 404 : 409;
    return context.json<ErrorAnswer>({ code: error.code, message: error.message }, status);
  }
  if (error instanceof z.ZodError) {
    const faults = error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`);
    return context.json<ErrorAnswer>({ code: "InvalidParameter", message: faults.join("; ") }, 400);
  }
  if (error instanceof SyntaxError) {
    return context.json<ErrorAnswer>({ code: "InvalidParameter", message: "The body is not JSON." }, 400);
  }
  return context.json<ErrorAnswer>({ code: "InternalError", message: error.message }, 500);
}

function renderState(state: CloudState): StateAnswer {
  return {
    subnets: [...state.subnets.values()].map((it) => ({
      subnetId: it.subnetId,
      total: totalAddresses(it),
      available: availableAddresses(it),
    })),
    instances: [...state.instances.values()].map((it) => ({
      instanceId: it.instanceId,
      name: it.name,
      state: it.state,
      zone: it.zone,
      privateIp: it.privateAddress,
    })),
    enis: [...state.enis.values()].map((it) => ({
      eniId: it.eniId,
      name: it.name,
      mac: it.mac,
      subnetId: it.subnetId,
      primary: it.primary,
      state: it.state,
      instanceId: it.attachment?.instanceId ?? null,
      tags: Object.fromEntries(it.tags.map((tag) => [tag.key, tag.value])),
      addresses: it.addresses.map(({ address, primary, state }) => ({ address, primary, state })),
    })),
    runningTasks: state.jobs.size,
  };
}
