import { writeFile } from "node:fs/promises";
import { stringify } from "yaml";
import { type Certificate, readBase64 } from "./certificates.ts";

/** Which API server, and as whom. */
export interface KubeconfigOptions {
  /** `https://host:port` */
  readonly server: string;
  /** Path of the PEM of the authority that signed the server's certificate. */
  readonly certificateAuthority: string;
  readonly user: Certificate | { readonly token: string };
  /** The name of context and cluster, for people who keep several in one file. */
  readonly name: string;
}

/** Writes a kubeconfig that needs no other file, readable by its owner alone, and returns its path. */
export async function writeKubeconfig(path: string, options: KubeconfigOptions): Promise<string> {
  const { name, user } = options;
  const document = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name,
        cluster: {
          server: options.server,
          "certificate-authority-data": await readBase64(options.certificateAuthority),
        },
      },
    ],
    users: [
      {
        name,
        user:
          "token" in user
            ? { token: user.token }
            : {
                "client-certificate-data": await readBase64(user.certificate),
                "client-key-data": await readBase64(user.key),
              },
      },
    ],
    contexts: [{ name, context: { cluster: name, user: name } }],
    "current-context": name,
  };
  await writeFile(path, stringify(document), { mode: 0o600 });
  return path;
}
