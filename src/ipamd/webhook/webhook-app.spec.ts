import { expect, test } from "bun:test";
import { webhookApp } from "./webhook-app.ts";

const app = webhookApp();
const review = {
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "u1",
    kind: { group: "", version: "v1", kind: "Pod" },
    operation: "CREATE",
    dryRun: false,
    object: { metadata: {}, spec: { containers: [{ name: "main", image: "none", resources: {} }] } },
  },
};

interface Answer {
  readonly apiVersion: string;
  readonly kind: string;
  readonly response: { readonly uid: string; readonly allowed: boolean; readonly patch: string };
  readonly error: string;
}

async function post(body: string, path = "/add-pod-eni-ip-limit") {
  const headers = { "content-type": "application/json" };
  const answer = await app.request(path, { method: "POST", headers, body });
  return { status: answer.status, json: async (): Promise<Answer> => JSON.parse(await answer.text()) };
}

test("a pod that is to ask is answered with a patch, under the UID of the question", async () => {
  const answer = await post(JSON.stringify(review));
  expect(answer.status).toBe(200);
  const { apiVersion, kind, response } = await answer.json();
  expect({ apiVersion, kind }).toEqual({ apiVersion: review.apiVersion, kind: review.kind });
  expect(response).toMatchObject({ uid: "u1", allowed: true, patchType: "JSONPatch" });
  expect(JSON.parse(atob(response.patch))).toMatchObject([
    { op: "add", path: "/spec/containers/0/resources" },
  ]);
});

test("any other pod is allowed as it is", async () => {
  const object = { ...review.request.object, spec: { ...review.request.object.spec, hostNetwork: true } };
  const answer = await post(JSON.stringify({ ...review, request: { ...review.request, object } }));
  expect((await answer.json()).response as object).toEqual({ uid: "u1", allowed: true });
});

test.each<[string, string, string]>([
  ["no JSON", "no", "the body"],
  ["another version", JSON.stringify({ ...review, apiVersion: "admission.k8s.io/v1beta1" }), "apiVersion"],
  [
    "another object",
    JSON.stringify({
      ...review,
      request: { ...review.request, kind: { group: "apps", version: "v1", kind: "Deployment" } },
    }),
    "request.kind.group",
  ],
  [
    "an update",
    JSON.stringify({ ...review, request: { ...review.request, operation: "UPDATE" } }),
    "request.operation",
  ],
])("is refused, with the place where it is wrong: %s", async (_, body, where) => {
  const answer = await post(body);
  expect(answer.status).toBe(400);
  expect((await answer.json()).error).toStartWith(`${where}: `);
});

test("nothing else is served", async () => {
  expect((await post(JSON.stringify(review), "/")).status).toBe(404);
  expect((await app.request("/add-pod-eni-ip-limit")).status).toBe(404);
});
