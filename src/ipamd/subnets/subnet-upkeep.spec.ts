import { beforeEach, expect, test } from "bun:test";
import { createRecordingLogger, type RecordingLogger } from "../../kube/testing/recording-logger.ts";
import { Notices } from "../signals/notices.ts";
import { SubnetUpkeep } from "./subnet-upkeep.ts";

let logger: RecordingLogger;
let readFails: Error | undefined;
let writeFails: Error | undefined;
let isDue: boolean;
let full: string[];
let emptied: number;
let upkeep: SubnetUpkeep;

beforeEach(() => {
  logger = createRecordingLogger();
  readFails = undefined;
  writeFails = undefined;
  isDue = false;
  full = [];
  emptied = 0;
  upkeep = new SubnetUpkeep({
    subnets: {
      async refresh() {
        if (readFails !== undefined) throw readFails;
        full = [];
        return [];
      },
      async publish() {
        if (writeFails !== undefined) throw writeFails;
      },
      full: () => full,
      hasChanged: () => isDue,
    },
    notices: new Notices({ record: () => {} }),
    logger,
    emptied: () => emptied++,
  });
});

const warnings = () => logger.lines.filter(({ level }) => level === "warn").length;

async function look(times: number): Promise<void> {
  for (let i = 0; i < times; i++) await upkeep.look();
}

test("what keeps the objects from being written is told once while it lasts, and again when it comes back", async () => {
  writeFails = new Error("forbidden");
  await look(5);
  expect(warnings()).toBe(1);
  writeFails = undefined;
  await look(1);
  writeFails = new Error("forbidden");
  await look(5);
  expect(warnings()).toBe(2);
});

test("so is what keeps the subnets from being read", async () => {
  isDue = true;
  readFails = new Error("no answer");
  await look(5);
  expect(warnings()).toBe(1);
  readFails = undefined;
  await look(1);
  readFails = new Error("no answer");
  await look(5);
  expect(warnings()).toBe(2);
});

test("nodes are looked at when a subnet that was full has addresses again", async () => {
  isDue = true;
  await look(1);
  expect(emptied).toBe(0);
  full = ["subnet-a"];
  await look(1);
  expect(emptied).toBe(1);
});
