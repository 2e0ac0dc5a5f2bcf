// The command that runs llmgate: the Deno that npm installed beside it, and the program in this package.
"use strict";
const { existsSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname, join } = require("node:path");
const process = require("node:process");
const { flags, entry } = require("./program.json");

/** Path of the Deno executable; LLMGATE_DENO names another one. */
function denoPath() {
  if (process.env.LLMGATE_DENO) return process.env.LLMGATE_DENO;
  const name = process.platform === "win32" ? "deno.exe" : "deno";
  const launcher = require.resolve("deno/package.json");
  const own = join(dirname(launcher), name);
  if (existsSync(own)) return own;
  // Where npm runs no install scripts, the executable lies in the package of the platform only.
  const libc = process.platform === "linux" ? "-glibc" : "";
  const platform = `@deno/${process.platform}-${process.arch}${libc}`;
  try {
    return join(dirname(createRequire(launcher).resolve(`${platform}/package.json`)), name);
  } catch {
    throw new Error(
      `Cannot find Deno: npm installed no ${platform} (are optional dependencies left out?): ` +
        "set LLMGATE_DENO to a Deno 2.9",
    );
  }
}

/** Executable, arguments and environment of `llmgate <words>`. */
function llmgateCommand(words) {
  return {
    file: denoPath(),
    args: ["run", ...flags, join(__dirname, "program", entry), ...words],
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" },
  };
}

module.exports = { denoPath, llmgateCommand };
