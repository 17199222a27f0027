import {
  Client,
  Connection,
  type ConnectionOptions,
  isGrpcServiceError,
  ServiceError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import type { Config } from '../model/config';
import { badInput, HomeostatError, messageOf, unreachable } from '../model/errors';
import { searchAttributes } from '../workflows/search-attributes';

/** Where Temporal is and how it is reached. */
export interface TemporalSettings {
  address: string;
  namespace: string;
  /** For a `Connection` and a `NativeConnection` alike. */
  options: ClientConnectConfig['connectionOptions'];
}

/** A client and what it is connected to. */
export interface Temporal extends TemporalSettings {
  client: Client;
  connection: Connection;
}

const defaultAddress = '127.0.0.1:7233';
const connectTimeoutMs = 5_000;

/** A server that comes back is noticed within a second, where gRPC would by itself wait up to two minutes. */
const reconnect = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};

/** Temporal's own environment and files go first, then the configuration, then the local default. */
export function temporalSettings(config: Config): TemporalSettings {
  const { connectionOptions, namespace } = readEnvironment();
  const address = connectionOptions.address ?? config.temporal.address ?? defaultAddress;
  return {
    address,
    namespace: namespace ?? config.temporal.namespace,
    options: { ...connectionOptions, address },
  };
}

function readEnvironment(): ClientConnectConfig {
  try {
    return loadClientConnectConfig();
  } catch (error) {
    throw badInput(
      "Temporal's environment configuration",
      `correct TEMPORAL_* or the file that TEMPORAL_CONFIG_FILE names (${messageOf(error)})`,
    );
  }
}

/** A client that connects with its first call. */
export function lazyTemporal(config: Config): Temporal {
  const settings = temporalSettings(config);
  const connection = Connection.lazy({
    ...(settings.options as ConnectionOptions),
    connectTimeout: connectTimeoutMs,
    channelArgs: reconnect,
  });
  const client = new Client({ connection, namespace: settings.namespace });
  return { ...settings, connection, client };
}

/**
 * A client that has reached its server.
 * @throws HomeostatError `unreachable` that names the address, or `bad-input` for an unknown namespace.
 */
export async function connectTemporal(config: Config): Promise<Temporal> {
  const temporal = lazyTemporal(config);
  try {
    await temporal.connection.withDeadline(Date.now() + connectTimeoutMs, () =>
      temporal.connection.workflowService.describeNamespace({ namespace: temporal.namespace }),
    );
    return temporal;
  } catch (error) {
    await temporal.connection.close();
    throw toHomeostatError(error, temporal);
  }
}

/** What a failed call to Temporal means to people. */
export function toHomeostatError(
  error: unknown,
  { address, namespace }: Pick<Temporal, 'address' | 'namespace'>,
): Error {
  if (isGrpcServiceError(error) && error.code === status.notFound) {
    return badInput(
      `namespace "${namespace}" of Temporal at ${address}`,
      'create it (temporal operator namespace create) or set temporal.namespace',
    );
  }
  return unreachable(
    `Temporal at ${address}`,
    'start it (homeostat up) or set temporal.address or TEMPORAL_ADDRESS',
    error,
  );
}

/** Whether a failed call says that Temporal does not answer, rather than that it refuses. */
export function isTemporalAway(error: unknown): boolean {
  if (error instanceof HomeostatError) return error.code === 'unreachable';
  const cause = error instanceof ServiceError ? error.cause : error;
  return (
    isGrpcServiceError(cause) && [status.deadlineExceeded, status.unavailable].includes(cause.code)
  );
}

/** gRPC status codes that mean something here. */
const status = {
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
};

/**
 * Registers Homeostat's search attributes where they are missing. A server without the operator
 * API (Temporal Cloud) must be given them by its administrator; `missing` then says why.
 */
export async function registerSearchAttributes(
  temporal: Temporal,
): Promise<{ added: string[]; missing?: string }> {
  const { connection, namespace } = temporal;
  const operator = connection.operatorService;
  const names = Object.values(searchAttributes).map(({ name }) => name);
  try {
    return await connection.withDeadline(Date.now() + connectTimeoutMs, async () => {
      const { customAttributes } = await operator.listSearchAttributes({ namespace });
      const added = names.filter((name) => !(name in (customAttributes ?? {})));
      if (added.length > 0) {
        await operator.addSearchAttributes({
          namespace,
          searchAttributes: Object.fromEntries(added.map((name) => [name, keywordType])),
        });
      }
      return { added };
    });
  } catch (error) {
    if (!isGrpcServiceError(error)) throw error;
    // Another part registered them in the same moment.
    if (error.code === status.alreadyExists) return { added: [] };
    if (!withoutOperatorApi.includes(error.code)) throw toHomeostatError(error, temporal);
    return {
      added: [],
      missing: `register ${names.join(', ')} as Keyword by hand: ${error.details}`,
    };
  }
}

/** `INDEXED_VALUE_TYPE_KEYWORD` of Temporal's API. */
const keywordType = 2;

const withoutOperatorApi = [status.permissionDenied, status.unimplemented, status.unauthenticated];

/** Whether a workflow runs. @throws when Temporal does not answer. */
export async function isRunning(
  { client }: Pick<Temporal, 'client'>,
  workflowId: string,
): Promise<boolean> {
  try {
    const { status } = await client.workflow.getHandle(workflowId).describe();
    return status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
