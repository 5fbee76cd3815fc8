import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HeldContent } from '../../src/link/held-content.ts';

describe('held content', () => {
  it('comes out as it went in, however it was cut', () => {
    const action = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 3000 }), fc.constant('take'));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
        const held = new HeldContent();
        const [into, out]: [Uint8Array[], Uint8Array[]] = [[], []];
        for (const step of actions) {
          if (typeof step === 'string') {
            out.push(held.take());
          } else {
            into.push(step.slice());
            held.append(step);
            step.fill(0);
          }
        }
        out.push(held.take());
        assert.ok(Buffer.concat(out).equals(Buffer.concat(into)));
      }),
    );
  });

  it('of single bytes costs about their sum', () => {
    const held = new HeldContent();
    const byte = Buffer.of(1);
    for (let i = 0; i < 65536; i++) held.append(byte);
    assert.ok(held.view().buffer.byteLength <= 2 * 65536);
  });
});
