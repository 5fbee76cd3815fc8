import { type Environment, settingsFromEnvironment } from './environment.ts';
import { longFlag, type SettingName, type SettingValue, settingNames, settings } from './settings.ts';

/** The settings that were given at all, read and checked, each with where it came from. */
export type GivenSettings = {
  readonly [Name in SettingName]?: { readonly value: SettingValue<Name>; readonly origin: string };
};

/** A flag goes before the environment; what neither gives is left to the policy file and the defaults. */
export function mergeSettings(
  flags: ReadonlyMap<SettingName, readonly string[]>,
  environment: Environment,
): GivenSettings {
  const fromEnvironment = settingsFromEnvironment(environment);
  const given: Partial<Record<SettingName, { value: unknown; origin: string }>> = {};
  for (const name of settingNames) {
    const texts = flags.get(name);
    const variable = fromEnvironment.get(name);
    const { parse } = settings[name];
    if (texts !== undefined) {
      const origin = `flag ${longFlag(name)}`;
      const values = texts.map((text) => parse(text, origin));
      given[name] = { value: 'repeatable' in settings[name] ? values.flat() : values.at(-1), origin };
    } else if (variable !== undefined) {
      given[name] = { value: parse(variable.text, variable.origin), origin: variable.origin };
    }
  }
  // Each value has just come out of the parser of its own name.
  return given as GivenSettings;
}
