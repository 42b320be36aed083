import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { createManualClock } from "../time/testing/manual-clock.ts";
import { kubeConfigAccess } from "./kubeconfig-access.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tke-eni-kubeconfig-"));
});
afterEach(() => rm(folder, { recursive: true }));

function config(user: object, cluster: object = {}): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromOptions({
    clusters: [{ name: "c", server: "https://api.example:6443/", skipTLSVerify: false, ...cluster }],
    users: [{ name: "u", ...user }],
    contexts: [{ name: "x", cluster: "c", user: "u", namespace: "shop" }],
    currentContext: "x",
  });
  return kubeConfig;
}

describe("kubeConfigAccess()", () => {
  test("takes CA, certificate and key from the kubeconfig itself", async () => {
    const access = kubeConfigAccess(
      config({ certData: btoa("cert"), keyData: btoa("key") }, { caData: btoa("ca") }),
    );
    expect(access.server).toBe("https://api.example:6443");
    expect(access.namespace).toBe("shop");
    expect(await access.credentials()).toEqual({ headers: {}, tls: { ca: "ca", cert: "cert", key: "key" } });
  });

  test("reads files again when they are rotated", async () => {
    const clock = createManualClock();
    const tokenFile = join(folder, "token");
    const certFile = join(folder, "cert");
    await writeFile(tokenFile, "first\n");
    await writeFile(certFile, "cert 1");
    const user = { certFile, authProvider: { name: "tokenFile", config: { tokenFile } } };
    const access = kubeConfigAccess(config(user), { clock });
    expect(await access.credentials()).toEqual({
      headers: { authorization: "Bearer first" },
      tls: { cert: "cert 1" },
    });
    await writeFile(tokenFile, "second\n");
    await writeFile(certFile, "cert 2");
    access.forget();
    expect(await access.credentials()).toEqual({
      headers: { authorization: "Bearer second" },
      tls: { cert: "cert 2" },
    });
  });

  test("carries over the server's name, impersonation and the wish not to verify", async () => {
    const access = kubeConfigAccess(
      config({ token: "t", impersonateUser: "bob" }, { tlsServerName: "api", skipTLSVerify: true }),
    );
    expect(await access.credentials()).toEqual({
      headers: { authorization: "Bearer t", "impersonate-user": "bob" },
      tls: { serverName: "api", rejectUnauthorized: false },
    });
  });

  test("a plain server is spoken to without credentials only", async () => {
    const plain = { server: "http://127.0.0.1:8001" };
    expect(await kubeConfigAccess(config({}, plain)).credentials()).toEqual({ headers: {}, tls: {} });
    expect(() => kubeConfigAccess(config({ token: "t" }, plain))).toThrow(
      'user "u" of the kubeconfig has credentials, but http://127.0.0.1:8001 is not https',
    );
  });

  test.each([
    [{ exec: { command: "aws" } }, {}, 'user "u" of the kubeconfig runs "aws" for its credentials'],
    [
      { authProvider: { name: "oidc", config: {} } },
      {},
      'user "u" of the kubeconfig has auth-provider "oidc"',
    ],
    [{ username: "u", password: "p" }, {}, 'user "u" of the kubeconfig has a password'],
    [{}, { proxyUrl: "socks5://p" }, 'cluster "c" of the kubeconfig has proxy-url "socks5://p"'],
  ])("refuses %j %j", (user, cluster, message) => {
    expect(() => kubeConfigAccess(config(user, cluster))).toThrow(message);
  });

  test("says what is missing", () => {
    const empty = new KubeConfig();
    empty.loadFromOptions({ clusters: [], users: [], contexts: [], currentContext: "gone" });
    expect(() => kubeConfigAccess(empty)).toThrow(
      'the kubeconfig has no cluster for its current context "gone"',
    );
  });
});
