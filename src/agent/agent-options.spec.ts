import { expect, it } from "bun:test";
import { parseAgentOptions } from "./agent-options.ts";

it("parseAgentOptions() has the node's standard paths as defaults", () => {
  expect(parseAgentOptions([], { NODE_NAME: "node-1", POD_NAME: "tke-eni-agent-x" })).toEqual({
    nodeName: "node-1",
    instance: "tke-eni-agent-x",
    kubeconfig: undefined,
    coolDownMs: 30_000,
    portMapping: false,
    bandwidth: false,
    ipMasq: false,
    linkLocal: "primary",
    pluginsSource: "/opt/tke-eni/bin",
    cniBin: "/opt/cni/bin",
    cniConf: "/etc/cni/net.d",
    runFolder: "/run/tke-eni-agent",
    stateFolder: "/var/lib/tke-eni-agent",
    kubeletFolder: "/var/lib/kubelet",
    criSocket: "/run/containerd/containerd.sock",
    hostEtc: "/host/etc",
    dropIns: true,
    metricsAddress: undefined,
    logLevel: "info",
    probe: undefined,
  });
});

it("parseAgentOptions() switches kubelet and runtime off by an empty value", () => {
  const options = parseAgentOptions(["--node-name=n", "--kubelet-folder=", "--cri-socket="], {});
  expect(options.kubeletFolder).toBeUndefined();
  expect(options.criSocket).toBeUndefined();
});

it.each([
  ["127.0.0.1:61680", { hostname: "127.0.0.1", port: 61_680 }],
  ["[::1]:80", { hostname: "::1", port: 80 }],
])("parseAgentOptions() takes %s for the metrics' address", (text, metricsAddress) => {
  expect(parseAgentOptions(["--node-name=n", "--metrics-address", text], {})).toMatchObject({
    metricsAddress,
  });
});

const refused: [string[], RegExp][] = [
  [[], /--node-name is missing/],
  [["--node-name=n", "--cool-down=soon"], /"2m"/],
  [["--node-name=n", "--probe=dead"], /alive, ready/],
  [["--node-name=n", "--link-local=both"], /primary, eni/],
  [["--node-name=n", "--metrics-address=61680"], /"127.0.0.1:61680"/],
  [["--node-name=n", "--metrics-address=localhost:99999"], /"127.0.0.1:61680"/],
  [["--node-name=n", "--frobnicate"], /frobnicate/],
];
for (const [argv, reason] of refused) {
  it(`parseAgentOptions() refuses ${JSON.stringify(argv)}`, () => {
    expect(() => parseAgentOptions(argv, {})).toThrow(reason);
  });
}
