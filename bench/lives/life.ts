import type { Failure } from './asker.ts';
import type { Kind } from './contender.ts';
import type { Load } from './load.ts';
import type { Setup, Subject } from './subject.ts';

/** How much of it: a few minutes for a table, or a few seconds for a test. */
export type Scale = 'long' | 'short';

/** One thing that happens to a server's processes while it is under load. */
export type Life = {
  readonly name: string;
  /** Those to whom it can happen. */
  readonly kinds: readonly Kind[];
  /** How often, where it happens more than once. */
  readonly times: Readonly<Record<Scale, number>>;
  /** Also many requests that nobody compares. Not where requests may fail: their ids are not known. */
  readonly hasVolume: boolean;
  readonly setup: Setup;
  readonly needsRoot?: true;
  /** What the row needs beside the server; the flags that it gives are added, `remove` comes when the server has ended. */
  prepare?(scale: Scale): Promise<Prepared>;
  /** Rejects where the server did not do what it was told to. */
  act(stage: Stage): Promise<Act>;
};

export type Prepared = { readonly flags: readonly string[]; readonly folder: string; remove(): void };

/** The row cannot be tried on this machine, by whatever server. */
export class CannotRun extends Error {}

export type Stage = {
  readonly subject: Subject;
  readonly load: Load;
  readonly times: number;
  readonly prepared: Prepared | undefined;
};

/** What came of it. */
export type Act = {
  readonly measures?: readonly Measure[];
  /** True for a failure that this had to cost; without it none is allowed. */
  readonly mayFail?: (failure: AttributedFailure) => boolean;
  /** What else was promised and not kept, in words. */
  readonly problems?: readonly string[];
};

export type Measure = {
  readonly what: string;
  readonly unit: 'ms' | '';
  readonly values: readonly number[];
  /** What is promised for ours. */
  readonly most?: number;
};

/** A failed request, and what the application wrote down about it. */
export type AttributedFailure = Failure & {
  /** Processes that had begun it, in their order. */
  readonly begunBy: readonly number[];
  /** It was answered by the application, and the answer did not arrive. */
  readonly hasEnded: boolean;
};
