import type { OverridablePointer, Override } from '../policy/override.ts';
import type { GivenSettings } from './precedence.ts';
import type { SettingName } from './settings.ts';

/** The settings that replace a value of the policy. */
export const overridingSettings = {
  limitRequestLine: '/request/line/maxBytes',
  limitRequestFields: '/request/fields/maxCount',
  limitRequestFieldSize: '/request/fields/maxFieldBytes',
  timeout: '/timeouts/worker',
  keepAlive: '/keepAlive/idle',
} as const satisfies Partial<Record<SettingName, OverridablePointer>>;

export type OverridingSetting = keyof typeof overridingSettings;

export function isOverriding(name: SettingName): name is OverridingSetting {
  return Object.hasOwn(overridingSettings, name);
}

export function policyOverrides(given: GivenSettings): readonly Override[] {
  return (Object.keys(overridingSettings) as readonly OverridingSetting[]).flatMap((name) => {
    const setting = given[name];
    return setting === undefined ? [] : [{ pointer: overridingSettings[name], ...setting }];
  });
}
