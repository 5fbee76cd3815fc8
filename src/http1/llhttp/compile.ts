import simdBuild from 'undici/lib/llhttp/llhttp_simd-wasm.js';
import plainBuild from 'undici/lib/llhttp/llhttp-wasm.js';

/**
 * Compiles the parser that Node's own team keeps current in undici: the SIMD build, or the plain one on processors
 * without it. The npm package named `llhttp` is from before the request-smuggling fixes and is not used.
 * docs/dependencies.md records the SHA-256 of both files; a test holds them to it.
 */
export function compileLlhttp(): WebAssembly.Module {
  try {
    return new WebAssembly.Module(simdBuild);
  } catch {
    return new WebAssembly.Module(plainBuild);
  }
}
