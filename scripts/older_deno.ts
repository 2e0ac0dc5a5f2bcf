/**
 * What unit tests use that Deno 2.6 lacks, for `deno test --preload` there: `Deno.test.each`, whose titles name the
 * fields of a row as `$field`. CI's compiled binaries hold that runtime.
 */
interface Each {
  <T>(rows: readonly T[]): (title: string, body: (row: T) => void | Promise<void>) => void;
}

const test = Deno.test as typeof Deno.test & { each?: Each };
if (test.each === undefined) {
  const each: Each = (rows) => (title, body) => {
    for (const [index, row] of rows.entries()) {
      Deno.test(fill(title, row, index), () => body(row));
    }
  };
  Object.assign(Deno.test, { each });
}

function fill(title: string, row: unknown, index: number): string {
  const named = title.replaceAll(/\$(\w+)/g, (whole, name) => {
    const value = (row as Record<string, unknown> | null)?.[name];
    return value === undefined ? whole : String(value);
  });
  return named === title ? `${title} (${index + 1})` : named;
}
