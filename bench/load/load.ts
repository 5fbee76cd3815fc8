import type { Persistence } from './browser-request.ts';

export type LoadOptions = {
  readonly port: number;
  readonly connections: number;
  /** A whole number. */
  readonly seconds: number;
  readonly persistence: Persistence;
};

export type LoadResult = { readonly requests: number; readonly seconds: number };

/** Sends the browser's request as fast as it is answered. */
export interface LoadGenerator {
  /** With its version, for whoever compares figures. */
  readonly name: string;
  /** Fails where a connection failed or a status was not the expected one. */
  run(options: LoadOptions): Promise<LoadResult>;
}
