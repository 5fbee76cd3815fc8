import type { EffectiveValue } from './effective-value.ts';
import type { ExplainedRejection, ExplainedRequest } from './explained-request.ts';

/** The documented shape (docs/policy-commands.md): keys are added, never renamed. */
export function explanationAsJson(explained: ExplainedRequest): object {
  const { rejection, observed, effective, recorded, client, ...rest } = explained;
  return {
    ...rest,
    client: client === '' ? null : client,
    refusal: rejection === null ? null : rejectionAsJson(rejection),
    observed: observed.map(rejectionAsJson),
    effective: Object.fromEntries(effective.map((value) => [generalPointer(value), value])),
    recorded: recorded === null ? null : recordAsJson(recorded),
  };
}

function rejectionAsJson({
  rule,
  status,
  detail,
  pointer,
  source,
  meaning,
  decided,
  mode,
}: ExplainedRejection): object {
  return { rule, status, detail, pointer, source, meaning, decided, mode };
}

/** The same key whether the route says it or the policy. */
function generalPointer({ pointer }: EffectiveValue): string {
  return pointer.replace(/^\/routes\/\d+/, '');
}

function recordAsJson({ bytes: _, isCut, ...rest }: NonNullable<ExplainedRequest['recorded']>): object {
  return { ...rest, cut: isCut };
}
