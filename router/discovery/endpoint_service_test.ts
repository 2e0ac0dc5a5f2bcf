import assert from "node:assert/strict";
import { connectGrpc, type JsonObject, startGrpcServer } from "../../grpc/mod.ts";
import { messageCodec } from "../../grpc/messages/mod.ts";
import { parseHosts } from "../hosts.ts";
import { ASSIGNMENT_TYPE, assignmentOf, ENDPOINT_KEY } from "./assignment.ts";
import { ENDPOINT_DISCOVERY, EndpointService } from "./endpoint_service.ts";

const REQUEST = messageCodec("envoy.service.discovery.v3.DiscoveryRequest");
const RESPONSE = messageCodec("envoy.service.discovery.v3.DiscoveryResponse");

/** A served EndpointService, and an Envoy's side of a stream to it. */
async function serve() {
  const lines: string[] = [];
  const endpoints = new EndpointService((line) => lines.push(line));
  await endpoints.publish(parseHosts("10.0.0.1:8000"));
  const server = await startGrpcServer({ services: [endpoints.service] });
  const client = connectGrpc({ address: server.address });
  const stream = client.bidi(`/${ENDPOINT_DISCOVERY}/StreamEndpoints`, { deadlineMs: 60_000 });
  const answers = stream.messages[Symbol.asyncIterator]();
  return {
    endpoints,
    lines,
    end: () => stream.cancel(),
    ask: (request: JsonObject) => {
      const names = { type_url: ASSIGNMENT_TYPE, resource_names: ["backends"] };
      stream.write(REQUEST.encode({ ...names, ...request }));
    },
    async next(): Promise<JsonObject> {
      const { value } = await answers.next();
      const response = RESPONSE.decode(value ?? new Uint8Array());
      const resources = response.resources as { "@type": string }[];
      const assignments = resources.map(({ "@type": type, ...assignment }) => {
        assert.equal(type, ASSIGNMENT_TYPE);
        return assignment;
      });
      return { ...response, assignments };
    },
    async [Symbol.asyncDispose]() {
      stream.cancel();
      client[Symbol.dispose]();
      await server.stop();
    },
  };
}

Deno.test("assignmentOf() names each endpoint, its host and its transport", () => {
  const [plain, secure] = parseHosts("10.0.0.1:8000,https://[::1]:8443");
  assert.ok(plain && secure);
  const named = { ...secure, hostname: "api.test:8443" };
  const endpoints = assignmentOf("backends", [plain, named]).endpoints[0]?.lb_endpoints;
  const at = (address: string, port: number) => ({
    socket_address: { address, port_value: port },
  });
  const metadata = (name: string, transport: string) => ({
    filter_metadata: {
      "envoy.lb": { [ENDPOINT_KEY]: name },
      "envoy.transport_socket_match": { transport },
    },
  });
  assert.deepEqual(endpoints, [
    {
      endpoint: { address: at("10.0.0.1", 8000), hostname: "10.0.0.1:8000" },
      metadata: metadata("10.0.0.1:8000", "plain"),
    },
    {
      endpoint: { address: at("::1", 8443), hostname: "api.test" },
      metadata: metadata("[::1]:8443", "tls"),
    },
  ]);
});

Deno.test("EndpointService answers a cluster under the name it is asked for", async () => {
  await using envoy = await serve();
  envoy.ask({ resource_names: ["mine"] });
  const { assignments, type_url } = await envoy.next();
  assert.equal(type_url, ASSIGNMENT_TYPE);
  assert.deepEqual(assignments, [
    JSON.parse(JSON.stringify(assignmentOf("mine", parseHosts("10.0.0.1:8000")))),
  ]);
});

Deno.test("publish() resolves when the listening Envoy has acknowledged", async () => {
  await using envoy = await serve();
  envoy.ask({});
  const first = await envoy.next();
  envoy.ask({ response_nonce: first.nonce, version_info: first.version_info });
  let published = false;
  const publishing = envoy.endpoints.publish(parseHosts("10.0.0.2:8000")).then(() => {
    published = true;
  });
  const second = await envoy.next();
  assert.notEqual(second.version_info, first.version_info);
  assert.equal(published, false);
  envoy.ask({ response_nonce: second.nonce, version_info: second.version_info });
  await publishing;
});

Deno.test("publish() does not wait for an Envoy that left", async () => {
  await using envoy = await serve();
  envoy.ask({});
  await envoy.next();
  const publishing = envoy.endpoints.publish([]);
  await envoy.next();
  envoy.end();
  await publishing;
  while (envoy.endpoints.listeners > 0) await new Promise((resolve) => setTimeout(resolve, 1));
});

Deno.test("an Envoy that refuses the endpoints is reported with its reason", async () => {
  await using envoy = await serve();
  envoy.ask({});
  const first = await envoy.next();
  const publishing = envoy.endpoints.publish([]);
  await envoy.next().then(({ nonce }) =>
    envoy.ask({
      response_nonce: nonce,
      version_info: first.version_info,
      error_detail: { code: 13, message: "malformed IP address" },
    })
  );
  await publishing;
  assert.match(envoy.lines[0] ?? "", /^Envoy at .* refused the endpoints: malformed IP address$/);
});
