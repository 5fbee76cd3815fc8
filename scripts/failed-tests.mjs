// A reporter of Node's test runner that says at the very end which tests failed and why: in thousands of lines of TAP, and in a
// log of which only the end is kept, nobody finds them.
import { inspect } from 'node:util';

export default async function* failedTests(events) {
  const failures = [];
  for await (const { type, data } of events) {
    if (type === 'test:fail' && data.todo === undefined && data.skip === undefined && isOwn(data)) failures.push(data);
  }
  if (failures.length === 0) return;
  yield `\nFailed (${failures.length}):\n`;
  for (const { name, file, line, details } of failures) {
    const { error, duration_ms: duration } = details;
    yield `\n${name} (${file}:${line}, ${Math.round(duration)} ms)\n${inspect(error.cause ?? error)}\n`;
  }
}

/** A suite fails because of the tests in it, and they speak for themselves. */
function isOwn({ details }) {
  return details.error?.failureType !== 'subtestsFailed';
}
