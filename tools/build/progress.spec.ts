import { expect, test } from "bun:test";
import { createProgress } from "./progress.ts";

function clock(...times: number[]): () => number {
  return () => times.shift() ?? 0;
}

test("step() announces the work and tells how long it took", async () => {
  const lines: string[] = [];
  const progress = createProgress((line) => lines.push(line), clock(1000, 3500));
  expect(await progress.step("building etcd", async () => 7)).toBe(7);
  expect(lines).toEqual(["building etcd …", "building etcd: 2.5 s"]);
});

test("step() tells that the work failed, and passes the error on", async () => {
  const lines: string[] = [];
  const progress = createProgress((line) => lines.push(line), clock(0, 100));
  await expect(progress.step("building etcd", () => Promise.reject(new Error("no Go")))).rejects.toThrow(
    "no Go",
  );
  expect(lines).toEqual(["building etcd …", "building etcd: failed after 0.1 s"]);
});
