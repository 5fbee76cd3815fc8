import { compileLlhttp } from '../../src/http1/llhttp/compile.ts';
import { instantiateLlhttp, type Llhttp } from '../../src/http1/llhttp/instance.ts';

/** The switches of the build that make it lenient. None is ever set in src. */
export function lenientSwitches(): readonly string[] {
  return WebAssembly.Module.exports(compileLlhttp())
    .map(({ name }) => name)
    .filter((name) => name.includes('lenient'));
}

/**
 * `WebAssembly.Instance` as it would be after an update that parses leniently: every llhttp struct that an instance hands
 * out has these switches on. The exports are wrapped where the instance is made, so that all else is the real thing.
 */
export function lenientInstance(switches: readonly string[]): typeof WebAssembly.Instance {
  const { Instance } = WebAssembly;
  return class extends Instance {
    override readonly exports: WebAssembly.Exports;
    constructor(module: WebAssembly.Module, imports?: WebAssembly.Imports) {
      super(module, imports);
      const real = super.exports as Record<string, (...args: number[]) => number>;
      if (real['llhttp_alloc'] === undefined) {
        this.exports = super.exports;
        return;
      }
      const weakened = {
        ...real,
        llhttp_alloc: (type: number) => {
          const pointer = real['llhttp_alloc']?.(type) ?? 0;
          for (const name of switches) real[name]?.(pointer, 1);
          return pointer;
        },
      };
      this.exports = weakened as unknown as WebAssembly.Exports;
    }
  };
}

export function weakenedLlhttp(switches: readonly string[]): Llhttp {
  const { Instance } = WebAssembly;
  WebAssembly.Instance = lenientInstance(switches);
  try {
    return instantiateLlhttp(compileLlhttp());
  } finally {
    WebAssembly.Instance = Instance;
  }
}
