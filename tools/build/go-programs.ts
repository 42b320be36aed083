/** A Go module of tools/ that pins programs, and how its programs are built. */
export interface GoModule {
  /** Folder under tools/ with go.mod and go.sum. */
  readonly folder: string;
  /** The required module whose version the programs report. */
  readonly versionOf: string;
  /** Linker variables that make a program report `version` (`v1.2.3`); without them it calls itself a development build. */
  readonly versionVariables: (version: string) => Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  /** Programs by name, and the package each is built from. */
  readonly programs: Readonly<Record<string, string>>;
}

function kubernetesVersion(version: string): Record<string, string> {
  const [major = "", minor = ""] = version.slice(1).split(".");
  const package_ = "k8s.io/component-base/version";
  return {
    [`${package_}.gitVersion`]: version,
    [`${package_}.gitMajor`]: major,
    [`${package_}.gitMinor`]: minor,
  };
}

/** Every pinned program. Kubernetes comes last: it takes ten times longer than all the others together. */
export const goModules: readonly GoModule[] = [
  {
    folder: "etcd",
    versionOf: "go.etcd.io/etcd/server/v3",
    versionVariables: () => ({}),
    tags: [],
    programs: { etcd: "go.etcd.io/etcd/server/v3" },
  },
  {
    folder: "cni",
    versionOf: "github.com/containernetworking/plugins",
    versionVariables: (version) => ({
      "github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion": version,
    }),
    tags: [],
    programs: {
      bridge: "github.com/containernetworking/plugins/plugins/main/bridge",
      cnitool: "github.com/containernetworking/cni/cnitool",
      "host-local": "github.com/containernetworking/plugins/plugins/ipam/host-local",
      loopback: "github.com/containernetworking/plugins/plugins/main/loopback",
      ptp: "github.com/containernetworking/plugins/plugins/main/ptp",
      bandwidth: "github.com/containernetworking/plugins/plugins/meta/bandwidth",
      portmap: "github.com/containernetworking/plugins/plugins/meta/portmap",
      static: "github.com/containernetworking/plugins/plugins/ipam/static",
      tuning: "github.com/containernetworking/plugins/plugins/meta/tuning",
    },
  },
  {
    folder: "containerd",
    versionOf: "github.com/containerd/containerd/v2",
    versionVariables: (version) => ({ "github.com/containerd/containerd/v2/version.Version": version }),
    // Snapshotters that the nodes do not use; btrfs would need C headers.
    tags: ["no_btrfs", "no_devmapper", "no_zfs"],
    programs: {
      containerd: "github.com/containerd/containerd/v2/cmd/containerd",
      "containerd-shim-runc-v2": "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
      ctr: "github.com/containerd/containerd/v2/cmd/ctr",
    },
  },
  {
    folder: "network-policies",
    versionOf: "sigs.k8s.io/kube-network-policies",
    // It reports no version.
    versionVariables: () => ({}),
    tags: [],
    programs: { "kube-network-policies": "sigs.k8s.io/kube-network-policies/cmd" },
  },
  {
    folder: "kubernetes",
    versionOf: "k8s.io/kubernetes",
    versionVariables: kubernetesVersion,
    tags: [],
    programs: {
      "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
      "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
      "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
      kubelet: "k8s.io/kubernetes/cmd/kubelet",
      "kube-proxy": "k8s.io/kubernetes/cmd/kube-proxy",
      kubectl: "k8s.io/kubernetes/cmd/kubectl",
    },
  },
];

/** The names of all pinned programs, in the order in which they are built. */
export const programNames: readonly string[] = goModules.flatMap((module) => Object.keys(module.programs));

/** The module that pins a program. Throws if none does. */
export function moduleOf(program: string): GoModule {
  const module = goModules.find((candidate) => program in candidate.programs);
  if (module === undefined) {
    throw new Error(
      `No Go module of tools/ pins a program "${program}": the pinned ones are ${programNames.join(", ")}.`,
    );
  }
  return module;
}

/** The version that the text of a go.mod requires of a module. Throws if it requires none. */
export function requiredVersion(goMod: string, modulePath: string): string {
  for (const line of goMod.split("\n")) {
    const [path, version] = line
      .trim()
      .replace(/^require /, "")
      .split(" ");
    if (path === modulePath && version?.startsWith("v")) return version;
  }
  throw new Error(
    `go.mod requires no version of ${modulePath}: run \`go get ${modulePath}@VERSION\` beside it.`,
  );
}
