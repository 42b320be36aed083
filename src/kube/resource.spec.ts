import { describe, expect, test } from "bun:test";
import { leases, nodes, pods } from "./core-resources.ts";
import { apiVersionOf, collectionPath, objectPath } from "./resource.ts";

describe("paths", () => {
  test("core and named groups, cluster-scoped, in one namespace and in all", () => {
    expect(collectionPath(nodes)).toBe("/api/v1/nodes");
    expect(collectionPath(pods)).toBe("/api/v1/pods");
    expect(collectionPath(pods, "web")).toBe("/api/v1/namespaces/web/pods");
    expect(objectPath(leases, "ipamd", { namespace: "kube-system" })).toBe(
      "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/ipamd",
    );
    expect(objectPath(nodes, "n1", { subresource: "status" })).toBe("/api/v1/nodes/n1/status");
  });

  test("a name cannot leave its place in the path", () => {
    expect(objectPath(nodes, "../pods?x=1")).toBe("/api/v1/nodes/..%2Fpods%3Fx%3D1");
  });

  test("refuse what would mean a whole collection, or a place that does not exist", () => {
    expect(() => objectPath(nodes, "")).toThrow("one of nodes was asked for by an empty name");
    expect(() => objectPath(pods, "p")).toThrow('pods are namespaced: name the namespace of "p"');
    expect(() => collectionPath(nodes, "web")).toThrow(
      'nodes are cluster-scoped: ask for them without namespace "web"',
    );
  });
});

test("apiVersionOf() leaves the core group unnamed", () => {
  expect([apiVersionOf(nodes), apiVersionOf(leases)]).toEqual(["v1", "coordination.k8s.io/v1"]);
});
