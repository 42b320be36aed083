// `npm run cluster -- up | down | status`: real Kubernetes in a simulated VPC on this machine.
import { dirname } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { binary } from "../../tools/build/binary.ts";
import { consoleProgress } from "../../tools/build/progress.ts";
import { buildOurImages } from "../../tools/images/our-images.ts";
import { openCluster } from "./cluster.ts";
import { giveImages } from "./deploy.ts";
import { down } from "./down.ts";
import { status } from "./status.ts";
import { type ClusterMode, up } from "./up.ts";
import { upStatic } from "./up-static.ts";

function parseCount(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("It must be a whole number of at least 1.");
  return Number(text);
}

const program = new Command("cluster").description("Real Kubernetes in a simulated VPC, on this machine.");

program
  .command("up")
  .description("start vpc-sim, a control plane and nodes; prints how to use them")
  .option("--nodes <count>", "how many nodes", parseCount, 3)
  .addOption(
    new Option(
      "--mode <mode>",
      "static: with fixed addresses, everything deployed; without it there is no network of ours yet",
    ).choices(["static"]),
  )
  .action(async ({ nodes, mode }: { nodes: number; mode?: ClusterMode }) => {
    const start = mode === "static" ? upStatic : up;
    const cluster = await start({ nodes }, consoleProgress);
    if (Bun.which("kubectl") === null) console.log(`export PATH=$PATH:${dirname(await binary("kubectl"))}`);
    console.log(`export KUBECONFIG=${cluster.kubeconfig}`);
  });

program
  .command("images")
  .description(
    "build the components' images and give them to the nodes, for `kubectl apply -k k8s/overlays/simulated`, or `simulated-static`",
  )
  .action(async () => {
    const cluster = await openCluster();
    await giveImages(cluster, await buildOurImages(consoleProgress), consoleProgress);
  });

program
  .command("down")
  .description("take everything away: processes, namespaces, mounts, links, files")
  .action(async () => {
    if (!(await down(consoleProgress))) console.log("There is no cluster on this machine.");
  });

program
  .command("status")
  .description("tell what runs")
  .action(async () => console.log(await status()));

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
