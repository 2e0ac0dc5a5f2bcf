/** Environment of a foreign program: where programs are, and where packages lie. */

let folder: Promise<string> | undefined;

/** The environment of a program whose home is `home`: no key, no proxy, no setting of the user's. */
export async function cleanEnv(home: string): Promise<Record<string, string>> {
  folder ??= packagesFolder();
  return {
    PATH: Deno.env.get("PATH") ?? "",
    HOME: home,
    DENO_DIR: await folder,
    DENO_NO_UPDATE_CHECK: "1",
    // Where a company's own registry is set.
    ...Object.fromEntries(
      ["NPM_CONFIG_REGISTRY", "DENO_CERT", "DENO_TLS_CA_STORE"].flatMap((name) => {
        const value = Deno.env.get(name);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  };
}

/** Deno's cache, so that a clean home does not fetch everything again. */
async function packagesFolder(): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] });
  const { stdout } = await command.output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
