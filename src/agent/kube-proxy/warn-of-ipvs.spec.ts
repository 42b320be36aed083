import { expect, it } from "bun:test";
import type { Occurrence } from "../../kube/event-series.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import { warnOfIpvs } from "./warn-of-ipvs.ts";

it("warnOfIpvs() tells once, by log and by an event of the Node, and again when it came back", async () => {
  const clock = createManualClock();
  const logger = createRecordingLogger();
  const told: Occurrence[] = [];
  const figures: boolean[] = [];
  let sign: string | undefined;
  const ending = new AbortController();
  const warning = warnOfIpvs(
    {
      clock,
      logger,
      recorder: { record: (it) => told.push(it) },
      tell: (it) => figures.push(it),
      sign: () => sign,
    },
    { node: "node-1", signal: ending.signal },
  );
  await clock.advance(120_000);
  expect(told).toEqual([]);
  sign = "there is a link kube-ipvs0";
  await clock.advance(180_000);
  expect(told).toMatchObject([
    { about: { kind: "Node", name: "node-1", uid: "node-1" }, type: "Warning", reason: "IPVSNotSupported" },
  ]);
  expect(told[0]?.message).toContain("there is a link kube-ipvs0");
  expect(logger.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
  sign = undefined;
  await clock.advance(60_000);
  sign = "IPVS has virtual servers";
  await clock.advance(60_000);
  expect(told).toHaveLength(2);
  expect(figures).toEqual([false, false, false, true, true, true, false, true]);
  ending.abort();
  await clock.advance(60_000);
  await warning;
});
