import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type LogLevel, openErrorLog } from '../../src/telemetry/error-log.ts';

/** A log that writes into an array under a clock that the test moves. */
function recordedLog(level: LogLevel = 'info') {
  const lines: string[] = [];
  const timers: { readonly due: number; readonly run: () => void }[] = [];
  let now = Date.UTC(2014, 8, 10, 10, 22, 28);
  const advance = (milliseconds: number): void => {
    now += milliseconds;
    for (const timer of timers.filter(({ due }) => due <= now)) {
      timers.splice(timers.indexOf(timer), 1);
      timer.run();
    }
  };
  const clock = {
    now: () => now,
    after: (milliseconds: number, run: () => void) => void timers.push({ due: now + milliseconds, run }),
  };
  const log = openErrorLog({ level, pid: 30869, clock, limit: 3, write: (text) => lines.push(text) });
  return { log, lines, advance };
}

describe('error log', () => {
  it("writes Gunicorn's line", () => {
    const { log, lines } = recordedLog();
    log.info('Listening at: http://127.0.0.1:8000 (30869)');
    assert.equal(lines.length, 1);
    assert.match(
      lines[0] ?? '',
      /^\[2014-09-(09|10|11) \d\d:\d\d:28 [+-]\d{4}\] \[30869\] \[INFO\] Listening at: http:\/\/127\.0\.0\.1:8000 \(30869\)\n$/,
    );
  });

  it('gives the time with the offset that makes it this instant', () => {
    const { log, lines } = recordedLog();
    log.info('x');
    const [, day, time, hours, minutes] = /^\[(\S+) (\S+) ([+-]\d\d)(\d\d)\]/.exec(lines[0] ?? '') ?? [];
    assert.equal(Date.parse(`${day}T${time}${hours}:${minutes}`), Date.UTC(2014, 8, 10, 10, 22, 28));
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = recordedLog('error');
    log.debug('no');
    log.info('no');
    log.warning('no');
    log.limited('kind', 'no');
    log.error('yes');
    log.critical('yes');
    assert.deepEqual(
      lines.map((line) => line.slice(line.lastIndexOf('['))),
      ['[ERROR] yes\n', '[CRITICAL] yes\n'],
    );
  });

  const hostile = [
    { behaviour: 'a line end', text: 'a\r\n[2014] [1] [INFO] forged', shown: 'a\\x0d\\x0a[2014] [1] [INFO] forged' },
    { behaviour: 'an escape sequence', text: '\x1b[2Jx\x9b31m', shown: '\\x1b[2Jx\\x9b31m' },
    { behaviour: 'NUL and DEL', text: '\0\x7f', shown: '\\x00\\x7f' },
    { behaviour: 'a Unicode line end', text: '\u2028\u2029\u0085', shown: '\\u2028\\u2029\\x85' },
    { behaviour: 'a mark that reverses the line', text: '\u202egnp.exe', shown: '\\u202egnp.exe' },
    { behaviour: 'half a surrogate pair', text: '\ud800x', shown: '\\ud800x' },
    { behaviour: 'a backslash', text: '\\x0a', shown: '\\\\x0a' },
    { behaviour: 'nothing in ordinary text', text: 'caf\u00e9 \u{1f600} "x"', shown: 'caf\u00e9 \u{1f600} "x"' },
  ];
  for (const { behaviour, text, shown } of hostile) {
    it(`escapes ${behaviour}`, () => {
      const { log, lines } = recordedLog();
      log.warning(text);
      assert.ok(lines[0]?.endsWith(`[WARNING] ${shown}\n`), lines[0]);
    });
  }

  it('indents every line of a stack, so that none looks like a line of the log', () => {
    const { log, lines } = recordedLog();
    log.error('failed', 'Error: x\n[2014] [1] [INFO] forged\n\x1b[0m');
    assert.match(
      lines[0] ?? '',
      /\[ERROR\] failed\n {4}Error: x\n {4}\[2014\] \[1\] \[INFO\] forged\n {4}\\x1b\[0m\n$/,
    );
  });

  it('cuts what is far too long', () => {
    const { log, lines } = recordedLog();
    log.error('x'.repeat(100_000), 'y\n'.repeat(100_000));
    assert.ok((lines[0]?.length ?? 0) < 10_000);
  });

  it('writes a few lines of one kind a second, then how many it left out, and starts anew', () => {
    const { log, lines, advance } = recordedLog();
    for (let count = 0; count < 10; count += 1) log.limited('host.missing', `refused ${count}`);
    log.limited('framing.chunk', 'another kind');
    assert.equal(lines.length, 4);
    advance(1000);
    assert.equal(lines.length, 5);
    assert.ok(lines[4]?.endsWith('[WARNING] 7 more lines of host.missing suppressed\n'));
    log.limited('host.missing', 'refused again');
    assert.ok(lines[5]?.endsWith('refused again\n'));
    advance(1000);
    assert.equal(lines.length, 6);
  });

  it('limits all further kinds together when there are too many of them', () => {
    const { log, lines } = recordedLog();
    for (let kind = 0; kind < 1000; kind += 1) log.limited(`kind ${kind}`, 'x');
    assert.equal(lines.length, 256 + 3);
  });
});
