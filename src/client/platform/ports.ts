import { createServer } from 'node:net';
import { badInput } from '../../model/errors';
import { platformNames, platformPaths } from './paths';
import { readRecord } from './records';

/** Where the parts listen on 127.0.0.1 unless that port is taken. */
export const defaultPorts = {
  temporal: 7233,
  ui: 8233,
  gateway: 8088,
  worker: 9464,
  detector: 9465,
};

export type Ports = typeof defaultPorts;

export const agentPorts = ['gateway', 'worker', 'detector'] as const satisfies (keyof Ports)[];
export const allPorts = ['temporal', 'ui', ...agentPorts] as const satisfies (keyof Ports)[];

/** Whether nothing listens on a port of this machine. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () =>
      server.close(() => resolve(true)),
    );
  });
}

/** Ports that other platforms of this user were given, running or not. */
function taken(except: string): Set<number> {
  const ports = platformNames()
    .filter((name) => name !== except)
    .map((name) => readRecord(platformPaths(name)))
    .flatMap((record) => [
      ...Object.values(record?.ports ?? {}),
      record?.temporal.server?.port ?? 0,
      record?.temporal.server?.uiPort ?? 0,
    ]);
  return new Set(ports);
}

/**
 * A port for every part that is needed: the one asked for, else the default, else the next free one.
 * @throws HomeostatError `bad-input` when a port that was asked for is in use.
 */
export async function choosePorts(
  name: string,
  needed: readonly (keyof Ports)[],
  asked: Partial<Ports>,
  say: (message: string) => void,
): Promise<Ports> {
  const used = taken(name);
  const chosen: Ports = { ...defaultPorts };
  for (const part of needed) {
    const wanted = asked[part];
    if (wanted !== undefined) {
      if (used.has(wanted) || !(await isFree(wanted))) {
        throw badInput(`port ${wanted} for ${part}`, 'it is in use; name another or leave it out');
      }
      chosen[part] = wanted;
    } else {
      let port = defaultPorts[part];
      while (used.has(port) || !(await isFree(port))) port += 1;
      if (port !== defaultPorts[part]) {
        say(`port ${defaultPorts[part]} (${part}) is in use, taking ${port}`);
      }
      chosen[part] = port;
    }
    used.add(chosen[part]);
  }
  return chosen;
}
