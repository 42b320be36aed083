import { expect, test } from "bun:test";
import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";
import { addRequest, type NewPod } from "./add-request.ts";
import { ADD_REQUEST_CASES } from "./testing/add-request-cases.ts";

/** What the containers ask for after it, init containers behind the others. */
function after({ metadata, spec }: NewPod): readonly unknown[] {
  const [first, ...others] = spec.containers ?? [];
  const operations = addRequest({ ...(metadata && { metadata }), spec }) ?? [];
  expect(operations.length).toBeLessThanOrEqual(1);
  const resources = operations.map(({ op, path, value }) => {
    expect({ op, path }).toEqual({ op: "add", path: "/spec/containers/0/resources" });
    return value;
  });
  return [
    resources[0] ?? first?.resources ?? {},
    ...[...others, ...(spec.initContainers ?? [])].map((container) => container.resources ?? {}),
  ];
}

test.each(ADD_REQUEST_CASES.map((it) => [it.what, it] as const))(
  "%s",
  (_, { annotations, spec, resources }) => {
    expect(after({ metadata: { ...(annotations && { annotations }) }, spec })).toEqual([...resources]);
  },
);

test("a second call, after somebody else's changes, adds nothing", () => {
  const [{ value } = { value: undefined }] = addRequest({ spec: { containers: [{}] } }) ?? [];
  expect(value).toEqual({ limits: { [ENI_IP_RESOURCE]: "1" }, requests: { [ENI_IP_RESOURCE]: "1" } });
  const container = { resources: value as object };
  expect(addRequest({ spec: { containers: [container] } })).toBeUndefined();
  expect(addRequest({ spec: { containers: [{}, container] } })).toBeUndefined();
});

test("claims of devices, and what a later Kubernetes has there, stay", () => {
  const resources = { claims: [{ name: "gpu" }], limits: null, other: 1 };
  expect(addRequest({ spec: { containers: [{ resources }] } })?.[0]?.value).toMatchObject({
    claims: [{ name: "gpu" }],
    other: 1,
  });
});

test.each<[NewPod]>([[{ spec: {} }], [{ spec: { containers: null } }], [{ spec: { containers: [] } }]])(
  "a pod without a container, which the API server refuses later, is left alone: %j",
  (pod) => {
    expect(addRequest(pod)).toBeUndefined();
  },
);

test("a request alone, without a limit, is one", () => {
  const resources = { requests: { [ENI_IP_RESOURCE]: "1" } };
  expect(addRequest({ spec: { containers: [{ resources }] } })).toBeUndefined();
});
