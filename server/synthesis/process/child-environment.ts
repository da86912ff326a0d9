/** What a synthesis process inherits: how the machine is set up, and none of the server's settings or secrets. */
const inherited =
  /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|TEMP|TMP|SYSTEMROOT|XDG_CACHE_HOME|LD_LIBRARY_PATH|DYLD_LIBRARY_PATH|NODE_EXTRA_CA_CERTS|UV_THREADPOOL_SIZE|ORT_.*|OMP_.*|CUDA_.*|NVIDIA_.*)$/i;

export function childEnvironment(env: Readonly<Record<string, string | undefined>>, own: Record<string, string>): Record<string, string> {
  const kept = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && inherited.test(entry[0]));
  return { ...Object.fromEntries(kept), ...own };
}
