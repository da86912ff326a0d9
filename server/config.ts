/** The configuration as the other parts see it: one schema, parsed once, frozen, passed in. */
export { configFields, type ConfigField } from './config/fields.ts';
export { ConfigError, loadConfig, parseConfig, type LoadedConfig, type LoadOptions } from './config/load.ts';
export { configSchema, type Config } from './config/schema.ts';
