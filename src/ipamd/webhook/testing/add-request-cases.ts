import { ENI_IP_RESOURCE } from "../../../api/extended-resources.ts";

export interface Resources {
  readonly limits?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
}

export interface CaseContainer {
  readonly name: string;
  readonly restartPolicy?: "Always";
  readonly resources?: Resources;
}

/** A pod that is made, and what its containers then ask for, init containers behind the others. */
export interface AddRequestCase {
  readonly what: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly hostNetwork?: boolean;
    readonly nodeName?: string;
    readonly resources?: Resources;
    readonly containers: readonly CaseContainer[];
    readonly initContainers?: readonly CaseContainer[];
  };
  readonly resources: readonly Resources[];
}

const DIRECT_ENI = "tke.cloud.tencent.com/direct-eni";
const SUB_ENI = "tke.cloud.tencent.com/sub-eni";
const NETWORKS = "tke.cloud.tencent.com/networks";

const asks = (resource: string): Resources => ({
  limits: { [resource]: "1" },
  requests: { [resource]: "1" },
});
const ADDRESS = asks(ENI_IP_RESOURCE);
const main = { name: "main" };

/** What the policy of k8s/components/add-request and the webhook must agree on. */
export const ADD_REQUEST_CASES: readonly AddRequestCase[] = [
  { what: "a pod that asks for nothing", spec: { containers: [main] }, resources: [ADDRESS] },
  {
    what: "the first of two containers, beside what it asks for",
    spec: {
      containers: [
        { name: "main", resources: { limits: { cpu: "1" }, requests: { cpu: "1", memory: "1Mi" } } },
        { name: "side" },
      ],
    },
    resources: [
      {
        limits: { cpu: "1", [ENI_IP_RESOURCE]: "1" },
        requests: { cpu: "1", memory: "1Mi", [ENI_IP_RESOURCE]: "1" },
      },
      {},
    ],
  },
  {
    what: "a container with requests alone",
    spec: { containers: [{ name: "main", resources: { requests: { memory: "1Mi" } } }] },
    resources: [{ limits: { [ENI_IP_RESOURCE]: "1" }, requests: { memory: "1Mi", [ENI_IP_RESOURCE]: "1" } }],
  },
  {
    what: "a pod with init containers and a sidecar",
    spec: {
      containers: [main],
      initContainers: [{ name: "init" }, { name: "sidecar", restartPolicy: "Always" }],
    },
    resources: [ADDRESS, {}, {}],
  },
  {
    what: "a pod with resources of its own",
    spec: { resources: { requests: { cpu: "1" } }, containers: [main] },
    resources: [ADDRESS],
  },
  {
    what: "a pod whose first container asks",
    spec: { containers: [{ name: "main", resources: ADDRESS }] },
    resources: [ADDRESS],
  },
  {
    what: "a pod whose second container asks",
    spec: { containers: [main, { name: "side", resources: ADDRESS }] },
    resources: [{}, ADDRESS],
  },
  {
    what: "a pod whose init container asks",
    spec: { containers: [main], initContainers: [{ name: "init", resources: ADDRESS }] },
    resources: [{}, ADDRESS],
  },
  {
    what: "a pod that asks for a whole ENI",
    spec: { containers: [{ name: "main", resources: asks(DIRECT_ENI) }] },
    resources: [asks(DIRECT_ENI)],
  },
  {
    what: "a pod that asks for a sub-ENI",
    spec: { containers: [main, { name: "side", resources: asks(SUB_ENI) }] },
    resources: [{}, asks(SUB_ENI)],
  },
  {
    what: "a pod of the host's network",
    spec: { hostNetwork: true, containers: [main] },
    resources: [{}],
  },
  {
    what: "a mirror pod",
    annotations: { "kubernetes.io/config.mirror": "x" },
    spec: { nodeName: "node-1", containers: [main] },
    resources: [{}],
  },
  ...(
    [
      ["tke-route-eni", ADDRESS],
      ["tke-route-eni@eth1,other", ADDRESS],
      ["other,kube-system/tke-route-eni@eth1", ADDRESS],
      ['[{"name":"tke-route-eni","interfaceRequest":"eth1"}]', ADDRESS],
      ["tke-direct-eni", asks(DIRECT_ENI)],
      ["tke-route-eni,tke-direct-eni@eth1", asks(DIRECT_ENI)],
      ['[{"name":"tke-bridge"},{"name":"tke-direct-eni"}]', asks(DIRECT_ENI)],
      ["tke-bridge", {}],
      ['[{"name":"tke-bridge"}]', {}],
      ["", {}],
    ] as const
  ).map(([networks, resources]) => ({
    what: `a pod whose networks are ${JSON.stringify(networks)}`,
    annotations: { [NETWORKS]: networks },
    spec: { containers: [main] },
    resources: [resources],
  })),
];
