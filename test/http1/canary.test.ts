import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import plainBuild from 'undici/lib/llhttp/llhttp-wasm.js';
import { canaries, survivingCanary } from '../../src/http1/canary.ts';
import { compileLlhttp } from '../../src/http1/llhttp/compile.ts';
import { instantiateLlhttp, type Llhttp, type LlhttpParser } from '../../src/http1/llhttp/instance.ts';
import { createParserContext, RequestParser } from '../../src/http1/request-parser.ts';
import { bytesOf } from '../support/cases.ts';
import { byteByByte, defaultLimits } from '../support/parser-events.ts';
import { type ParserCase, parserCaseFiles, parserCases } from './parser-cases.ts';
import { lenientSwitches, weakenedLlhttp } from './weakened-llhttp.ts';

const real = instantiateLlhttp(compileLlhttp());
const refused = parserCaseFiles.flatMap(parserCases).filter(({ rejected, peerEnds }) => rejected && !peerEnds);

/** Whether a request that has to be refused is, whole and byte by byte. */
function isRefused(llhttp: Llhttp, row: ParserCase): boolean {
  const bytes = bytesOf(row.request);
  return [[bytes], byteByByte(bytes)].every((pieces) => {
    let ended = false;
    let refusedOnce = false;
    const parser = new RequestParser(
      createParserContext(llhttp),
      { ...defaultLimits, ...row.limits },
      {
        onRequestHead() {},
        onContent() {},
        onEndOfMessage() {
          ended = true;
        },
        onRejected() {
          refusedOnce = true;
        },
      },
    );
    for (const piece of pieces) {
      parser.receive(piece);
      for (; ended; parser.resume()) ended = false;
    }
    parser.free();
    return refusedOnce;
  });
}

/** A parser library that finds nothing wrong and nothing at all. */
const mute: Llhttp = {
  ...real,
  createParser: (): LlhttpParser => ({
    execute: () => 'OK',
    stoppedAt: 0,
    reason: '',
    resume() {},
    reset() {},
    resumeAfterUpgrade() {},
    free() {},
  }),
};

describe('the canaries', () => {
  it('all die in the parser that is shipped', () => {
    assert.equal(survivingCanary(real), undefined);
  });

  it('all die in the build for processors without SIMD', () => {
    const llhttp = instantiateLlhttp(new WebAssembly.Module(plainBuild));
    assert.equal(survivingCanary(llhttp), undefined);
    assert.deepEqual(
      refused.filter((row) => !isRefused(llhttp, row)),
      [],
    );
  });

  it('have names of their own', () => {
    assert.equal(new Set(canaries.map(({ name }) => name)).size, canaries.length);
    assert.equal(new Set(canaries.map(({ request }) => request)).size, canaries.length);
  });

  const weakenings: readonly { readonly what: string; readonly llhttp: () => Llhttp; readonly names: RegExp }[] = [
    {
      what: 'that folds lines and lets control bytes pass',
      llhttp: () => weakenedLlhttp(['llhttp_set_lenient_headers']),
      names: /^obs-fold: expected field\.malformed, the parser said nothing$/,
    },
    { what: 'with every switch on', llhttp: () => weakenedLlhttp(lenientSwitches()), names: /: expected / },
    {
      what: 'that finds nothing wrong',
      llhttp: () => mute,
      names: /^LF alone ends a field line: expected field\.malformed/,
    },
  ];
  for (const { what, llhttp, names } of weakenings) {
    it(`name what gets through a parser ${what}`, () => {
      assert.match(survivingCanary(llhttp()) ?? 'nothing', names);
    });
  }
});

describe('a parser library that has become lenient', () => {
  it('has the switches that this test knows of', () => {
    assert.equal(lenientSwitches().length, 10);
  });

  for (const name of lenientSwitches()) {
    it(`is found out at start, or our own layer still refuses all that it should: ${name}`, () => {
      const llhttp = weakenedLlhttp([name]);
      if (survivingCanary(llhttp) !== undefined) return;
      const passed = refused.filter((row) => !isRefused(llhttp, row)).map(({ behaviour }) => behaviour);
      assert.deepEqual(passed, []);
    });
  }

  it('about chunks is held to the grammar all the same, whatever it lets pass', () => {
    const llhttp = weakenedLlhttp(lenientSwitches().filter((name) => name !== 'llhttp_set_lenient_headers'));
    const rows = parserCases('chunked-content.cases.json').filter(({ rejected }) => rejected !== undefined);
    const passed = rows.filter((row) => !isRefused(llhttp, row)).map(({ behaviour }) => behaviour);
    assert.deepEqual(passed, []);
  });

  it('would let requests through that nobody may see', () => {
    const llhttp = weakenedLlhttp(['llhttp_set_lenient_headers']);
    assert.ok(refused.some((row) => !isRefused(llhttp, row)));
    assert.ok(refused.every((row) => isRefused(real, row)));
  });
});
