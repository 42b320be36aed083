import { expect, test } from "bun:test";
import { definitionStep } from "./definitions.ts";

function existing(labels: Record<string, string>, annotations: Record<string, string> = {}) {
  return {
    metadata: { name: "x", uid: "u", resourceVersion: "1", creationTimestamp: "", labels, annotations },
    spec: {},
  };
}

const ours = { "app.kubernetes.io/managed-by": "tke-eni" };
const schema = (n: string) => ({ "networking.tke.cloud.tencent.com/schema": n });

test("definitionStep() applies what is missing or of the same schema, keeps a newer one, refuses a foreign one", () => {
  expect(definitionStep("x", undefined)).toEqual({ apply: true });
  expect(definitionStep("x", existing(ours, schema("1")))).toEqual({ apply: true });
  expect(definitionStep("x", existing(ours, schema("999")))).toEqual({ apply: false });
  expect(definitionStep("x", existing({}))).toMatchObject({ refuse: expect.stringContaining("not ours") });
});
