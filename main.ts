/** The program. */
import { denoHost, main } from "./cli/mod.ts";

Deno.exit(await main(Deno.args, denoHost()));
