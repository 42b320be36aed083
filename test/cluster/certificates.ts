import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../tools/build/run-command.ts";

/** Paths of a certificate and its private key, PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Whom a certificate is for. */
export interface CertificateRequest {
  /** File name in the authority's folder, without extension. */
  readonly name: string;
  /** CN; for a client of Kubernetes the user's name. */
  readonly commonName: string;
  /** O, several times; for a client of Kubernetes the groups. */
  readonly organizations?: readonly string[];
  readonly usage: "clientAuth" | "serverAuth";
  /** Subject alternative names as OpenSSL writes them: `DNS:localhost`, `IP:10.0.1.10`. */
  readonly alternativeNames?: readonly string[];
}

/** A folder with a certificate authority of its own. */
export interface CertificateAuthority {
  readonly folder: string;
  readonly certificate: string;
  /** Makes a key and a certificate for it; one that is there under this name is replaced. */
  issue(request: CertificateRequest): Promise<Certificate>;
}

/** Certificates of a test's cluster never need to be renewed. */
const DAYS = "3650";

/**
 * Makes a certificate authority in `folder`. Keys are elliptic (P-256): made in a few milliseconds, where RSA takes up to
 * seconds.
 */
export async function createCertificateAuthority(folder: string): Promise<CertificateAuthority> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const own = await generate(folder, "ca", {
    commonName: "tke-eni-test-ca",
    organizations: [],
    extensions: ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign"],
    signer: [],
  });
  return {
    folder,
    certificate: own.certificate,
    issue: (request) =>
      generate(folder, request.name, {
        commonName: request.commonName,
        organizations: request.organizations ?? [],
        extensions: [
          "basicConstraints=critical,CA:FALSE",
          "keyUsage=critical,digitalSignature",
          `extendedKeyUsage=${request.usage}`,
          ...(request.alternativeNames === undefined
            ? []
            : [`subjectAltName=${request.alternativeNames.join(",")}`]),
        ],
        signer: ["-CA", own.certificate, "-CAkey", own.key],
      }),
  };
}

interface Generation {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly extensions: readonly string[];
  readonly signer: readonly string[];
}

async function generate(folder: string, name: string, generation: Generation): Promise<Certificate> {
  const certificate = join(folder, `${name}.crt`);
  const key = join(folder, `${name}.key`);
  // A configuration of our own: Debian's makes every certificate that `req -x509` signs an authority.
  const configuration = join(folder, `${name}.cnf`);
  const subject = [...generation.organizations.map((value) => ["O", value]), ["CN", generation.commonName]];
  await writeFile(
    configuration,
    [
      "[req]",
      "prompt = no",
      "distinguished_name = subject",
      "x509_extensions = extensions",
      "string_mask = utf8only",
      "[subject]",
      // The number before the dot keeps several fields of one name apart.
      ...subject.map(([field, value], index) => `${index}.${field} = ${value}`),
      "[extensions]",
      ...generation.extensions.map((extension) => extension.replace("=", " = ")),
      "",
    ].join("\n"),
  );
  await runCommand([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    DAYS,
    "-config",
    configuration,
    "-keyout",
    key,
    "-out",
    certificate,
    ...generation.signer,
  ]);
  await rm(configuration);
  return { certificate, key };
}

/** Reads a PEM file as the base64 that a kubeconfig embeds. */
export async function readBase64(path: string): Promise<string> {
  return (await readFile(path)).toString("base64");
}
