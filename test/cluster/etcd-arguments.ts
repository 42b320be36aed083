/** Where etcd keeps its data and listens. */
export interface EtcdOptions {
  readonly dataFolder: string;
  /** `http://127.0.0.1:PORT` for the API server. */
  readonly clientUrl: string;
  /** The same for peers; there are none, but etcd listens all the same. */
  readonly peerUrl: string;
}

/** The arguments of an etcd of one member. It need not survive a power cut, so it does not wait for the disk. */
export function etcdArguments(options: EtcdOptions): string[] {
  return [
    "--name=etcd",
    `--data-dir=${options.dataFolder}`,
    `--listen-client-urls=${options.clientUrl}`,
    `--advertise-client-urls=${options.clientUrl}`,
    `--listen-peer-urls=${options.peerUrl}`,
    `--initial-advertise-peer-urls=${options.peerUrl}`,
    `--initial-cluster=etcd=${options.peerUrl}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
  ];
}
