/**
 * A module as it is built. The loader that runs this benchmark names every closure at run time, which makes code that
 * makes closures for each request up to twice as slow: what is measured has to be what is shipped.
 */
export async function built<Module>(path: string): Promise<Module> {
  return (await import(builtUrl(path).href)) as Module;
}

export function builtUrl(path: string): URL {
  return new URL(`../../dist/${path}`, import.meta.url);
}
