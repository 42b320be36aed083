import { afterAll, beforeAll, expect, test } from "bun:test";
import { waitUntil } from "../cluster/wait-until.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

let server: ApiServer;

// Long enough to build Kubernetes where the cache is empty.
beforeAll(async () => {
  server = await startApiServer();
}, 900_000);

afterAll(() => server.stop());

test("the administrator may do everything, a user nothing by itself", async () => {
  expect(await server.kubectl(["get", "namespaces", "--output=name"])).toContain("namespace/kube-system");
  const reader = await server.kubeconfigOf({ name: "reader", groups: ["readers"] });
  const asReader = [`--kubeconfig=${reader}`, "get", "configmaps"];
  await expect(server.kubectl(asReader)).rejects.toThrow('User "reader" cannot list resource "configmaps"');
  await server.kubectl(["create", "role", "readers", "--verb=list", "--resource=configmaps"]);
  await server.kubectl(["create", "rolebinding", "readers", "--role=readers", "--group=readers"]);
  // The authoriser sees a new binding through a watch of its own, a few milliseconds later.
  await waitUntil("the binding's effect", () => server.kubectl(asReader), { deadlineMs: 3000 });
});

test("a service account acts by its token", async () => {
  await server.kubectl(["create", "serviceaccount", "robot"]);
  const robot = await server.kubeconfigOfServiceAccount("default", "robot");
  const user = await server.kubectl([
    `--kubeconfig=${robot}`,
    "auth",
    "whoami",
    "--output=jsonpath={.status.userInfo.username}",
  ]);
  expect(user).toBe("system:serviceaccount:default:robot");
});

test("crash() takes the API server away and resume() brings it back with its data", async () => {
  await server.kubectl(["create", "configmap", "kept"]);
  await server.crash();
  await expect(fetch(`${server.url}/readyz`)).rejects.toThrow();
  await server.resume();
  expect(await server.kubectl(["get", "configmap", "kept", "--output=name"])).toBe("configmap/kept\n");
});
