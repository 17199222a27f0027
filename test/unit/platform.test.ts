import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lackingCapabilities } from '../../src/client/platform/availability';
import { cached, isIntact } from '../../src/client/platform/cache';
import { Certificates } from '../../src/client/platform/certificates';
import { withLock } from '../../src/client/platform/lock';
import { addressesOf, overlap } from '../../src/client/platform/network';
import { platformPaths } from '../../src/client/platform/paths';
import { allPorts, choosePorts, defaultPorts } from '../../src/client/platform/ports';
import { end, identify, isAlive } from '../../src/client/platform/processes';
import { backoffMs } from '../../src/client/platform/supervisor';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'homeostat-test-'));
  process.env.HOMEOSTAT_STATE_DIR = path.join(folder, 'state');
  process.env.HOMEOSTAT_CACHE_DIR = path.join(folder, 'cache');
});

afterEach(() => {
  delete process.env.HOMEOSTAT_STATE_DIR;
  delete process.env.HOMEOSTAT_CACHE_DIR;
  rmSync(folder, { recursive: true, force: true });
});

describe('names', () => {
  test.each(['default', 'a', 'game-day-2'])('%s names a platform', (name) => {
    expect(platformPaths(name).state).toBe(path.join(folder, 'state', name));
  });

  test.each(['', 'A', '-a', 'a-', '../a', 'a/b', 'a'.repeat(31)])('"%s" does not', (name) => {
    expect(() => platformPaths(name)).toThrow(`platform name "${name}"`);
  });
});

describe('addresses', () => {
  test('no two platforms share a network', () => {
    const networks = Array.from({ length: 32 }, (_, index) => addressesOf(index)).flatMap(
      (found) => [`${found.host}/30`, found.nodes, found.services, found.pods],
    );
    const clashes = networks.filter((one, index) =>
      networks.some((other, place) => place > index && overlap(one, other)),
    );
    expect(clashes).toEqual([]);
  });

  test.each([
    ['10.0.0.0/8', '10.77.0.0/30', true],
    ['10.77.0.1', '10.77.0.0/30', true],
    ['10.77.0.4/30', '10.77.0.0/30', false],
    ['default', '10.77.0.0/30', false],
    ['0.0.0.0/0', '10.77.0.0/30', true],
  ])('%s and %s overlap: %s', (one, other, expected) => {
    expect(overlap(one, other)).toBe(expected);
  });
});

describe('ports', () => {
  test('one in use is said and the next taken; one asked for and in use is refused', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(defaultPorts.temporal, '127.0.0.1', resolve).once('error', () => resolve());
    });
    const said: string[] = [];
    const ports = await choosePorts('one', allPorts, {}, (message) => said.push(message));
    expect(ports.temporal).toBeGreaterThan(defaultPorts.temporal);
    expect(new Set(Object.values(ports)).size).toBe(Object.keys(defaultPorts).length);
    expect(said[0]).toBe(`port 7233 (temporal) is in use, taking ${ports.temporal}`);
    await expect(choosePorts('one', allPorts, { temporal: 7233 }, () => undefined)).rejects.toThrow(
      'in use',
    );
    server.close();
  });
});

describe('processes', () => {
  test('an identity is of one process, and ends with it', async () => {
    const child = spawn('sleep', ['60']);
    const identity = identify(child.pid as number);
    expect(isAlive(identity)).toBe(true);
    expect(isAlive(identity && { ...identity, started: '1' })).toBe(false);
    expect(isAlive(identity && { ...identity, boot: 'another' })).toBe(false);
    await end(identity ? [identity] : [], 1_000);
    expect(isAlive(identity)).toBe(false);
  });

  test('a part that keeps dying is started less and less often', () => {
    expect([0, 1, 2, 3, 4, 20].map(backoffMs)).toEqual([250, 250, 500, 1_000, 2_000, 10_000]);
  });
});

describe('the cache', () => {
  const write = (text: string) => async (draft: string) =>
    writeFileSync(path.join(draft, 'program'), text);

  test('builds once, and again when a file was changed', async () => {
    const build = jest.fn(write('right'));
    const entry = await cached('programs', 'k1', build);
    await cached('programs', 'k1', build);
    expect(build).toHaveBeenCalledTimes(1);
    writeFileSync(path.join(entry, 'program'), 'wrong');
    expect(await isIntact(entry)).toBe(false);
    await cached('programs', 'k1', build);
    expect(build).toHaveBeenCalledTimes(2);
    expect(readFileSync(path.join(entry, 'program'), 'utf8')).toBe('right');
  });

  test('a build that fails leaves no entry, and the next one succeeds', async () => {
    const broken = async (draft: string) => {
      await write('half')(draft);
      throw new Error('interrupted');
    };
    await expect(cached('programs', 'k2', broken)).rejects.toThrow('interrupted');
    const entry = await cached('programs', 'k2', write('whole'));
    expect(readFileSync(path.join(entry, 'program'), 'utf8')).toBe('whole');
  });

  test('a lock is held by one at a time', async () => {
    const file = path.join(folder, 'lock');
    const order: string[] = [];
    const work = (who: string) =>
      withLock(file, async () => {
        order.push(who);
        await sleep(50);
        order.push(who);
      });
    await Promise.all([work('a'), work('b'), work('c')]);
    expect(order.filter((_, index) => index % 2 === 0)).toEqual(
      order.filter((_, index) => index % 2 === 1),
    );
  });
});

test("the cluster's certificates are signed by its own authority, and made once", async () => {
  const certificates = new Certificates(path.join(folder, 'certificates'));
  await certificates.createControlPlane(addressesOf(3));
  const { certificate } = certificates.pair('apiserver');
  const verify = ['verify', '-CAfile', certificates.authority.certificate, certificate];
  expect(execFileSync('openssl', verify, { encoding: 'utf8' })).toContain('OK');
  const text = execFileSync('openssl', ['x509', '-in', certificate, '-noout', '-text'], {
    encoding: 'utf8',
  });
  expect(text).toContain(`IP Address:${addressesOf(3).controlPlane}`);
  expect(text).toContain('CA:FALSE');
  const before = readFileSync(certificate, 'utf8');
  await certificates.createControlPlane(addressesOf(3));
  expect(readFileSync(certificate, 'utf8')).toBe(before);
});

test('a machine that may not make networks is told so', () => {
  expect(lackingCapabilities('CapEff:\t000001ffffffffff\n')).toEqual([]);
  expect(lackingCapabilities('CapEff:\t00000000a80425fb\n')).toEqual([
    'CAP_NET_ADMIN',
    'CAP_SYS_ADMIN',
  ]);
});
