import { expect, test } from "bun:test";
import type { Occurrence } from "../../kube/event-series.ts";
import { Notices } from "./notices.ts";
import { SettingNotices } from "./setting-notices.ts";

test("a wrong value is told once, and again when it is set again after a right one", () => {
  const told: Occurrence[] = [];
  const settings = new SettingNotices(new Notices({ record: (it) => void told.push(it) }));
  const about = { apiVersion: "v1", kind: "ConfigMap", namespace: "kube-system", name: "tke-eni-ipamd" };
  const problem = { key: "KEY", value: "no", message: 'KEY "no" is none' };
  settings.show(about, [problem]);
  settings.show(about, [problem]);
  expect(told.map(({ message, reason }) => [message, reason])).toEqual([[problem.message, "InvalidSetting"]]);
  settings.show(about, []);
  settings.show(about, [problem]);
  expect(told).toHaveLength(2);
  settings.show(about, [{ ...problem, value: "neither", message: 'KEY "neither" is none' }]);
  expect(told).toHaveLength(3);
});
