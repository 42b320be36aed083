import { describe, expect, it } from "bun:test";
import { conflist } from "./conflist.ts";

const PATHS = { socket: "/run/tke-eni-agent/cni.sock", releases: "/var/lib/tke-eni-agent/releases" };

describe("conflist()", () => {
  it("has tke-route-eni alone, unless more is asked for", () => {
    expect(JSON.parse(conflist({ ...PATHS, portMapping: false, bandwidth: false }))).toEqual({
      cniVersion: "1.0.0",
      cniVersions: ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
      name: "tke-route-eni",
      plugins: [
        {
          type: "tke-route-eni",
          capabilities: { "io.kubernetes.cri.pod-annotations": true },
          ipam: {
            type: "tke-eni-ipamc",
            backend: "unix:///run/tke-eni-agent/cni.sock",
            releases: "/var/lib/tke-eni-agent/releases",
          },
        },
      ],
    });
  });

  it("chains portmap and bandwidth behind it", () => {
    const { plugins } = JSON.parse(conflist({ ...PATHS, portMapping: true, bandwidth: true }));
    expect(plugins.slice(1)).toEqual([
      { type: "portmap", capabilities: { portMappings: true }, snat: true },
      { type: "bandwidth", capabilities: { bandwidth: true } },
    ]);
  });
});
