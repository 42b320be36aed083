import { describe, expect, test } from "bun:test";
import { inClusterAccess } from "./in-cluster-access.ts";

const folder = "/nonexistent";

describe("inClusterAccess()", () => {
  test.each([
    ["10.0.0.1", "https://10.0.0.1:443"],
    ["fd00::1", "https://[fd00::1]:443"],
  ])("speaks to %s by its address", (host, server) => {
    const env = { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: "443" };
    expect(inClusterAccess({ env, folder }).server).toBe(server);
  });

  test("says when this is no pod", () => {
    expect(() => inClusterAccess({ env: {}, folder })).toThrow("this is no pod, name a kubeconfig");
  });
});
