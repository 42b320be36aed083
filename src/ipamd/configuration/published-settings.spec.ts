import { expect, test } from "bun:test";
import { NEC_ANNOTATIONS } from "../../api/annotations.ts";
import { readNodeSettings } from "./node-settings.ts";
import { publishedSettings } from "./published-settings.ts";

const status = {
  warm: { min: 2, max: 8 },
  limit: { enis: 2, addressesPerENI: 10, addresses: 20 },
};

test("a wrong value leaves in force what a former leader has published", () => {
  const read = (annotations: Record<string, string>) =>
    readNodeSettings(
      {
        config: { metadata: { name: "node-1", annotations }, spec: {} },
        node: { metadata: {} },
        defaults: { warm: { min: 5, max: 5 } },
        quota: { enis: 8, addressesPerEni: 30 },
        inUse: { enis: 1, mostPerEni: 1, total: 1 },
        subnets: [],
      },
      publishedSettings(status),
    ).settings;
  const wrong = read({ [NEC_ANNOTATIONS.minWarm]: "x", [NEC_ANNOTATIONS.maxEnis]: "0" });
  expect(wrong).toMatchObject({ warm: { min: 2, max: 8 }, maxEnis: 2, maxAddressesPerEni: 29 });
  expect(read({})).toMatchObject({ warm: { min: 5, max: 5 }, maxEnis: 7 });
});

test("before anything was published nothing is known", () => {
  expect(publishedSettings(undefined)).toBeUndefined();
  expect(publishedSettings({ warm: { min: 1, max: 1 } })).toBeUndefined();
});
