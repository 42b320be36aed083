import { describe, expect, it } from "bun:test";
import { findInstanceType } from "./instance-types.ts";

describe("findInstanceType()", () => {
  const known: [string, { cpu: number; memory: number; eniQuota: number; addressesPerEni: number }][] = [
    ["S5.SMALL1", { cpu: 1, memory: 1, eniQuota: 2, addressesPerEni: 6 }],
    ["SA1.SMALL1", { cpu: 1, memory: 1, eniQuota: 2, addressesPerEni: 2 }],
    ["S5.MEDIUM2", { cpu: 2, memory: 2, eniQuota: 4, addressesPerEni: 10 }],
    ["SA2.LARGE16", { cpu: 4, memory: 16, eniQuota: 4, addressesPerEni: 10 }],
    ["S5se.LARGE16", { cpu: 4, memory: 16, eniQuota: 4, addressesPerEni: 20 }],
    ["S5.2XLARGE32", { cpu: 8, memory: 32, eniQuota: 6, addressesPerEni: 20 }],
    ["S5.3XLARGE24", { cpu: 12, memory: 24, eniQuota: 8, addressesPerEni: 30 }],
    ["S5.16XLARGE256", { cpu: 64, memory: 256, eniQuota: 8, addressesPerEni: 40 }],
    ["SA2.22XLARGE224", { cpu: 88, memory: 224, eniQuota: 8, addressesPerEni: 40 }],
  ];
  for (const [name, type] of known) {
    it(`knows ${name}`, () => {
      expect(findInstanceType(name)).toEqual(type);
    });
  }

  for (const name of ["", "S5", "S5.HUGE4", "BMS5.LARGE", "S5.MEDIUM", "m5.large"]) {
    it(`does not know "${name}"`, () => {
      expect(findInstanceType(name)).toBeUndefined();
    });
  }
});
