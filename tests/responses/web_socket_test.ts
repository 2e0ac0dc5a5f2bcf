/** Responses over a WebSocket through a real Envoy: policy decides on the upgrade, as on any request. */
import assert from "node:assert/strict";
import { responsesProfile } from "../../gateway/profiles/mod.ts";
import { OLDER_ENVOY, startTestGateway } from "../testing/stack.ts";

/** Resolves with the types of the events up to the last one; undefined where the upgrade is refused. */
async function eventsOf(url: string, key: string): Promise<string[] | undefined> {
  const socket = new WebSocket(url.replace("http:", "ws:"), { headers: { "x-api-key": key } });
  const types: string[] = [];
  const over = Promise.withResolvers<string[] | undefined>();
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.onerror = () => over.resolve(undefined);
  socket.onopen = () =>
    socket.send(JSON.stringify({ type: "response.create", model: "m", input: "hi", store: false }));
  socket.onmessage = ({ data }) => {
    const { type } = JSON.parse(data);
    types.push(type);
    if (/completed$|failed$|^error$/.test(type)) over.resolve(types);
  };
  const seen = await over.promise;
  socket.close();
  await closed;
  return seen;
}

for (const envoyVersion of [undefined, OLDER_ENVOY]) {
  Deno.test(`a WebSocket has the events of a stream, on Envoy ${envoyVersion ?? "(default)"}`, async () => {
    await using gateway = await startTestGateway({
      profile: responsesProfile(),
      ...(envoyVersion === undefined ? {} : { envoyVersion }),
    });
    const url = `${gateway.url}/v1/responses`;
    const types = await eventsOf(url, "demo-key");
    assert.equal(types?.at(0), "response.created");
    assert.equal(types?.at(-1), "response.completed");
    assert.ok(types?.includes("response.output_text.delta"));
    assert.equal(await eventsOf(url, "nobody"), undefined, "who is denied has no socket");
  });
}
