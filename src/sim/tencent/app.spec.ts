import { describe, expect, it } from "bun:test";
import { simulatedWorld } from "../config.ts";
import { noFabric } from "../fabric/fabric.ts";
import { systemClock } from "../simulator.ts";
import { createTencentApp } from "./app.ts";
import { dateOf, tc3Signature } from "./sign.ts";
import { createSimulatedCloud } from "./simulated-cloud.ts";

const log = { debug() {}, info() {}, warn() {} };
const world = simulatedWorld();
const { api } = createSimulatedCloud(world, {
  clock: systemClock,
  fabric: noFabric,
  log,
  newRequestId: () => "request-1",
});
const app = createTencentApp({ api, closing: new AbortController().signal });

interface Request {
  readonly host: string;
  readonly service: string;
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** Sends a request that is signed as it should be. */
async function send({ host, service, body, headers }: Request) {
  const timestamp = Math.floor(Date.now() / 1000);
  const signedHeaders = [
    ["content-type", "application/json"],
    ["host", host],
  ] as const;
  const request = { method: "POST", path: "/", query: "", headers: signedHeaders, body, timestamp, service };
  const [caller] = world.credentials;
  const signature = tc3Signature(request, caller?.secretKey ?? "");
  const scope = `${caller?.secretId}/${dateOf(timestamp)}/${service}/tc3_request`;
  const response = await app.request(`http://${host}/`, {
    method: "POST",
    body,
    headers: {
      ...Object.fromEntries(signedHeaders),
      "X-TC-Timestamp": String(timestamp),
      Authorization: `TC3-HMAC-SHA256 Credential=${scope}, SignedHeaders=content-type;host, Signature=${signature}`,
      ...headers,
    },
  });
  expect(response.status).toBe(200);
  const envelope = (await response.json()) as { Response: { Error?: { Code: string }; RequestId: string } };
  return envelope.Response;
}

const describeVpcs: Request = {
  host: "vpc.tencentcloudapi.com",
  service: "vpc",
  body: "{}",
  headers: { "X-TC-Action": "DescribeVpcs", "X-TC-Version": "2017-03-12", "X-TC-Region": world.region },
};

describe("the wire API", () => {
  it("wraps an answer and its id into an envelope", async () => {
    expect(await send(describeVpcs)).toMatchObject({ TotalCount: 1, RequestId: "request-1" });
  });

  it("takes an empty body for no parameters", async () => {
    expect(await send({ ...describeVpcs, body: "" })).toMatchObject({ TotalCount: 1 });
  });

  it("finds the product by the host, by the scope of the signature, and at a bare address by the action", async () => {
    for (const [host, service] of [
      ["vpc.ap-sim.tencentcloudapi.com", "vpc"],
      ["169.254.0.55", "vpc"],
      ["169.254.0.55", "169"],
    ] as const) {
      expect(await send({ ...describeVpcs, host, service })).toMatchObject({ TotalCount: 1 });
    }
  });

  const header = (name: string, value: string) => ({ headers: { ...describeVpcs.headers, [name]: value } });
  const refused: [string, Partial<Request>, string][] = [
    ["an action of another product", header("X-TC-Action", "DescribeInstances"), "InvalidAction"],
    ["an action named as every object's member is", header("X-TC-Action", "constructor"), "InvalidAction"],
    ["no action", header("X-TC-Action", ""), "MissingParameter"],
    ["another version", header("X-TC-Version", "2020-01-01"), "NoSuchVersion"],
    ["another region", header("X-TC-Region", "ap-moon"), "UnsupportedRegion"],
    ["no region", header("X-TC-Region", ""), "MissingParameter"],
    ["a body that is not JSON", { body: "{" }, "InvalidParameter"],
    ["a body that is no object", { body: "[]" }, "InvalidParameter"],
    ["an unknown parameter", { body: '{"Colour":"red"}' }, "UnknownParameter"],
    [
      "an unknown parameter further in",
      { body: '{"Filters":[{"Name":"x","Values":["y"],"Op":1}]}' },
      "UnknownParameter",
    ],
    [
      "a filter without values",
      { body: '{"Filters":[{"Name":"x","Values":[]}]}' },
      "InvalidParameterValue.Empty",
    ],
    ["a limit that is too great", { body: '{"Limit":"101"}' }, "InvalidParameterValue.Range"],
    ["an offset below zero", { body: '{"Offset":-1}' }, "InvalidParameterValue.Range"],
    [
      "more ids than a request may name",
      { body: JSON.stringify({ VpcIds: Array(101).fill("vpc-sim00001") }) },
      "InvalidParameterValue.LimitExceeded",
    ],
    ["an id that does not exist", { body: '{"VpcIds":["vpc-00000000"]}' }, "ResourceNotFound"],
  ];
  for (const [what, changes, code] of refused) {
    it(`refuses ${what} with ${code}`, async () => {
      const { Error: error, RequestId } = await send({ ...describeVpcs, ...changes });
      expect([error?.Code, RequestId]).toEqual([code, "request-1"]);
    });
  }
});
