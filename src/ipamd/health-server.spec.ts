import { expect, test } from "bun:test";
import { healthApp } from "./health-server.ts";

test.each([
  [true, 200],
  [false, 503],
])("GET /health while ready is %p answers %p with the age of each view", async (ready, status) => {
  const app = healthApp(() => ({ ready, leader: true, watches: { nodes: 12 } }));
  const answer = await app.request("/health");
  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual({ ready, leader: true, watches: { nodes: 12 } });
});
