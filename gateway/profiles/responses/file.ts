/** The file of an exported Responses gateway. */
import { stringify } from "yaml";
import { PARTS } from "../../../manifests/mod.ts";

/**
 * The file of an exported Responses gateway: what it listens on, which model server it asks, and `storage`, where it
 * keeps things, if that is not its data folder.
 */
export function responsesFile(modelEndpoint: string, storage: object = {}): string {
  const { name, http, grpc } = PARTS.responses;
  return stringify({
    extproc: { host: "0.0.0.0", port: grpc },
    // Envoy asks by the Service's name.
    http: { host: "0.0.0.0", port: http, allowed_hosts: [name] },
    engine: { model_endpoint: modelEndpoint },
    ...storage,
  });
}
