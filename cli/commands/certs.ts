/** `llmgate certs`: makes a development CA and certificates for TLS and mTLS. */
import { resolve } from "node:path";
import { prepareTlsFolder } from "../../certs/mod.ts";
import {
  choiceOption,
  directoryOption,
  flagOption,
  repeated,
  textOption,
} from "../../options/mod.ts";
import { defined, UsageError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";

const CLIENTS: Readonly<Record<string, string>> = { optional: "may", required: "must" };

export const command = defineCommand({
  name: "certs",
  summary: "make a development CA and certificates for TLS and mTLS",
  description:
    `Writes a CA (ca.pem), certificates for the server, for clients of tenants and admins, for the gateway as a client
    of its upstream and for an upstream, and the files that Envoy watches (*.sds.yaml). What is there is kept; leaves
    are issued anew when they end within 30 days. A running Envoy uses the new ones at the next handshake, and no
    running stream notices. For development: whoever reads ca.key.pem is the CA.`,
  options: {
    out: directoryOption("--out <DIR>", {
      description: "folder to write to; made when missing",
    }),
    host: repeated(
      textOption("--host <NAME>", {
        description: "name or address of the server beside localhost",
      }),
    ),
    tenant: repeated(
      textOption("--tenant <NAME>", {
        description: "tenant that gets a client certificate; a and b when left out",
      }),
    ),
    clients: choiceOption("--clients <HOW>", {
      description: "whether clients must show a certificate; optional in a new folder",
      choices: ["optional", "required"],
    }),
    renew: flagOption("--renew", { description: "issue all but the CA anew" }),
    json: flagOption("--json", { description: "print one JSON line" }),
  },
  examples: [
    {
      command: "llmgate certs --out tls",
      explains: "then: llmgate dev --profile edge --tls-dir tls",
    },
    { command: "llmgate certs --out tls --renew", explains: "a rotation, while Envoy runs" },
    { command: "llmgate certs --out tls --clients required", explains: "mTLS for everybody" },
    {
      command: "openssl x509 -in tls/client-a.pem -noout -text",
      explains: "what a certificate says",
    },
  ],
  permissions: ["read", "write"],
  async run({ options, host, print }) {
    if (options.out === undefined) {
      throw new UsageError("Cannot write certificates: --out must name a folder");
    }
    for (const tenant of options.tenant) {
      if (!/^[A-Za-z0-9_-]+$/.test(tenant)) {
        throw new UsageError(
          `Cannot use --tenant: expected letters, digits, "-" and "_": current value is "${tenant}"`,
        );
      }
    }
    const { folder, made } = await prepareTlsFolder(resolve(host.cwd, options.out), {
      ...defined({
        hosts: options.host,
        tenants: options.tenant.length > 0 ? options.tenant : undefined,
        clients: options.clients,
      }),
      renew: options.renew,
    });
    if (options.json) print(JSON.stringify({ folder, made }));
    else if (made.length === 0) print(`${folder} has all certificates already`);
    else for (const name of made) print(`wrote ${folder}/${name}.pem`);
    if (!options.json && options.clients !== undefined) {
      print(`from now on clients ${CLIENTS[options.clients]} show a certificate`);
    }
    return EXIT.ok;
  },
});
