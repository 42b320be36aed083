import { expect, test } from "bun:test";
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
    logLevel: "info",
  });
});

test("all can be said", () => {
  const more = ["--listen", "[::1]:443", "--allowed-names", "a, b", "--only-nominated-eni-subnets"];
  expect(parseSchedulerOptions([...NEEDED, ...more])).toMatchObject({
    listen: { hostname: "::1", port: 443 },
    allowedNames: new Set(["a", "b"]),
    onlyNominated: true,
  });
});

test.each<[string[], string]>([
  [["--tls-cert", "c.pem"], "--tls-key"],
  [[...NEEDED, "--listen", "50055"], "0.0.0.0:50055"],
  [[...NEEDED, "--listen", "a:70000"], "0.0.0.0:50055"],
  [[...NEEDED, "--allowed-names", " , "], "system:kube-scheduler"],
  [[...NEEDED, "--unknown"], "--unknown"],
])("%j is refused with a sentence", (argv, text) => {
  expect(() => parseSchedulerOptions(argv)).toThrow(text);
});
