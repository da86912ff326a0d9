/** How a promise that is awaited later will end: the code of its error, or null if it succeeds. It is never unheard meanwhile. */
export const codeOf = (promise: Promise<unknown>): Promise<string | null> =>
  promise.then(
    () => null,
    (error: unknown) => (error as { code: string }).code,
  );
