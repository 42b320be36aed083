import { Hono } from "hono";
import type { z } from "zod";
import type { Extender } from "./extender.ts";
import { ExtenderArgs, ExtenderBindingArgs, ExtenderPreemptionArgs } from "./wire/extender-messages.ts";

/** The verbs over HTTP, as `urlPrefix` `…/v1` and the verbs `filter`, `prioritize`, `preempt`, `bind` have the scheduler call them. */
export function extenderApp(extender: Pick<Extender, "filter" | "prioritize" | "preempt" | "bind">): Hono {
  const app = new Hono();
  const verb = <T>(name: string, schema: z.ZodType<T>, answer: (args: T) => object | Promise<object>) =>
    app.post(`/v1/${name}`, async (context) => {
      const parsed = schema.safeParse(await context.req.json().catch(() => undefined));
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const where = issue?.path.join(".") || "the body";
        return context.json(
          { error: `${name}: ${where}: ${issue?.message}; is the caller a kube-scheduler?` },
          400,
        );
      }
      return context.json(await answer(parsed.data));
    });
  verb("filter", ExtenderArgs, (args) => extender.filter(args));
  verb("prioritize", ExtenderArgs, (args) => extender.prioritize(args));
  verb("preempt", ExtenderPreemptionArgs, (args) => extender.preempt(args));
  verb("bind", ExtenderBindingArgs, (args) => extender.bind(args));
  app.onError((error, context) => context.json({ error: error.message }, 500));
  return app;
}
