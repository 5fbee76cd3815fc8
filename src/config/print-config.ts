import { paintWith } from '../explain/paint.ts';
import { table } from '../explain/table.ts';
import { originOf } from '../policy/origin.ts';
import type { Policy } from '../policy/policy.ts';
import { valueText } from '../policy/value-text.ts';
import type { StatsdServer } from '../telemetry/statsd/statsd-sender.ts';
import type { SyslogAddress } from '../telemetry/syslog.ts';
import type { BindAddress } from './bind-address.ts';
import { isOverriding, overridingSettings } from './policy-overrides.ts';
import type { GivenSettings, GivenTexts } from './precedence.ts';
import { type StoreAddress, storeText } from './rate-limit-store.ts';
import { defaultsOfSettings } from './setting-defaults.ts';
import { type SettingName, settingNames } from './settings.ts';
import { umaskText } from './system-settings.ts';

export type Printed = {
  readonly app: GivenTexts | null;
  readonly given: GivenSettings;
  /** The config file that was read. */
  readonly configFile: string | null;
  readonly policy: Policy;
  readonly warnings: readonly string[];
};

/** `--print-config`: every setting, then every value of the policy, each with where it came from, in three columns. */
export function printConfig({ app, given, configFile, policy, warnings }: Printed): string {
  const settings = settingNames.map((name): Row => {
    if (name === 'config') return ['config', configFile ?? '-', configOrigin(given, configFile)];
    if (isOverriding(name)) {
      const pointer = overridingSettings[name];
      return [name, valueText(policy, pointer), originOf(policy, pointer)];
    }
    const { value, origin } = given[name] ?? { value: defaultsOfSettings[name], origin: 'default' };
    return [name, textOf(name, value), origin];
  });
  const rows: readonly Row[] = [
    ['app', app?.texts[0] ?? '-', app?.origin ?? 'not given'],
    ...settings,
    ...Object.keys(policy.origins).map(
      (pointer): Row => [pointer, valueText(policy, pointer), originOf(policy, pointer)],
    ),
  ];
  return `${[...table(rows, paintWith(false), ''), ...warnings.map((warning) => `warning: ${warning}`)].join('\n')}\n`;
}

type Row = readonly [name: string, value: string, origin: string];

function configOrigin(given: GivenSettings, configFile: string | null): string {
  if (given.config !== undefined) return given.config.origin;
  return configFile === null ? 'default' : 'working directory';
}

function textOf(name: SettingName, value: unknown): string {
  if (name === 'bind') return (value as readonly BindAddress[]).map(addressText).join(',');
  if (name === 'admin' && value !== null) return addressText(value as BindAddress);
  if (name === 'statsdHost' && value !== null) return addressText({ kind: 'tcp', ...(value as StatsdServer) });
  if (name === 'rateLimitStore' && value !== null) return storeText(value as StoreAddress);
  if (name === 'umask' && value !== null) return umaskText(value as number);
  if (name === 'logSyslogTo') return syslogText(value as SyslogAddress);
  // A value may be a password.
  if (name === 'env')
    return (value as readonly (readonly [string, string])[]).map(([key]) => `${key}=...`).join(',') || '-';
  return value === null || value === '' ? '-' : String(value);
}

function syslogText(address: SyslogAddress): string {
  if (address.kind === 'unix') return `unix://${address.path}${address.type === null ? '' : `#${address.type}`}`;
  return `${address.kind}://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

function addressText(address: BindAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  if (address.kind === 'descriptor') return `fd://${address.descriptor}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
