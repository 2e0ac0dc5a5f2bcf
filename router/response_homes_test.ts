import assert from "node:assert/strict";
import { ResponseHomes } from "./response_homes.ts";

const HOME = { endpoint: "10.0.0.1:80", model: "m", tenant: "t" };

Deno.test("a response is known to its own tenant alone", () => {
  const homes = new ResponseHomes();
  homes.note("resp_1", HOME);
  assert.equal(homes.of("resp_1", "t"), HOME);
  assert.equal(homes.of("resp_1", undefined), undefined);
  assert.equal(homes.of("resp_2", "t"), undefined);
});

Deno.test("the response that was asked for least lately is forgotten first", () => {
  const homes = new ResponseHomes(2);
  homes.note("a", HOME);
  homes.note("b", HOME);
  homes.of("a", "t");
  homes.note("c", HOME);
  assert.deepEqual(["a", "b", "c"].map((id) => homes.of(id, "t") !== undefined), [
    true,
    false,
    true,
  ]);
});
