/**
 * Starts several things side by side and puts each on `stack` as soon as it runs. When one fails,
 * the others are still awaited, so that nothing is left half started; then the first failure is
 * thrown, and disposing the stack ends the rest.
 */
export async function startTogether<T extends readonly (AsyncDisposable | undefined)[]>(
  stack: AsyncDisposableStack,
  starting: { readonly [K in keyof T]: Promise<T[K]> },
): Promise<T> {
  const settled = await Promise.allSettled(
    starting.map(async (start) => {
      const started = await start;
      if (started) stack.use(started);
      return started;
    }),
  );
  const failed = settled.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return settled.map((result) => (result as PromiseFulfilledResult<unknown>).value) as unknown as T;
}
