// The model answers as the real API server did when these answers were written down; test/apiserver/model-api-server.spec.ts asks the
// real one whether it still does.
import { expect, test } from "bun:test";
import answers from "./contract/answers.json";
import { modelContractServer } from "./contract/model-contract-server.ts";
import { runScenario, SCENARIO_NAMES } from "./contract/run-scenario.ts";

const recorded: Readonly<Record<string, unknown>> = answers;

test.each(SCENARIO_NAMES)("%s", async (name) => {
  expect(await runScenario(name, modelContractServer())).toEqual(recorded[name] as never);
});
