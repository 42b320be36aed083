import { describe, expect, it } from "bun:test";
import { CallCounter } from "./call-counter.ts";

describe("CallCounter", () => {
  it("counts calls and errors, by action and by product", () => {
    const counter = new CallCounter();
    const vpcs = { product: "vpc", action: "DescribeVpcs" };
    counter.admit(vpcs, 0);
    counter.admit(vpcs, 1);
    counter.count(vpcs);
    counter.count(vpcs, "InternalError");
    counter.count({ product: "vpc", action: "DescribeSubnets" }, "RequestLimitExceeded");
    counter.count({ product: "", action: "Nonsense" }, "InvalidAction");
    expect(counter.read()).toEqual({
      DescribeVpcs: { calls: 2, errors: { InternalError: 1 }, busiestSecond: 2 },
      DescribeSubnets: { calls: 1, errors: { RequestLimitExceeded: 1 }, busiestSecond: 0 },
      Nonsense: { calls: 1, errors: { InvalidAction: 1 }, busiestSecond: 0 },
    });
    expect(counter.readProducts()).toEqual({
      vpc: { calls: 3, errors: { InternalError: 1, RequestLimitExceeded: 1 }, busiestSecond: 2 },
    });
    counter.reset();
    expect([counter.read(), counter.readProducts()]).toEqual([{}, {}]);
  });

  it("knows the busiest second", () => {
    const counter = new CallCounter();
    const busiest = (...times: number[]) => {
      counter.reset();
      for (const now of times) counter.admit({ product: "vpc", action: "A" }, now);
      return counter.read()["A"]?.busiestSecond;
    };
    expect(busiest(0, 999, 1000, 1998)).toBe(3);
    expect(busiest(0, 1000, 2000)).toBe(1);
    expect(busiest(0, 0, 5000, 5999, 7000)).toBe(2);
  });
});
