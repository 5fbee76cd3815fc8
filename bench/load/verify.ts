import { within } from '../../test/support/deadline.ts';
import type { Server } from '../servers/server.ts';
import { helloContent, requestBytes } from './browser-request.ts';
import { Client } from './client.ts';

const VERIFY_MS = 5_000;

/** One request whose status and content are compared: wrk looks at the status only. */
export async function verifyHello({ name, port }: Server): Promise<void> {
  let client: Client | undefined;
  const answered = new Promise<void>((resolve, reject) => {
    const exercise = { port, request: requestBytes('keep-alive'), content: helloContent };
    client = new Client(exercise, resolve, reject);
    client.send();
  });
  try {
    await within(VERIFY_MS, answered, () => 'no answer');
  } catch (error) {
    throw new Error(`${name} does not answer as it should`, { cause: error });
  } finally {
    client?.close();
  }
}
