import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { npmModule } from "../service/testing/npm_module.ts";
import { fileURLToPath } from "node:url";
import { encodeCheckResponse } from "./check_response.ts";
import { decodeCheckRequest } from "./check_request.ts";

/** The stock way to serve these protos with grpc-js: what our own codecs must agree with. */
const { loadSync } = await npmModule("proto_loader.ts");
const definitions = loadSync("ext_authz.proto", {
  includeDirs: [fileURLToPath(import.meta.resolve("../grpc/messages/protos"))],
  keepCase: true,
  longs: String,
  enums: String,
});
const authorization = definitions["envoy.service.auth.v3.Authorization"];

Deno.test("decodeCheckRequest() reads what proto-loader writes", () => {
  const bytes = authorization.Check?.requestSerialize({
    attributes: {
      request: {
        http: {
          method: "POST",
          path: "/v1/chat/completions?x=1",
          host: "gateway.example",
          protocol: "HTTP/2",
          headers: { "x-api-key": "demo-key", "x-request-id": "id-1" },
        },
      },
      context_extensions: { route: "v1" },
    },
  });
  assert.ok(bytes);
  const request = decodeCheckRequest(bytes);
  assert.equal(request.method, "POST");
  assert.equal(request.path, "/v1/chat/completions?x=1");
  assert.equal(request.host, "gateway.example");
  assert.equal(request.headers["x-api-key"], "demo-key");
  assert.deepEqual({ ...request.contextExtensions }, { route: "v1" });
});

Deno.test("proto-loader reads what encodeCheckResponse() writes", () => {
  const header = {
    name: "retry-after",
    value: "60",
    action: "overwrite_if_exists_or_add",
  } as const;
  const bytes = encodeCheckResponse({
    code: 7,
    denied: { status: 429, headers: [header], body: "slow down" },
    metadata: { rule: "quota" },
  });
  const read = authorization.Check?.responseDeserialize(Buffer.from(bytes)) as {
    status: { code: number };
    denied_response: { status: { code: string }; headers: unknown[]; body: string };
    dynamic_metadata: { fields: { rule: { stringValue: string } } };
  };
  assert.equal(read.status.code, 7);
  assert.equal(read.denied_response.status.code, "TooManyRequests");
  assert.equal(read.denied_response.body, "slow down");
  assert.deepEqual(JSON.parse(JSON.stringify(read.denied_response.headers)), [{
    header: { key: "retry-after", value: "60" },
    append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
  }]);
  assert.equal(read.dynamic_metadata.fields.rule.stringValue, "quota");
});
