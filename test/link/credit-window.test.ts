import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ReceiveWindow, SendWindow } from '../../src/link/credit-window.ts';

describe('credit windows', () => {
  it('never have more than the window under way, and never stop for good', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), sizes, sizes, (windowBytes, sends, reads) => {
        const sender = new SendWindow(windowBytes);
        const receiver = new ReceiveWindow(windowBytes);
        let unread = 0;
        for (let step = 0; step < 200; step++) {
          const sent = Math.min(sends[step % sends.length] ?? 1, sender.available);
          sender.available -= sent;
          unread += sent;
          assert.ok(receiver.receive(sent));
          assert.ok(unread <= windowBytes);
          const read = Math.min(reads[step % reads.length] ?? 1, unread);
          unread -= read;
          const grant = receiver.consume(read);
          if (grant > 0) assert.ok(sender.grant(grant));
          if (unread === 0) assert.ok(sender.available > 0, 'all is read and nothing may be sent');
        }
      }),
    );
  });

  it('refuse content that was not granted', () => {
    const receiver = new ReceiveWindow(10);
    assert.ok(receiver.receive(10));
    assert.equal(receiver.receive(1), false);
  });

  it('refuse credit for content that was never sent', () => {
    const sender = new SendWindow(10);
    sender.available -= 4;
    assert.equal(sender.grant(5), false);
    assert.equal(sender.grant(0), false);
    assert.ok(sender.grant(4));
    assert.equal(sender.available, 10);
  });

  it('grant no more than was received, whatever the consumer claims', () => {
    const receiver = new ReceiveWindow(10);
    receiver.receive(6);
    assert.equal(receiver.consume(100), 6);
  });

  it('grant in halves of a window', () => {
    const receiver = new ReceiveWindow(100);
    receiver.receive(100);
    const grants = Array.from({ length: 10 }, () => receiver.consume(10));
    assert.deepEqual(
      grants.filter((grant) => grant > 0),
      [50, 50],
    );
  });
});
