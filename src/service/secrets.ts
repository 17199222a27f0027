import { readFileSync } from 'node:fs';
import { badInput, messageOf } from '../model/errors';

/** Environment variables of secrets. */
export const secretVariable = {
  slackToken: 'HOMEOSTAT_SLACK_TOKEN',
  slackSigningSecret: 'HOMEOSTAT_SLACK_SIGNING_SECRET',
  gatewayToken: 'HOMEOSTAT_GATEWAY_TOKEN',
} as const;

/**
 * A secret from its environment variable, else from the file that the configuration names.
 * @throws HomeostatError `bad-input` that names `key`, where neither gives one.
 */
export function readSecret(
  variable: string,
  { key, file }: { key: string; file?: string },
  env: NodeJS.ProcessEnv = process.env,
): string {
  const secret = (env[variable] ?? (file ? readText(key, file) : '')).trim();
  if (!secret)
    throw badInput(`${key} ${file ?? 'missing'}`, `name a file that holds it, or set ${variable}`);
  return secret;
}

function readText(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw badInput(`${key} ${file}`, `make it a readable file (${messageOf(error)})`);
  }
}
