import { Hono } from "hono";
import { z } from "zod";
import { addRequest } from "./add-request.ts";
import { WEBHOOK_PATH } from "./webhook-configuration.ts";

const Quantities = z.record(z.string(), z.unknown()).nullish();
const Containers = z
  .array(z.looseObject({ resources: z.looseObject({ limits: Quantities, requests: Quantities }).nullish() }))
  .nullish();

/** admission.k8s.io/v1 AdmissionReview of a pod that is about to be made. */
const PodReview = z.object({
  apiVersion: z.literal("admission.k8s.io/v1"),
  kind: z.literal("AdmissionReview"),
  request: z.object({
    uid: z.string(),
    kind: z.object({ group: z.literal(""), version: z.literal("v1"), kind: z.literal("Pod") }),
    operation: z.literal("CREATE"),
    object: z.object({
      metadata: z.object({ annotations: z.record(z.string(), z.string()).nullish() }).optional(),
      spec: z.object({
        hostNetwork: z.boolean().optional(),
        containers: Containers,
        initContainers: Containers,
      }),
    }),
  }),
});

/** The webhook over HTTP: POST of an AdmissionReview, answered with the patch that has the pod ask for an address. */
export function webhookApp(): Hono {
  const app = new Hono();
  app.post(WEBHOOK_PATH, async (context) => {
    const review = PodReview.safeParse(await context.req.json().catch(() => undefined));
    if (!review.success) {
      const [issue] = review.error.issues;
      const where = issue?.path.join(".") || "the body";
      return context.json(
        {
          error: `${where}: ${issue?.message}: only AdmissionReviews of v1 Pods that are created belong here`,
        },
        400,
      );
    }
    const { uid, object } = review.data.request;
    const operations = addRequest(object);
    return context.json({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: {
        uid,
        allowed: true,
        ...(operations !== undefined && {
          patchType: "JSONPatch",
          patch: Buffer.from(JSON.stringify(operations)).toString("base64"),
        }),
      },
    });
  });
  return app;
}
