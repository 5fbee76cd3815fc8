import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { type Config, ConfigError } from '../../src/config/config.ts';
import { readConfig } from '../../src/config/read-config.ts';
import { PolicyError } from '../../src/policy/mistake.ts';

export type Environment = Readonly<Record<string, string>>;
const path = { PATH: process.env['PATH'] ?? '' };

/** A working directory with these files, removed after the tests of the file. */
export class ConfigFolder {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'config-folder-')));

  constructor(files: Readonly<Record<string, string>> = {}) {
    after(() => rmSync(this.path, { recursive: true }));
    this.write('app.mjs', 'export const app = () => [];\n');
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.path, name), text);
  }

  async config(line = 'app.mjs', environment: Environment = {}): Promise<Config> {
    const command = await readConfig(words(line), this.#surroundings(environment));
    if (command.type !== 'run') throw new assert.AssertionError({ message: `${line} prints ${command.text}` });
    return command.config;
  }

  async printed(line: string, environment: Environment = {}): Promise<string> {
    const command = await readConfig(words(line), this.#surroundings(environment));
    if (command.type !== 'print') throw new assert.AssertionError({ message: `${line} prints nothing` });
    return command.text;
  }

  /** The message, without the folder's path. */
  async refusal(line = 'app.mjs', environment: Environment = {}): Promise<string> {
    try {
      await readConfig(words(line), this.#surroundings(environment));
    } catch (error) {
      assert.ok(error instanceof ConfigError || error instanceof PolicyError, String(error));
      if (error instanceof ConfigError) assert.equal(error.exitCode, 2);
      return error.message.replaceAll(`${this.path}/`, '');
    }
    throw new assert.AssertionError({ message: `${line} was accepted` });
  }

  #surroundings(environment: Environment) {
    return { environment: { ...path, ...environment }, workingDirectory: this.path, version: '0' };
  }
}

function words(line: string): readonly string[] {
  return line.split(' ').filter((word) => word !== '');
}
