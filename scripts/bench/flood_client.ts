// deno-lint-ignore-file no-console -- a program of its own
/**
 * Sends one flood (`NAME PORT`) to a policy stub, from a process of its own: what it costs to make one must not be the
 * other client's wait. Prints how it ended, as JSON.
 */
import { messageCodec } from "../../grpc/messages/mod.ts";
import { type Aim, flood, FLOODS } from "../../http2/testing/floods.ts";

const CHECK = messageCodec("envoy.service.auth.v3.CheckRequest").encode({
  attributes: { request: { http: { method: "GET", path: "/v1/models", host: "localhost" } } },
});

const AIM: Aim = {
  head: [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/envoy.service.auth.v3.Authorization/Check"],
    [":authority", "policy"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
  ],
  body: new Uint8Array([0, 0, 0, 0, CHECK.length, ...CHECK]),
};

if (import.meta.main) {
  const [name, port] = Deno.args;
  const one = FLOODS.find((candidate) => candidate.name === name);
  if (one === undefined) throw new TypeError(`Cannot flood with "${name}": no such flood`);
  const address = { hostname: "127.0.0.1", port: Number(port) };
  console.log(JSON.stringify(await flood(address, one, AIM)));
}
