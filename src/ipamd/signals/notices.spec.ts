import { describe, expect, test } from "bun:test";
import type { Occurrence } from "../../kube/event-series.ts";
import { Notices } from "./notices.ts";

const about = { apiVersion: "v1", kind: "Node", name: "node-1", uid: "node-1" };
const full: Occurrence = { about, type: "Warning", reason: "SubnetFull", message: "3 pods wait" };

function recording(): { notices: Notices; told: string[] } {
  const told: string[] = [];
  const notices = new Notices({ record: ({ about: { name }, message }) => told.push(`${name}: ${message}`) });
  return { notices, told };
}

describe("Notices", () => {
  test("tells a state once, however often it is looked at, and again when it has become another", () => {
    const { notices, told } = recording();
    notices.tell("readiness", full);
    notices.tell("readiness", full);
    expect(told).toEqual(["node-1: 3 pods wait"]);
    notices.tell("readiness", { ...full, reason: "QuotaReached" });
    expect(told).toHaveLength(2);
    notices.tell("readiness", full);
    expect(told).toHaveLength(3);
  });

  test("figures in the message make no other state where the state is named", () => {
    const { notices, told } = recording();
    notices.tell("readiness", full, "false");
    notices.tell("readiness", { ...full, message: "4 pods wait" }, "false");
    expect(told).toHaveLength(1);
    notices.tell("readiness", { ...full, message: "4 pods wait" }, "true");
    expect(told).toEqual(["node-1: 3 pods wait", "node-1: 4 pods wait"]);
  });

  test("a state that was over and comes again is told again", () => {
    const { notices, told } = recording();
    notices.tell("readiness", full);
    notices.over("readiness", about);
    notices.tell("readiness", full);
    expect(told).toHaveLength(2);
  });

  test("keeps topics, and objects of one name and another kind or namespace, apart", () => {
    const { notices, told } = recording();
    notices.tell("readiness", full);
    notices.tell("setting x", full);
    notices.tell("readiness", { ...full, about: { ...about, kind: "VpcSubnet" } });
    notices.tell("readiness", { ...full, about: { ...about, namespace: "kube-system" } });
    expect(told).toHaveLength(4);
    notices.over("setting x", about);
    notices.tell("readiness", full);
    expect(told).toHaveLength(4);
  });
});
