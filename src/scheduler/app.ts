import { Hono } from "hono";
import type { z } from "zod";
import type { Extender } from "./extender.ts";
import type { Outcome } from "./verb-figures.ts";
import { ExtenderArgs, ExtenderBindingArgs, ExtenderPreemptionArgs } from "./wire/extender-messages.ts";

export interface ExtenderAppOptions {
  readonly extender: Pick<Extender, "filter" | "prioritize" | "preempt" | "bind">;
  /** Told of each answer, with the time that it took. */
  readonly answered: (verb: string, outcome: Outcome, ms: number) => void;
  /** Milliseconds since an arbitrary point. */
  readonly stopwatch: () => number;
}

/** The verbs over HTTP, as `urlPrefix` `…/v1` and the verbs `filter`, `prioritize`, `preempt`, `bind` have the scheduler call them. */
export function extenderApp({ extender, answered, stopwatch }: ExtenderAppOptions): Hono {
  const app = new Hono();
  function verb<T, R extends object>(
    name: string,
    schema: z.ZodType<T>,
    { answer, outcome }: { answer: (args: T) => R | Promise<R>; outcome: (answer: R) => Outcome },
  ): void {
    app.post(`/v1/${name}`, async (context) => {
      const began = stopwatch();
      const parsed = schema.safeParse(await context.req.json().catch(() => undefined));
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const where = issue?.path.join(".") || "the body";
        return context.json(
          { error: `${name}: ${where}: ${issue?.message}; is the caller a kube-scheduler?` },
          400,
        );
      }
      try {
        const result = await answer(parsed.data);
        answered(name, outcome(result), stopwatch() - began);
        return context.json(result);
      } catch (error) {
        answered(name, "error", stopwatch() - began);
        return context.json({ error: error instanceof Error ? error.message : String(error) }, 500);
      }
    });
  }
  verb("filter", ExtenderArgs, {
    answer: (args) => extender.filter(args),
    outcome: (result) => (result.Error !== "" ? "error" : result.NodeNames.length > 0 ? "passed" : "refused"),
  });
  verb("prioritize", ExtenderArgs, {
    answer: (args) => extender.prioritize(args),
    outcome: () => "passed",
  });
  verb("preempt", ExtenderPreemptionArgs, {
    answer: (args) => extender.preempt(args),
    outcome: ({ NodeNameToMetaVictims }) =>
      Object.keys(NodeNameToMetaVictims).length > 0 ? "passed" : "refused",
  });
  verb("bind", ExtenderBindingArgs, {
    answer: (args) => extender.bind(args),
    outcome: (result) => (result.Error === "" ? "passed" : "error"),
  });
  return app;
}
