import { type Context, Hono } from "hono";
import { z } from "zod";
import { schemaFaults } from "../schema-faults.ts";
import { CloudError } from "../vpc/cloud-error.ts";
import type { CloudControl } from "./cloud-control.ts";
import type { ErrorAnswer } from "./messages.ts";

/** What the people behind the cloud can do, over HTTP: JSON, no signatures. `CloudControl` has it explained. */
export function createControlApp(control: CloudControl): Hono {
  const app = new Hono();
  const v1 = app.basePath("/v1");
  app.get("/healthz", (context) => context.text("ok"));

  v1.post("/instances", async (context) => context.json(await control.addInstance(await context.req.json())));
  v1.delete("/instances/:id", async (context) => {
    await control.removeInstance(context.req.param("id"));
    return done(context);
  });
  v1.post("/instances/:id/stop", async (context) => {
    await control.stopInstance(context.req.param("id"));
    return done(context);
  });
  v1.post("/instances/:id/start", async (context) => {
    await control.startInstance(context.req.param("id"));
    return done(context);
  });
  v1.post("/instances/:id/resize", async (context) => {
    const { instanceType } = await context.req.json();
    await control.resizeInstance(context.req.param("id"), instanceType);
    return done(context);
  });
  v1.post("/instances/:id/quota", async (context) => {
    await control.changeQuota(context.req.param("id"), await context.req.json());
    return done(context);
  });

  v1.post("/enis", async (context) => context.json(await control.createEni(await context.req.json())));
  v1.delete("/enis/:id", async (context) => {
    await control.deleteEni(context.req.param("id"));
    return done(context);
  });
  v1.post("/enis/:id/attach", async (context) => {
    const { instanceId } = await context.req.json();
    await control.attachEni(context.req.param("id"), instanceId);
    return done(context);
  });
  v1.post("/enis/:id/detach", async (context) => {
    await control.detachEni(context.req.param("id"));
    return done(context);
  });
  v1.post("/enis/:id/assign", async (context) =>
    context.json(await control.assignAddresses(context.req.param("id"), await context.req.json())),
  );
  v1.post("/enis/:id/unassign", async (context) => {
    const { addresses } = await context.req.json();
    await control.unassignAddresses(context.req.param("id"), addresses);
    return done(context);
  });
  v1.patch("/enis/:id/tags", async (context) => {
    await control.changeTags(context.req.param("id"), await context.req.json());
    return done(context);
  });

  v1.post("/subnets/:id/take", async (context) =>
    context.json(await control.takeAddresses(context.req.param("id"), await context.req.json())),
  );
  v1.post("/subnets/:id/give-back", async (context) =>
    context.json(await control.giveBackAddresses(context.req.param("id"), await context.req.json())),
  );

  v1.post("/faults", async (context) => context.json(await control.addFault(await context.req.json())));
  v1.get("/faults", async (context) => context.json(await control.readFaults()));
  v1.delete("/faults", async (context) => {
    await control.clearFaults();
    return done(context);
  });
  v1.delete("/faults/:id", async (context) => {
    await control.removeFault(context.req.param("id"));
    return done(context);
  });
  v1.get("/tasks", async (context) => context.json(await control.readTasks()));
  v1.post("/tasks/release", async (context) => {
    await control.releaseStalledTasks();
    return done(context);
  });
  v1.post("/tasks/:id/release", async (context) => {
    await control.releaseTask(context.req.param("id"));
    return done(context);
  });

  v1.get("/settings", async (context) => context.json(await control.readSettings()));
  v1.patch("/settings", async (context) => {
    await control.changeSettings(await context.req.json());
    return done(context);
  });
  v1.put("/credentials/:id", async (context) => {
    await control.putCredential(context.req.param("id"), await context.req.json());
    return done(context);
  });
  v1.delete("/credentials/:id", async (context) => {
    await control.removeCredential(context.req.param("id"));
    return done(context);
  });
  v1.put("/credentials/:id/denied", async (context) => {
    const { actions } = await context.req.json();
    await control.denyActions(context.req.param("id"), actions);
    return done(context);
  });

  v1.get("/state", async (context) => context.json(await control.readState()));
  v1.get("/calls", async (context) => context.json(await control.readCalls()));
  v1.get("/calls/products", async (context) => context.json(await control.readProductCalls()));
  v1.delete("/calls", async (context) => {
    await control.resetCalls();
    return done(context);
  });
  v1.get("/drops", async (context) => context.json(await control.readDrops()));
  app.onError(refuse);
  return app;
}

function done(context: Context): Response {
  return context.body(null, 204);
}

function refuse(error: Error, context: Context): Response {
  if (error instanceof CloudError) {
    const status = error.code === "ResourceNotFound" ? 404 : 409;
    return context.json<ErrorAnswer>({ code: error.code, message: error.message }, status);
  }
  if (error instanceof z.ZodError) {
    const message = schemaFaults(error.issues, "body");
    return context.json<ErrorAnswer>({ code: "InvalidParameter", message }, 400);
  }
  if (error instanceof SyntaxError) {
    return context.json<ErrorAnswer>({ code: "InvalidParameter", message: "The body is not JSON." }, 400);
  }
  return context.json<ErrorAnswer>({ code: "InternalError", message: error.message }, 500);
}
