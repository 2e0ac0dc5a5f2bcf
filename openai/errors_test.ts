import assert from "node:assert/strict";
import { errorBody, errorOf } from "./mod.ts";

Deno.test("errorBody() takes the type from the status when none is given", () => {
  assert.deepEqual(errorBody(404, { message: "No such model", code: "model_not_found" }), {
    error: {
      message: "No such model",
      type: "invalid_request_error",
      param: null,
      code: "model_not_found",
    },
  });
  assert.equal(errorBody(429, { message: "Slow down" }).error.type, "rate_limit_error");
});

Deno.test("errorOf() reads an error body and refuses other shapes", () => {
  assert.equal(errorOf(errorBody(400, { message: "m", param: "model" }))?.param, "model");
  for (const other of [null, "x", {}, { error: "x" }, { error: { message: 1, type: "t" } }]) {
    assert.equal(errorOf(other), undefined);
  }
});
