/** The Responses gateway of a gateway, and the mock that it asks unless a model server is named. */
import { defaultConfig, startResponses } from "../../../responses/mod.ts";
import { type Place, QUESTION, startMock, suggestionsFor } from "../../mod.ts";
import type { ResponsesPart, ResponsesPartOptions } from "./profile.ts";

/**
 * Starts the Responses gateway.
 *
 * @throws {UnavailableError} when a port is taken, or the store cannot be opened
 */
export async function startResponsesPart(
  options: ResponsesPartOptions,
  place: Place,
): Promise<ResponsesPart> {
  await using stack = new AsyncDisposableStack();
  const { modelEndpoint } = options;
  const mock = modelEndpoint === undefined ? stack.use(await startMock(place)) : undefined;
  const given = options.config ?? defaultConfig();
  const endpoint = mock === undefined ? modelEndpoint : `${mock.url}/v1`;
  const responses = stack.use(
    await startResponses({
      config: {
        ...given,
        http: { ...given.http, port: place.ports.responses ?? 0 },
        extproc: { ...given.extproc, port: place.ports.extproc ?? 0 },
        engine: {
          ...given.engine,
          ...(endpoint === undefined ? {} : { model_endpoint: endpoint }),
        },
      },
      dataDir: options.dataDir ?? `${place.runDir}/responses`,
      log: place.log,
      peerSecret: place.peerSecret,
      ...(options.secrets === undefined ? {} : { secrets: options.secrets }),
    }),
  );
  const { http, extproc } = responses;
  const owned = stack.move();
  return {
    responses,
    ports: {
      responses: http.port,
      extproc: extproc.port,
      ...(mock && { upstream: mock.port }),
    },
    upstreamUrl: responses.modelEndpoint,
    mocks: mock === undefined ? [] : [mock],
    upstream: mock,
    metrics: [() => responses.metrics()],
    services: { responses: { http: http.url, extproc: extproc.address } },
    welcome: () => [
      { label: "responses", text: `${http.url}  ext_proc ${extproc.address}` },
      {
        label: "upstream",
        text: mock === undefined || options.config === undefined
          ? responses.modelEndpoint
          : `${responses.modelEndpoint}  the mock: no engine.model_endpoint is given`,
        foreign: mock === undefined,
      },
    ],
    suggestions: (ingress) =>
      suggestionsFor(ingress, "/v1/responses", { model: "gpt-4o-mini", input: QUESTION }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
