// A program: an extender that knows nothing, accepts every node at once and binds by the API. Behind the same door and with the same options as tke-eni-ip-scheduler;
// with `--with-claims` before them it makes a claim for each pod, as that has to.
import { readFileSync } from "node:fs";
import { CLAIM_FINALIZER, VPC_IP_CLAIM, type VpcIPClaim } from "../../src/api/vpc-ip-claim.ts";
import { createKubeClient } from "../../src/kube/kube-client.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { openServerAccess } from "../../src/kube/server-access.ts";
import { createTransport } from "../../src/kube/transport.ts";
import { parseSchedulerOptions } from "../../src/scheduler/scheduler-options.ts";
import { serveTls } from "../../src/scheduler/serve-tls.ts";

const args = process.argv.slice(2);
const makesClaims = args[0] === "--with-claims";
const options = parseSchedulerOptions(makesClaims ? args.slice(1) : args);
const transport = createTransport(await openServerAccess({ kubeconfig: options.kubeconfig }));

const kube = createKubeClient(transport);
const claims: Resource<VpcIPClaim> = VPC_IP_CLAIM;

async function answer(verb: string | undefined, args: Record<string, unknown>): Promise<object> {
  switch (verb) {
    case "filter":
      return { NodeNames: args["NodeNames"], FailedNodes: {}, Error: "" };
    case "prioritize":
      return (args["NodeNames"] as string[]).map((Host) => ({ Host, Score: 5 }));
    case "bind":
      return bind(args as Record<string, string>);
    default:
      throw new Error(`nothing is measured of ${verb}`);
  }
}

async function bind({
  PodName: name = "",
  PodNamespace: namespace = "",
  PodUID: uid = "",
  Node = "",
}: Record<string, string>) {
  if (makesClaims) {
    await kube.create(claims, {
      metadata: { name, namespace, finalizers: [CLAIM_FINALIZER] },
      spec: { policy: "Immediate", subnetID: "subnet-any", node: Node, podUID: uid },
    });
  }
  await transport.call({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/pods/${name}/binding`,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, namespace, uid },
      target: { apiVersion: "v1", kind: "Node", name: Node },
    }),
  });
  return { Error: "" };
}

await serveTls({
  ...options.listen,
  certificate: readFileSync(options.tlsCertificate, "utf8"),
  key: readFileSync(options.tlsKey, "utf8"),
  clientAuthority: readFileSync(options.clientAuthority, "utf8"),
  allowedNames: options.allowedNames,
  fetch: async (request) =>
    Response.json(
      await answer(request.url.split("/").at(-1), (await request.json()) as Record<string, unknown>),
    ),
  keepsConnections: () => true,
});
console.log("pods can be decided about");
