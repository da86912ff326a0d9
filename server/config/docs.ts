/** `docs/configuration.md`, made from the schema. Run this file to write it; a test holds the two equal. */
import { writeFileSync } from 'node:fs';
import { configFields, type ConfigField } from './fields.ts';

const introduction = `# Configuration

<!-- Made by \`node server/config/docs.ts\` from server/config/schema.ts: change it there. -->

Nothing has to be configured to try Gioconda. Three sources, the later ones over the earlier: the defaults below; a JSON file (\`GIOCONDA_CONFIG\`, or
\`gioconda.json\` in the working directory, or else in the data folder); environment variables. It is read once, at the start. A key that does
not exist is refused, with the nearest one that does; an environment variable that begins with \`GIOCONDA_\` and is not known is warned of.

In the file a key's dots are levels: \`{ "media": { "announcedAddress": "203.0.113.7" } }\`. In the environment a list is separated by commas and a
structure is JSON; an empty variable counts as not set. Relative paths are taken from the working directory.

In Kubernetes, a service that is called \`gioconda\` puts \`GIOCONDA_PORT=tcp://…\` into every pod: set \`enableServiceLinks: false\`.

| key | environment variable | default | meaning |
|---|---|---|---|
`;

function showDefault({ default: value, kind }: ConfigField): string {
  if (value === null) return 'none';
  if (kind === 'list' || kind === 'json') return (value as unknown[]).length === 0 ? 'empty' : `\`${JSON.stringify(value)}\``;
  return `\`${value as string | number | boolean}\``;
}

function row(field: ConfigField): string {
  const choices = field.choices ? ` One of ${field.choices.map((choice) => `\`${choice}\``).join(', ')}.` : '';
  return `| \`${field.key}\` | \`${field.variable}\` | ${showDefault(field)} | ${field.description}${choices} |`;
}

export function configurationDocument(): string {
  return `${introduction}${configFields.map(row).join('\n')}\n`;
}

if (import.meta.main) writeFileSync(new URL('../../docs/configuration.md', import.meta.url), configurationDocument());
