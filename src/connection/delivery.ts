import type { RequestHead } from '../http1/request-head.ts';
import type { EffectivePolicy } from '../policy/effective.ts';
import type { Dispatcher } from '../upstream/dispatch.ts';

/**
 * The application gets the request when all of its content is here: because the policy says so, or because its length has to
 * be told first and only the end of it tells. To refuse the latter (411) would refuse what many clients send.
 */
export function isDeliveredComplete(
  { framing }: Pick<RequestHead, 'framing'>,
  { request }: Pick<EffectivePolicy, 'request'>,
  { needsContentLength = false }: Pick<Dispatcher, 'needsContentLength'>,
): boolean {
  if (framing === 'none') return false;
  return request.delivery === 'complete' || (needsContentLength && framing === 'chunked');
}
