import { ageing } from './ageing.ts';
import { deaths } from './deaths.ts';
import { fullDisk } from './full-disk.ts';
import type { Life } from './life.ts';
import { reloads } from './reloads.ts';

/** The rows of the table, in its order. */
export const lives: readonly Life[] = [...reloads, ...ageing, ...deaths, fullDisk];
