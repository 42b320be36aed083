import { describe, expect, test } from "bun:test";
import { errorFromAnswer, errorFromStatus, errorWithoutAnswer } from "./kube-error.ts";

describe("errorFromAnswer()", () => {
  test("takes reason, message and details of a Status", () => {
    const error = errorFromAnswer("GET /api/v1/nodes/n1", {
      status: 404,
      body: '{"kind":"Status","code":404,"reason":"NotFound","message":"nodes \\"n1\\" not found","details":{"name":"n1","kind":"nodes"}}',
    });
    expect(error.message).toBe('GET /api/v1/nodes/n1: 404 NotFound: nodes "n1" not found');
    expect(error.isNotFound).toBe(true);
    expect(error.answered).toBe(true);
    expect(error.details?.name).toBe("n1");
  });

  test.each([
    ["404 page not found\n", "of a path that is not served"],
    ['{"error":"not here"}', "of something that is no API server"],
    ["<html>", "of a proxy"],
    ["{", "cut short"],
  ])("a 404 %j, %s, says nothing about the object", (body) => {
    const error = errorFromAnswer("GET /apis/x/v1/things/t", { status: 404, body });
    expect(error.status).toBe(404);
    expect(error.isNotFound).toBe(false);
  });

  test("tells the kinds of 409 apart", () => {
    const body = (reason: string) => JSON.stringify({ kind: "Status", code: 409, reason, message: "no" });
    expect(errorFromAnswer("x", { status: 409, body: body("AlreadyExists") }).isAlreadyExists).toBe(true);
    expect(errorFromAnswer("x", { status: 409, body: body("AlreadyExists") }).isConflict).toBe(false);
    expect(errorFromAnswer("x", { status: 409, body: body("Conflict") }).isConflict).toBe(true);
  });

  test("takes Retry-After from the header, else from the details", () => {
    const body = '{"kind":"Status","code":429,"reason":"TooManyRequests","details":{"retryAfterSeconds":3}}';
    expect(errorFromAnswer("x", { status: 429, body, retryAfter: "1" }).retryAfterMs).toBe(1000);
    expect(errorFromAnswer("x", { status: 429, body }).retryAfterMs).toBe(3000);
    expect(
      errorFromAnswer("x", { status: 429, body: "", retryAfter: "Fri, 31 Dec" }).retryAfterMs,
    ).toBeUndefined();
  });
});

test("errorFromStatus() goes by the Status's own code inside a watch", () => {
  const error = errorFromStatus("watch", {
    code: 410,
    reason: "Expired",
    message: "too old resource version",
  });
  expect(error.isGone).toBe(true);
});

test("errorWithoutAnswer() keeps the cause and says that nobody answered", () => {
  const cause = Object.assign(new TypeError("Unable to connect"), { code: "ECONNREFUSED" });
  const error = errorWithoutAnswer("GET /api", "Unreachable", cause);
  expect(error.message).toBe("GET /api: the API server cannot be reached: ECONNREFUSED: Unable to connect");
  expect(error.answered).toBe(false);
  expect(error.cause).toBe(cause);
});
