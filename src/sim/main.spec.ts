import { expect, it } from "bun:test";
import { Client as VpcClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_client.js";
import { simulatedWorld } from "./config.ts";
import { ControlClient } from "./control/client.ts";
import { runSim } from "./main.ts";

const log = { debug() {}, info() {}, warn() {} };
const listen = { hostname: "127.0.0.1", port: 0 };

it("vpc-sim stops though somebody waits for an answer that does not come", async () => {
  const { outside: _, ...world } = simulatedWorld();
  const sim = await runSim({ ...world, fabric: false, api: { listen }, control: { listen } }, log);
  const [credential] = world.credentials;
  const vpc = new VpcClient({
    credential: { secretId: credential?.secretId ?? "", secretKey: credential?.secretKey ?? "" },
    region: world.region,
    profile: { httpProfile: { endpoint: new URL(sim.apiUrl).host, protocol: "http://" } },
  });
  const control = new ControlClient(sim.controlUrl);
  await control.addFault({ actions: ["*"], effect: { kind: "loseAnswer", manner: "hang" } });
  const waiting = vpc.DescribeVpcs({}).then(
    () => "answered",
    () => "broken",
  );
  while ((await control.readCalls())["DescribeVpcs"] === undefined) {
    await Bun.sleep(5);
  }
  await sim.stop();
  expect(await waiting).toBe("broken");
});
