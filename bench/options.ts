import { parseArgs } from 'node:util';
import { type ContenderName, contenderNames } from './hostile/contenders.ts';
import { quickSectionNames, type SectionName, sectionNames } from './sections/names.ts';

export type LoadChoice = 'auto' | 'wrk' | 'node';

export type BenchOptions = {
  /** Also nginx in front of `node:http`. */
  readonly peers: boolean;
  readonly load: LoadChoice;
  /** Rounds that count; one more is the warm-up. */
  readonly rounds: number;
  /** Of one measurement in one round. */
  readonly seconds: number;
  readonly only: readonly SectionName[];
  readonly idleConnections: number;
  readonly transferBytes: number;
  /** Those that the section `hostile` attacks. */
  readonly servers: readonly ContenderName[];
  /** Part of the names of the attacks that are wanted; undefined: all. */
  readonly attack: string | undefined;
  readonly soakSeconds: number;
  /** Part of the names of the lives that are wanted; undefined: all. */
  readonly life: string | undefined;
  /** Each life as short as in the tests. */
  readonly short: boolean;
  readonly json: string | undefined;
  readonly markdown: string | undefined;
  readonly program: string | undefined;
  /** An earlier build, for what a change costs. */
  readonly before: string | undefined;
};

export const usage = `npm run bench -- [flags]

  --peers                  also nginx in front of node:http, or Gunicorn (hostile, lives), where they are installed
  --only NAME              one section: ${sectionNames.join(', ')}; repeatable
                           (default: all but the long ones, wsgi, logging, hostile, soak and lives)
  --rounds N               rounds that count, after one warm-up (default 7)
  --seconds N              seconds of one measurement in one round (default 3)
  --load auto|wrk|node     load generator; auto is wrk where it is installed (default auto)
  --idle-connections N     connections of the section idle-connections (default 5000)
  --transfer-mib N         size of an upload and of a download in MiB (default 1024)
  --server NAME            who is attacked (hostile): ${contenderNames.join(', ')}; repeatable
                           (default portcullis; with --peers all of them)
  --attack TEXT            only attacks whose name contains it (hostile)
  --soak-seconds N         seconds of mixed traffic (soak, default 600)
  --life TEXT              only what has it in its name (lives)
  --short                  each of them a few times only (lives)
  --program FILE           a built cli.js to measure instead of dist/cli.js
  --before FILE            another built cli.js, measured in the same rounds (throughput): what a change costs
  --json FILE              write every figure
  --markdown FILE          write the tables; a FILE that exists needs the lines "<!-- bench -->" and "<!-- /bench -->" around them
  --help                   this text`;

/** What is wrong with the command line, in words for whoever typed it. */
export class UsageError extends Error {}

/** `help` where only the usage was asked for. Throws `UsageError`. */
export function readOptions(args: readonly string[]): BenchOptions | 'help' {
  const { values } = parse(args);
  if (values.help === true) return 'help';
  const only = (values.only ?? []).map((name) => oneOf(name, sectionNames, '--only'));
  const servers = (values.server ?? []).map((name) => oneOf(name, contenderNames, '--server'));
  return {
    peers: values.peers ?? false,
    load: oneOf(values.load ?? 'auto', ['auto', 'wrk', 'node'] as const, '--load'),
    rounds: wholeNumber(values.rounds ?? '7', '--rounds', 1, 1000),
    seconds: wholeNumber(values.seconds ?? '3', '--seconds', 1, 3600),
    only: only.length === 0 ? quickSectionNames : only,
    idleConnections: wholeNumber(values['idle-connections'] ?? '5000', '--idle-connections', 1, 100_000),
    transferBytes: wholeNumber(values['transfer-mib'] ?? '1024', '--transfer-mib', 1, 4096) * 1024 * 1024,
    servers: servers.length > 0 ? servers : values.peers === true ? contenderNames : ['portcullis'],
    attack: values.attack,
    life: values.life,
    short: values.short ?? false,
    soakSeconds: wholeNumber(values['soak-seconds'] ?? '600', '--soak-seconds', 10, 86_400),
    json: values.json,
    markdown: values.markdown,
    program: values.program,
    before: values.before,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        peers: { type: 'boolean' },
        only: { type: 'string', multiple: true },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        load: { type: 'string' },
        'idle-connections': { type: 'string' },
        'transfer-mib': { type: 'string' },
        server: { type: 'string', multiple: true },
        attack: { type: 'string' },
        'soak-seconds': { type: 'string' },
        life: { type: 'string' },
        short: { type: 'boolean' },
        program: { type: 'string' },
        before: { type: 'string' },
        json: { type: 'string' },
        markdown: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function oneOf<Name extends string>(text: string, names: readonly Name[], flag: string): Name {
  const name = names.find((candidate) => candidate === text);
  if (name === undefined) throw new UsageError(`${flag}: ${JSON.stringify(text)} is not one of ${names.join(', ')}`);
  return name;
}

function wholeNumber(text: string, flag: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${flag}: ${JSON.stringify(text)} is not a whole number from ${least} to ${most}`);
}
