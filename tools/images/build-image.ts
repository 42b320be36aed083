import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { dirname, join } from "node:path";
import { cacheFolder } from "../build/cache-folder.ts";
import { runCommand } from "../build/run-command.ts";
import { createTemporaryFolder } from "../build/temporary-folder.ts";

/** A file of an image. Folders on the way to its path, which is absolute, are made with mode 0755. */
export type ImageFile =
  /** A copy of a file of this machine; mode 0644 unless said otherwise. */
  | { readonly path: string; readonly from: string; readonly mode?: number }
  /** A file with this text. */
  | { readonly path: string; readonly content: string; readonly mode?: number }
  /** A symbolic link. */
  | { readonly path: string; readonly link: string };

/** An image of one layer. */
export interface ImageOptions {
  /** With a tag, as a pod's `image` names it: `tke-eni.local/busybox:1`. */
  readonly name: string;
  readonly files: readonly ImageFile[];
  readonly entrypoint: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/**
 * Builds an image without a daemon or a registry: an OCI layout in a tar file, as `ctr images import` takes it. The same
 * content gives the same bytes, and is built once: the file is in the cache under a hash of it, and replaces an earlier one
 * of that name.
 *
 * @returns the path of the tar file
 * @throws when a file is not there, or two files have the same path
 */
export async function buildImage(options: ImageOptions): Promise<string> {
  const folder = join(cacheFolder(), "images", options.name.replaceAll(/[^a-z0-9.-]/g, "_"));
  const tar = join(folder, `${await imageKey(options)}.tar`);
  if (existsSync(tar)) return tar;
  await mkdir(folder, { recursive: true });
  // Beside its target, so that the last step is a rename.
  const work = await createTemporaryFolder(folder, "unfinished");
  try {
    await rename(await writeImage(options, work), tar);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await removeOtherImages(folder, tar);
  return tar;
}

/** An image of our own executables has 120 MB, and there is a new one after each change. */
async function removeOtherImages(folder: string, newest: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.endsWith(".tar") && join(folder, name) !== newest) await rm(join(folder, name), { force: true });
  }
}

async function imageKey(options: ImageOptions): Promise<string> {
  const paths = options.files.map((file) => file.path);
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined)
    throw new Error(`The image ${options.name} would have two files at ${twice}: leave one out.`);
  const files = await Promise.all(
    options.files.map(async (file) => ("from" in file ? { ...file, from: await hashFile(file.from) } : file)),
  );
  return hashText(JSON.stringify({ ...options, files, architecture: arch(), format: 1 })).slice(0, 24);
}

/** Returns the path of the finished tar in the folder `work`. */
async function writeImage(options: ImageOptions, work: string): Promise<string> {
  const blobs = join(work, "layout", "blobs", "sha256");
  await mkdir(blobs, { recursive: true });

  async function addBlob(mediaType: string, content: object) {
    const text = JSON.stringify(content);
    const digest = hashText(text);
    await writeFile(join(blobs, digest), text);
    return { mediaType, digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
  }

  const layer = await addLayer(options.files, { work, blobs });
  const platform = { architecture: GO_ARCHITECTURES[arch()], os: "linux" };
  const config = await addBlob("application/vnd.oci.image.config.v1+json", {
    ...platform,
    config: {
      Entrypoint: options.entrypoint,
      Env: Object.entries({
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ...options.env,
      }).map((variable) => variable.join("=")),
    },
    // Not compressed: the digest of the layer is that of its content.
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  });
  const manifest = await addBlob("application/vnd.oci.image.manifest.v1+json", {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config,
    layers: [layer],
  });
  const layout = join(work, "layout");
  await writeFile(
    join(layout, "index.json"),
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{ ...manifest, platform, annotations: { "io.containerd.image.name": options.name } }],
    }),
  );
  await writeFile(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const tar = join(work, "image.tar");
  await archive(layout, tar);
  return tar;
}

async function addLayer(files: readonly ImageFile[], folders: { work: string; blobs: string }) {
  const root = join(folders.work, "root");
  await mkdir(root);
  for (const file of files) {
    const target = join(root, file.path);
    await mkdir(dirname(target), { recursive: true });
    if ("link" in file) {
      await symlink(file.link, target);
    } else {
      await ("from" in file ? copyFile(file.from, target) : writeFile(target, file.content));
      await chmod(target, file.mode ?? 0o644);
    }
  }
  // Whatever this process's umask is.
  await runCommand(["find", root, "-type", "d", "-exec", "chmod", "0755", "{}", "+"]);
  const tar = join(folders.work, "layer.tar");
  await archive(root, tar);
  const [digest, { size }] = await Promise.all([hashFile(tar), stat(tar)]);
  await rename(tar, join(folders.blobs, digest));
  return { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: `sha256:${digest}`, size };
}

/** Archives a folder so that only names, modes and contents decide the bytes. */
async function archive(folder: string, tar: string): Promise<void> {
  const anonymous = [
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--format=gnu",
  ];
  await runCommand(["tar", "--create", `--file=${tar}`, ...anonymous, `--directory=${folder}`, "."]);
}

function hashText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** Reads in pieces: executables have more than 100 MB. */
async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of Bun.file(path).stream()) hash.update(piece);
  return hash.digest("hex");
}
