import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import type { Command } from 'commander';
import type { Config, ConfigInput } from '../../model/config';
import { HomeostatError } from '../../model/errors';
import { temporalUiUrl } from '../../model/links';
import { connectTemporal, type Temporal, toHomeostatError } from '../../service/temporal';
import { type LoadedConfig, loadConfig } from '../config';

/** What a command works with: the configuration and a client that has reached Temporal. */
export interface Session {
  config: Config;
  temporal: Temporal;
}

/** Flags that say which configuration is meant. */
export interface SessionOptions {
  config?: string;
  name?: string;
  context?: string;
}

/** Adds the flags of `SessionOptions`. */
export function withSessionOptions(command: Command): Command {
  return command
    .option('--config <file>', 'configuration file (default: HOMEOSTAT_CONFIG, homeostat.yaml)')
    .option('--name <platform>', 'local platform that is meant');
}

/** The configuration that the flags name. */
export function configOf({ config, name, context }: SessionOptions): LoadedConfig['config'] {
  const overrides: ConfigInput | undefined = context ? { cluster: { context } } : undefined;
  return loadConfig({ file: config, platform: name, overrides }).config;
}

/** Connects, works, and closes the connection; what Temporal's client throws becomes one clear sentence. */
export async function withSession<T>(
  options: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const config = configOf(options);
  const temporal = await connectTemporal(config);
  try {
    return await work({ config, temporal });
  } catch (error) {
    throw explained(error, temporal);
  } finally {
    await temporal.connection.close();
  }
}

function explained(error: unknown, temporal: Temporal): unknown {
  if (error instanceof HomeostatError) return error;
  const cause = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(cause) ? toHomeostatError(cause, temporal) : error;
}

/** Where a run is seen in Temporal's web UI, where one is configured. */
export function uiLink(
  { config, temporal }: Session,
  id: string,
  runId: string,
): string | undefined {
  const { ui } = config.temporal;
  if (!ui) return undefined;
  return temporalUiUrl(ui, temporal.namespace, id, runId);
}
