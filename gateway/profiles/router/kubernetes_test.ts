import assert from "node:assert/strict";
import type { KubernetesSettings } from "../../../manifests/mod.ts";
import { modelPorts } from "./kubernetes.ts";

Deno.test("the ports of model servers are those of their URLs, whatever path these have", () => {
  const staticHosts = "a:8000,https://b.test/v1,http://c.test/team,http://d:8001/team/v1";
  const settings = { router: { staticHosts } } as KubernetesSettings;
  const ports = [...JSON.stringify(modelPorts(settings)).matchAll(/"port":(\d+)/g)];
  assert.deepEqual(ports.map(([, port]) => Number(port)), [8000, 443, 80, 8001]);
});
