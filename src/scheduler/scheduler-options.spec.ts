import { expect, test } from "bun:test";
import { hostname } from "node:os";
import { parseSchedulerOptions } from "./scheduler-options.ts";

const NEEDED = ["--tls-cert", "c.pem", "--tls-key", "k.pem", "--client-ca", "ca.pem"];

test("what is needed is enough", () => {
  expect(parseSchedulerOptions(NEEDED)).toEqual({
    kubeconfig: undefined,
    listen: { hostname: "0.0.0.0", port: 50_055 },
    tlsCertificate: "c.pem",
    tlsKey: "k.pem",
    clientAuthority: "ca.pem",
    allowedNames: new Set(["system:kube-scheduler"]),
    onlyNominated: false,
    healthListen: { hostname: "127.0.0.1", port: 61_680 },
    namespace: "kube-system",
    identity: hostname(),
    logLevel: "info",
  });
});

test("all can be said", () => {
  const more = ["--listen", "[::1]:443", "--allowed-names", "a, b", "--only-nominated-eni-subnets"];
  more.push("--health-listen", "0.0.0.0:8080", "--namespace", "network", "--identity", "here");
  expect(parseSchedulerOptions([...NEEDED, ...more])).toMatchObject({
    listen: { hostname: "::1", port: 443 },
    allowedNames: new Set(["a", "b"]),
    onlyNominated: true,
    healthListen: { hostname: "0.0.0.0", port: 8080 },
    namespace: "network",
    identity: "here",
  });
});

test.each<[string[], string]>([
  [["--tls-cert", "c.pem"], "--tls-key"],
  [[...NEEDED, "--listen", "50055"], "0.0.0.0:50055"],
  [[...NEEDED, "--listen", "a:70000"], "0.0.0.0:50055"],
  [[...NEEDED, "--health-listen", "61680"], "127.0.0.1:61680"],
  [[...NEEDED, "--allowed-names", " , "], "system:kube-scheduler"],
  [[...NEEDED, "--unknown"], "--unknown"],
])("%j is refused with a sentence", (argv, text) => {
  expect(() => parseSchedulerOptions(argv)).toThrow(text);
});
