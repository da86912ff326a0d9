/** The configuration as the other parts see it: one schema, parsed once, frozen, passed in. */
export { configFields, type ConfigField } from './fields.ts';
export { ConfigError, foreignVariables, loadConfig, parseConfig, type LoadedConfig, type LoadOptions } from './load.ts';
export { configSchema, settledConfig, type Config, type SettledConfig } from './schema.ts';
